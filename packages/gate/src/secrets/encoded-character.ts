import { ENTITY_CODES, entityOf, MAX_ENTITY_NAME } from './html-entities.js'

// How a character can be written in a response: as it is, percent-encoded (RFC 3986, and `+` for a
// space in forms), escaped as in JSON and JavaScript, or escaped as in HTML; each of them also
// applied to text that went through it before, as in JSON within JSON or `%2541`.

const PERCENT = 0x25
const AMPERSAND = 0x26
const BACKSLASH = 0x5c

/** Deepest repetition of one encoding that is followed. */
const MAX_NESTING = 3

/** Longest run of backslashes that is read as one; three nestings of a quote need seven. */
const MAX_BACKSLASHES = 16

/** By the letter's code: `\n` is 10. */
const SHORT_ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x62, 8],
  [0x66, 12],
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
])

const AMP = 'amp'

/** More than any place in a text can be read as. */
const MAX_READINGS = 32

/** Bytes that an encoded character can begin with. */
export function isEscapeLead(byte: number): boolean {
  return byte === PERCENT || byte === AMPERSAND || byte === BACKSLASH
}

/**
 * What stands at a place of a text: which characters, and where the writing of each ends. There can
 * be several: `%25` is a percent sign encoded, and also a percent sign before `25`. One object serves
 * a whole search, so that nothing is allocated for a place.
 */
export class Readings {
  readonly codes: Int32Array = new Int32Array(MAX_READINGS)
  readonly ends: Int32Array = new Int32Array(MAX_READINGS)
  count = 0
  /** About how many bytes were looked at, ever. */
  steps = 0

  add(code: number, end: number): void {
    this.codes[this.count] = code
    this.ends[this.count] = end
    this.count += 1
  }
}

/** Fills `out` with all readings at `at`. The work has a bound, whatever stands there. */
export function readAt(bytes: Uint8Array, at: number, out: Readings): void {
  out.count = 0
  out.steps += 1
  const lead = bytes[at]
  if (lead === undefined) return
  if (lead >= 0x80) return readUtf8(bytes, at, out)
  out.add(lead, at + 1)
  if (lead === 0x2b) out.add(0x20, at + 1)
  if (!isEscapeLead(lead)) return
  out.steps += 4
  if (lead === PERCENT) readPercent(bytes, at, out)
  const escaped = lead === AMPERSAND ? -1 : afterBackslashes(bytes, at, out, true)
  if (escaped >= 0) readEscape(bytes, escaped, out)
  const entity = afterAmpersand(bytes, at, escaped)
  if (entity < 0) return
  if (lead !== AMPERSAND) out.add(AMPERSAND, entity)
  readEntity(bytes, entity, out)
}

/** Skips line breaks, plain or escaped, of which wrapped Base64 has one each 64 or 76 characters. */
export function skipLineBreaks(bytes: Uint8Array, at: number, scratch: Readings): number {
  let position = at
  for (let count = 0; count < 8; count += 1) {
    readAt(bytes, position, scratch)
    let end = -1
    for (let index = 0; index < scratch.count; index += 1) {
      const code = scratch.codes[index]
      if (code === 0x0a || code === 0x0d) end = scratch.ends[index] ?? -1
    }
    if (end < 0) return position
    position = end
  }
  return position
}

/** The bytes with which the writings of a character begin, as pairs of a first and a second byte. */
export function escapedBeginnings(code: number): readonly (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = []
  const add = (first: number, seconds: string): void => {
    for (const second of Buffer.from(seconds, 'latin1')) pairs.push([first, second])
  }
  const [firstByte = 0] = utf8(code)
  const digit = (firstByte >> 4).toString(16)
  // `%25…`, `%26…` and `%5c…` begin nested encodings.
  add(PERCENT, `${digit}${digit.toUpperCase()}25`)
  add(BACKSLASH, 'ux')
  for (const [letter, stands] of SHORT_ESCAPES) {
    if (stands === code) add(BACKSLASH, String.fromCharCode(letter))
  }
  if (isPunctuation(code)) add(BACKSLASH, String.fromCharCode(code))
  // `&amp;…` begins a nested one.
  add(AMPERSAND, `#a${entityOf(code)?.slice(0, 1) ?? ''}`)
  return pairs
}

/** UTF-8 bytes of a character. */
export function utf8(code: number): Uint8Array {
  return Buffer.from(String.fromCodePoint(code), 'utf8')
}

function readUtf8(bytes: Uint8Array, at: number, out: Readings): void {
  const length = utf8Length(bytes[at] ?? 0)
  let code = (bytes[at] ?? 0) & (0x7f >> length)
  for (let index = 1; index < length; index += 1) {
    const byte = bytes[at + index] ?? 0
    if ((byte & 0xc0) !== 0x80) return
    code = code * 64 + (byte & 0x3f)
  }
  if (length > 1) out.add(code, at + length)
}

// `%2f`, `%252f`, `%25252f`: every byte of the character in the same depth.
function readPercent(bytes: Uint8Array, at: number, out: Readings): void {
  for (let depth = 0; depth <= MAX_NESTING; depth += 1) {
    const end = at + 3 + depth * 2
    const byte = hexByte(bytes, end - 2)
    if (byte >= 0 && byte < 0x80) out.add(byte, end)
    else if (byte >= 0) readPercentUtf8(bytes, end, depth, byte, out)
    if (byte !== PERCENT) return
  }
}

