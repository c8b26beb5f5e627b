import { err, ok, type Result } from '@latchgate/protocol'
import { CODINGS, type ContentCoding } from './content-coding.js'

/** Status line and headers of a final answer. */
export interface ResponseHead {
  readonly status: number
  /** Lower-case names, in the order received, without those of this connection alone. */
  readonly headers: readonly (readonly [string, string])[]
  /** In the order in which they have to be undone. */
  readonly codings: readonly ContentCoding[]
  /** As announced; null when the body ends otherwise. */
  readonly contentLength: number | null
}

const MAX_CODINGS = 2

// RFC 9110 7.6.1, and what stops being true once the body is decoded.
const DROPPED: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Reads the header list as received. The error is the part of a message behind the host's name. */
export function parseResponseHead(
  status: number,
  rawHeaders: readonly (string | Uint8Array)[],
): Result<ResponseHead, string> {
  const all = pairs(rawHeaders)
  const transferCodings = values(all, 'transfer-encoding').filter((coding) => coding !== 'chunked')
  if (transferCodings.length > 0) return err('uses a transfer coding that was not offered')
  const applied = values(all, 'content-encoding').filter((coding) => coding !== 'identity')
  if (applied.length > MAX_CODINGS) return err(`uses more than ${MAX_CODINGS} content codings`)
  const codings = applied.flatMap((name) => CODINGS.get(name) ?? [])
  if (codings.length < applied.length) return err('uses a content coding that was not offered')
  const length = all.find(([name]) => name === 'content-length')?.[1]
  const kept = all.filter(
    ([name]) => !DROPPED.has(name) && !(name === 'content-length' && codings.length > 0),
  )
  return ok({
    status,
    headers: kept,
    codings: codings.reverse(),
    contentLength: length === undefined ? null : Number(length),
  })
}

function pairs(
  raw: readonly (string | Uint8Array)[],
): readonly (readonly [name: string, value: string])[] {
  const headers: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    headers.push([fieldText(raw[at] ?? '').toLowerCase(), fieldText(raw[at + 1] ?? '')])
  }
  return headers
}

function values(headers: readonly (readonly [string, string])[], name: string): readonly string[] {
  return headers
    .filter(([header]) => header === name)
    .flatMap(([, value]) => value.split(','))
    .map((value) => value.trim().toLowerCase())
    .filter((value) => value !== '')
}

// UTF-8 where it is valid, so that a search for a secret finds it as it was sent; else latin1.
function fieldText(field: string | Uint8Array): string {
  if (typeof field === 'string') return field
  const bytes = Buffer.from(field.buffer, field.byteOffset, field.byteLength)
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') ? bytes.toString('latin1') : text
}
