// How a character can be written in a response: as it is, percent-encoded (RFC 3986, and `+` for a
// space in forms), escaped as in JSON and JavaScript, or escaped as in HTML; each of them also
// applied to text that went through it before, as in JSON within JSON or `%2541`.

const PERCENT = 0x25
const AMPERSAND = 0x26
const BACKSLASH = 0x5c

/** Deepest repetition of one encoding that is followed. */
const MAX_NESTING = 3

/** Longest run of backslashes that is read as one; three nestings need eight. */
const MAX_BACKSLASHES = 16

const SHORT_ESCAPES: Readonly<Record<string, number>> = { b: 8, f: 12, n: 10, r: 13, t: 9 }

const ENTITIES: Readonly<Record<string, string>> = {
  '!': 'excl',
  '"': 'quot',
  '#': 'num',
  $: 'dollar',
  '%': 'percnt',
  '&': 'amp',
  "'": 'apos',
  '(': 'lpar',
  ')': 'rpar',
  '*': 'ast',
  '+': 'plus',
  ',': 'comma',
  '.': 'period',
  '/': 'sol',
  ':': 'colon',
  ';': 'semi',
  '<': 'lt',
  '=': 'equals',
  '>': 'gt',
  '?': 'quest',
  '@': 'commat',
  '[': 'lsqb',
  '\\': 'bsol',
  ']': 'rsqb',
  '^': 'Hat',
  _: 'lowbar',
  '`': 'grave',
  '{': 'lcub',
  '|': 'verbar',
  '}': 'rcub',
}

/** Bytes that an encoded character can begin with. */
export function isEscapeLead(byte: number): boolean {
  return byte === PERCENT || byte === AMPERSAND || byte === BACKSLASH
}

/**
 * Appends to `ends` where the writings of the character `code` that begin at `at` end. There can be
 * several: `%25` is a percent sign encoded, and also a percent sign before `25`.
 */
export function readCharacter(bytes: Uint8Array, at: number, code: number, ends: number[]): void {
  const lead = bytes[at]
  if (lead === undefined) return
  readPlain(bytes, at, code, ends)
  if (!isEscapeLead(lead)) return
  if (lead === PERCENT) readPercent(bytes, at, code, ends)
  const escaped = afterBackslashes(bytes, at)
  if (escaped >= 0) readEscape(bytes, at, escaped, code, ends)
  const entity = afterAmpersand(bytes, at)
  if (entity >= 0) readEntity(bytes, entity, code, ends)
}