function readPercentUtf8(
  bytes: Uint8Array,
  at: number,
  depth: number,
  first: number,
  out: Readings,
): void {
  const length = utf8Length(first)
  let code = first & (0x7f >> length)
  let position = at
  for (let index = 1; index < length; index += 1) {
    if (bytes[position] !== PERCENT) return
    position += 1
    for (let level = 0; level < depth; level += 1, position += 2) {
      if (hexByte(bytes, position) !== PERCENT) return
    }
    const byte = hexByte(bytes, position)
    if ((byte & 0xc0) !== 0x80) return
    code = code * 64 + (byte & 0x3f)
    position += 2
  }
  if (length > 1) out.add(code, position)
}

// Length of a sequence by its first byte; 1 for a byte that begins none.
function utf8Length(first: number): number {
  if (first >= 0xf0) return first <= 0xf4 ? 4 : 1
  if (first >= 0xe0) return 3
  return first >= 0xc2 ? 2 : 1
}

// JSON within JSON doubles backslashes, so a run of them is one. `%5c` is one in a URL.
function afterBackslashes(bytes: Uint8Array, at: number, out: Readings, reads: boolean): number {
  let position = at
  let count = 0
  for (; count < MAX_BACKSLASHES; count += 1) {
    if (bytes[position] === BACKSLASH) position += 1
    else if (bytes[position] === PERCENT && hexByte(bytes, position + 1) === BACKSLASH)
      position += 3
    else break
    if (reads && (count === 1 || count === 3 || count === 7)) out.add(BACKSLASH, position)
  }
  out.steps += count
  return count > 0 ? position : -1
}

function readEscape(bytes: Uint8Array, after: number, out: Readings): void {
  const letter = bytes[after]
  if (letter === undefined) return
  if (letter === 0x75) return readUnicodeEscape(bytes, after + 1, out)
  if (letter === 0x78) {
    const code = hexByte(bytes, after + 1)
    if (code >= 0) out.add(code, after + 3)
    return
  }
  if (isPunctuation(letter)) out.add(letter, after + 1)
  const short = SHORT_ESCAPES.get(letter)
  if (short !== undefined) out.add(short, after + 1)
}

function readUnicodeEscape(bytes: Uint8Array, at: number, out: Readings): void {
  const unit = hex16(bytes, at)
  if (unit < 0) return
  if (unit < 0xd800 || unit > 0xdbff) return out.add(unit, at + 4)
  const second = afterBackslashes(bytes, at + 4, out, false)
  if (second < 0 || bytes[second] !== 0x75) return
  const low = hex16(bytes, second + 1)
  if (low < 0xdc00 || low > 0xdfff) return
  out.add(0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00), second + 5)
}

// `&`, `%26` and the `\u0026` that some JSON writers make of it, and the `amp;` of nested HTML.
function afterAmpersand(bytes: Uint8Array, at: number, escaped: number): number {
  if (bytes[at] === AMPERSAND) return at + 1
  if (bytes[at] === PERCENT && hexByte(bytes, at + 1) === AMPERSAND) return at + 3
  if (escaped < 0 || bytes[escaped] !== 0x75) return -1
  return hex16(bytes, escaped + 1) === AMPERSAND ? escaped + 5 : -1
}

function readEntity(bytes: Uint8Array, at: number, out: Readings): void {
  let position = at
  for (let depth = 0; depth <= MAX_NESTING; depth += 1) {
    out.steps += 4
    if (bytes[position] === 0x23) return readCharacterReference(bytes, position + 1, out)
    readEntityName(bytes, position, out)
    if (!startsWith(bytes, position, AMP) || bytes[position + AMP.length] !== 0x3b) return
    position += AMP.length + 1
  }
}

function readEntityName(bytes: Uint8Array, at: number, out: Readings): void {
  let key = 0
  for (let length = 0; length <= MAX_ENTITY_NAME; length += 1) {
    const byte = bytes[at + length] ?? 0
    if (byte === 0x3b) {
      const code = ENTITY_CODES.get(key)
      if (code !== undefined) out.add(code, at + length + 1)
      return
    }
    const lower = byte | 0x20
    if (lower < 0x61 || lower > 0x7a) return
    key = key * 128 + byte
  }
}

// `&#47;`, `&#x2F;`, with leading zeros; the semicolon may be missing.
function readCharacterReference(bytes: Uint8Array, at: number, out: Readings): void {
  const isHex = bytes[at] === 0x78 || bytes[at] === 0x58
  const base = isHex ? 16 : 10
  let position = isHex ? at + 1 : at
  let value = 0
  const start = position
  for (; position - start < 8; position += 1) {
    const digit = hexDigit(bytes[position])
    if (digit < 0 || digit >= base) break
    value = value * base + digit
  }
  if (position === start || value > 0x10ffff) return
  out.add(value, bytes[position] === 0x3b ? position + 1 : position)
}

function isPunctuation(code: number): boolean {
  if (code <= 0x20 || code >= 0x7f || (code >= 0x30 && code <= 0x39)) return false
  const lower = code | 0x20
  return lower < 0x61 || lower > 0x7a
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false
  }
  return true
}

function hex16(bytes: Uint8Array, at: number): number {
  const high = hexByte(bytes, at)
  const low = hexByte(bytes, at + 2)
  return high < 0 || low < 0 ? -1 : high * 256 + low
}

/** Value of two hex digits, or -1. */
export function hexByte(bytes: Uint8Array, at: number): number {
  const high = hexDigit(bytes[at])
  const low = hexDigit(bytes[at + 1])
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
