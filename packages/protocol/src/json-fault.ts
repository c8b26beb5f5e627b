import { sanitizeText } from './sanitize.js'

/** Why a text is not acceptable JSON. */
export type JsonFaultReason =
  | 'empty'
  | 'utf8'
  | 'bom'
  | 'syntax'
  | 'trailing'
  | 'duplicate_key'
  | 'depth'
  | 'unsafe_integer'
  | 'number_range'
  | 'lone_surrogate'

const MEANINGS: Readonly<Record<JsonFaultReason, string>> = {
  empty: 'the text is empty',
  utf8: 'the bytes are not UTF-8',
  bom: 'the text begins with a byte order mark',
  syntax: 'not JSON',
  trailing: 'more text after the value',
  duplicate_key: 'the object already has this member',
  depth: 'nested too deeply',
  unsafe_integer: 'an integer beyond 2^53-1 does not survive as a number; send it as a string',
  number_range: 'a number too large to represent',
  lone_surrogate: 'half of a surrogate pair is not a character',
}

const MAX_PATH = 512

/** A text that `parseJson` refuses, and where. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault'
  readonly reason: JsonFaultReason
  /** JSON pointer (RFC 6901) to the value at fault; cut to 512 characters. */
  readonly path: string
  /** Bytes from the start of the text in UTF-8. */
  readonly offset: number

  constructor(reason: JsonFaultReason, path: string, offset: number) {
    // The path is made of member names that the sender chose: it must not fill a log or a record.
    const shown = path.length > MAX_PATH ? `${path.slice(0, MAX_PATH)}…`.toWellFormed() : path
    const place = `${shown === '' ? '' : `${sanitizeText(shown, 200)}, `}byte ${offset}`
    super(`${MEANINGS[reason]} (at ${place})`)
    this.reason = reason
    this.path = shown
    this.offset = offset
  }
}

/** A member name as a reference token of a JSON pointer (RFC 6901 3). */
export function escapePointer(member: string): string {
  return member.replaceAll('~', '~0').replaceAll('/', '~1')
}
