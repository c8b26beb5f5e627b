import { hex16, hexByte, hexDigit } from './hex-digits.js'
import { ENTITY_CODES, entityOf, MAX_ENTITY_NAME } from './html-entities.js'
import type { Readings } from './readings.js'
import { MAX_NESTING, readPercent, readUtf8 } from './utf8-character.js'

// How a character can be written in a response: as it is, percent-encoded (RFC 3986, and `+` for a
// space in forms), escaped as in JSON and JavaScript, or escaped as in HTML; each of them also
// applied to text that went through it before, as in JSON within JSON or `%2541`.

const PERCENT = 0x25
const AMPERSAND = 0x26
const BACKSLASH = 0x5c

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

/** Bytes that an encoded character can begin with. */
export function isEscapeLead(byte: number): boolean {
  return byte === PERCENT || byte === AMPERSAND || byte === BACKSLASH
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