/** Skips line breaks, plain or escaped, of which wrapped Base64 has one each 64 or 76 characters. */
export function skipLineBreaks(bytes: Uint8Array, at: number): number {
  let position = at
  for (let count = 0; count < 8; count += 1) {
    const ends: number[] = []
    readCharacter(bytes, position, 0x0a, ends)
    readCharacter(bytes, position, 0x0d, ends)
    const end = ends.at(-1)
    if (end === undefined) return position
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
  const short = Object.keys(SHORT_ESCAPES).find((letter) => SHORT_ESCAPES[letter] === code)
  if (short !== undefined) add(BACKSLASH, short)
  if (isPunctuation(code)) add(BACKSLASH, String.fromCharCode(code))
  // `&amp;…` begins a nested one.
  add(AMPERSAND, `#a${entityOf(code)?.slice(0, 1) ?? ''}`)
  return pairs
}

/** UTF-8 bytes of a character. */
export function utf8(code: number): Uint8Array {
  return Buffer.from(String.fromCodePoint(code), 'utf8')
}

function readPlain(bytes: Uint8Array, at: number, code: number, ends: number[]): void {
  if (code < 0x80) {
    const isFormSpace = code === 0x20 && bytes[at] === 0x2b
    if (bytes[at] === code || isFormSpace) ends.push(at + 1)
    return
  }
  const encoded = utf8(code)
  for (const [index, byte] of encoded.entries()) {
    if (bytes[at + index] !== byte) return
  }
  ends.push(at + encoded.length)
}

// `%2f`, `%252f`, `%25252f`: every byte of the character in the same depth.
function readPercent(bytes: Uint8Array, at: number, code: number, ends: number[]): void {
  const encoded = code < 0x80 ? [code] : utf8(code)
  for (let depth = 0; depth <= MAX_NESTING; depth += 1) {
    let position = at
    for (const byte of encoded) {
      position = percentByte(bytes, position, depth, byte)
      if (position < 0) break
    }
    if (position >= 0) ends.push(position)
    if (hexByte(bytes, at + 1 + depth * 2) !== PERCENT) return
  }
}

function percentByte(bytes: Uint8Array, at: number, depth: number, byte: number): number {
  if (bytes[at] !== PERCENT) return -1
  let position = at + 1
  for (let level = 0; level < depth; level += 1, position += 2) {
    if (hexByte(bytes, position) !== PERCENT) return -1
  }
  return hexByte(bytes, position) === byte ? position + 2 : -1
}

// JSON within JSON doubles backslashes, so a run of them is one. `%5c` is one in a URL.
function afterBackslashes(bytes: Uint8Array, at: number): number {
  let position = at
  while (position - at < MAX_BACKSLASHES) {
    if (bytes[position] === BACKSLASH) position += 1
    else if (bytes[position] === PERCENT && hexByte(bytes, position + 1) === BACKSLASH)
      position += 3
    else break
  }
  return position > at ? position : -1
}

function readEscape(
  bytes: Uint8Array,
  at: number,
  after: number,
  code: number,
  ends: number[],
): void {
  if (code === BACKSLASH) {
    for (const length of [2, 4, 8]) if (at + length <= after) ends.push(at + length)
  }
  const letter = bytes[after]
  if (letter === undefined) return
  if (letter === 0x75) readUnicodeEscape(bytes, after + 1, code, ends)
  else if (letter === 0x78 && hexByte(bytes, after + 1) === code) ends.push(after + 3)
  else if (letter === code && isPunctuation(code)) ends.push(after + 1)
  else if (SHORT_ESCAPES[String.fromCharCode(letter)] === code) ends.push(after + 1)
}

function readUnicodeEscape(bytes: Uint8Array, at: number, code: number, ends: number[]): void {
  const text = String.fromCodePoint(code)
  if (hex16(bytes, at) !== text.charCodeAt(0)) return
  if (text.length === 1) {
    ends.push(at + 4)
    return
  }
  const low = afterBackslashes(bytes, at + 4)
  if (low < 0 || bytes[low] !== 0x75) return
  if (hex16(bytes, low + 1) === text.charCodeAt(1)) ends.push(low + 5)
}

// `&`, `%26` and the `\u0026` that some JSON writers make of it, and the `amp;` of nested HTML.
function afterAmpersand(bytes: Uint8Array, at: number): number {
  if (bytes[at] === AMPERSAND) return at + 1
  if (bytes[at] === PERCENT && hexByte(bytes, at + 1) === AMPERSAND) return at + 3
  const escaped = afterBackslashes(bytes, at)
  if (escaped < 0 || bytes[escaped] !== 0x75) return -1
  return hex16(bytes, escaped + 1) === AMPERSAND ? escaped + 5 : -1
}

function readEntity(bytes: Uint8Array, at: number, code: number, ends: number[]): void {
  const name = code < 0x80 ? entityOf(code) : undefined
  let position = at
  if (code === AMPERSAND) ends.push(at)
  for (let depth = 0; depth <= MAX_NESTING; depth += 1) {
    if (bytes[position] === 0x23) readCharacterReference(bytes, position + 1, code, ends)
    if (name !== undefined && startsWith(bytes, position, `${name};`)) {
      ends.push(position + name.length + 1)
    }
    if (!startsWith(bytes, position, 'amp;')) return
    position += 4
  }
}

// `&#47;`, `&#x2F;`, with leading zeros; the semicolon may be missing.
function readCharacterReference(bytes: Uint8Array, at: number, code: number, ends: number[]): void {
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
  if (position === start || value !== code) return
  ends.push(bytes[position] === 0x3b ? position + 1 : position)
}

function entityOf(code: number): string | undefined {
  return ENTITIES[String.fromCodePoint(code)]
}

function isPunctuation(code: number): boolean {
  return code > 0x20 && code < 0x7f && !/[A-Za-z0-9]/.test(String.fromCharCode(code))
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
