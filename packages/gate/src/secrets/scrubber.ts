import { hexByte } from './encoded-character.js'
import { beginnings, matchEnd, patternsOf, type SecretPattern } from './secret-pattern.js'

/** What stands where a secret was (spec/actions-and-providers 17.3). */
export const REDACTION_MARKER = '***REDACTED***'

const MARKER = Buffer.from(REDACTION_MARKER, 'latin1')

const LATIN1_BEYOND_ASCII = /^[\0-\xff]*[\x80-\xff][\0-\xff]*$/

/**
 * Finds secrets in what comes back from an upstream and replaces them, before a provider or an agent
 * sees it (design 8, Scrubbing): as they are, in Base64 (both alphabets, at any position within a
 * larger text, wrapped or not), in hexadecimal, in UTF-16, percent-encoded, JSON- and HTML-escaped,
 * fully, in part or repeatedly, and, for a secret that is a URL, by its path.
 *
 * It is a net and no proof: an upstream that wants to pass a secret on can encrypt it.
 */
export class Scrubber {
  readonly #patterns: readonly SecretPattern[]
  /** Patterns by their plain first byte. */
  readonly #byFirst: ReadonlyMap<number, readonly SecretPattern[]>
  /** 1 at `first byte * 256 + second byte` where a match can begin. */
  readonly #beginnings: Uint8Array
  /** What an escape at the beginning of a pattern can stand for. */
  readonly #firstCodes: ReadonlySet<number>
  /** First characters of the patterns themselves: one may begin with `%41` or `\u0041`. */
  readonly #plainFirsts: ReadonlySet<number>

  constructor(values: readonly string[]) {
    this.#patterns = [...new Set(values)].flatMap(patternsOf)
    this.#beginnings = new Uint8Array(this.#patterns.length === 0 ? 0 : 1 << 16)
    const byFirst = new Map<number, SecretPattern[]>()
    const firstCodes = new Set([0x25, 0x26, 0x5c])
    for (const one of this.#patterns) {
      firstCodes.add(one.codes[0] ?? 0)
      if (one.anyCase) firstCodes.add((one.codes[0] ?? 0) & ~0x20)
      const firsts = new Set<number>()
      for (const [first, second] of beginnings(one)) {
        this.#beginnings[first * 256 + second] = 1
        firsts.add(first)
      }
      for (const first of firsts) {
        const others = byFirst.get(first)
        if (others === undefined) byFirst.set(first, [one])
        else others.push(one)
      }
    }
    this.#byFirst = byFirst
    this.#firstCodes = firstCodes
    this.#plainFirsts = new Set(this.#patterns.map(({ codes }) => codes[0] ?? 0))
  }

  /** The same bytes when nothing was found, a changed copy otherwise. */
  bytes(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly found: boolean } {
    const ranges = this.#find(bytes)
    if (ranges.length === 0) return { bytes, found: false }
    const pieces: Uint8Array[] = []
    let from = 0
    for (const [start, end] of ranges) {
      pieces.push(bytes.subarray(from, start), MARKER)
      from = end
    }
    pieces.push(bytes.subarray(from))
    return { bytes: new Uint8Array(Buffer.concat(pieces)), found: true }
  }

  /** As `bytes`, for header values, error texts and log messages. */
  text(text: string): { readonly text: string; readonly found: boolean } {
    const first = this.#textAs('utf8', text)
    // A header is decoded as Latin-1, so a secret in UTF-8 is in it as other characters.
    if (!LATIN1_BEYOND_ASCII.test(first.text)) return first
    const second = this.#textAs('latin1', first.text)
    return { text: second.text, found: first.found || second.found }
  }

  #textAs(encoding: 'utf8' | 'latin1', text: string): ReturnType<Scrubber['text']> {
    if (this.#patterns.length === 0) return { text, found: false }
    const { bytes, found } = this.bytes(Buffer.from(text, encoding))
    return { text: found ? Buffer.from(bytes).toString(encoding) : text, found }
  }

  // Ranges to replace, in order and apart from each other.
  #find(bytes: Uint8Array): readonly (readonly [number, number])[] {
    const ranges: [number, number][] = []
    if (this.#patterns.length === 0) return ranges
    const table = this.#beginnings
    const last = bytes.length - 1
    let first = bytes[0] ?? 0
    for (let at = 0; at < last; at += 1) {
      const second = bytes[at + 1] ?? 0
      if (table[first * 256 + second] === 1) this.#tryAt(bytes, at, ranges)
      first = second
    }
    return ranges
  }

  #tryAt(bytes: Uint8Array, at: number, ranges: [number, number][]): void {
    if (!this.#canBegin(bytes, at)) return
    for (const one of this.#byFirst.get(bytes[at] ?? 0) ?? []) {
      const end = matchEnd(bytes, at, one)
      if (end >= 0) addRange(ranges, widened(bytes, at, end, one))
    }
  }

  // A body in `\u` escapes has one at every sixth byte: most are told apart by their value.
  #canBegin(bytes: Uint8Array, at: number): boolean {
    if (this.#plainFirsts.has(bytes[at] ?? 0)) return true
    if (bytes[at] === 0x5c && bytes[at + 1] === 0x75) {
      const high = hexByte(bytes, at + 2)
      const low = hexByte(bytes, at + 4)
      const isSurrogate = high >= 0xd8 && high <= 0xdb
      return isSurrogate || this.#firstCodes.has(high * 256 + low)
    }
    if (bytes[at] !== 0x25) return true
    const byte = hexByte(bytes, at + 1)
    return byte < 0 || byte >= 0x80 || this.#firstCodes.has(byte)
  }
}

function addRange(ranges: [number, number][], [start, end]: readonly [number, number]): void {
  let from = start
  let to = end
  let previous = ranges.at(-1)
  while (previous !== undefined && previous[1] >= from) {
    ranges.pop()
    from = Math.min(from, previous[0])
    to = Math.max(to, previous[1])
    previous = ranges.at(-1)
  }
  ranges.push([from, to])
}

function widened(
  bytes: Uint8Array,
  at: number,
  end: number,
  { partialBefore, partialAfter }: SecretPattern,
): readonly [number, number] {
  let start = at
  let stop = end
  if (partialBefore && isBase64(bytes[start - 1])) start -= 1
  if (partialAfter && isBase64(bytes[stop])) stop += 1
  if (partialAfter) while (bytes[stop] === 0x3d && stop - end < 3) stop += 1
  // Half an escape would be left, and with it JSON that no longer parses.
  while (start > 0 && bytes[start - 1] === 0x5c) start -= 1
  return [start, stop]
}

function isBase64(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z0-9+/_-]/.test(String.fromCharCode(byte))
}
