// Reads the one document of a call. Strings are decoded in place: a decoded string is never longer
// than its escapes, so the writer stays behind the reader.

const MAX_DEPTH: i32 = 64

let cursor: usize = 0
let end: usize = 0

/** Why the last function returned false. */
export let problem: string = ''
/** The last string read. */
export let stringPointer: usize = 0
export let stringLength: usize = 0
/** The last number read. */
export let integer: u32 = 0

export function open(source: usize, length: usize): void {
  cursor = source
  end = source + length
}

/** The next byte that is not white space, or 0 at the end. */
export function peek(): u8 {
  while (cursor < end) {
    const byte = load<u8>(cursor)
    if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) return byte
    cursor += 1
  }
  return 0
}

/** Reads `byte`, and white space before it. */
export function accept(byte: u8): bool {
  if (peek() != byte) return false
  cursor += 1
  return true
}

export function expect(byte: u8, otherwise: string): bool {
  return accept(byte) || fail(otherwise)
}

export function readEnd(): bool {
  return (peek() == 0 && cursor == end) || fail('unexpected text after the document')
}

export function readNull(): bool {
  return readWord('null')
}

/** Whether the last string read is `text`. */
export function isString(text: string): bool {
  if (stringLength != text.length) return false
  const characters = changetype<usize>(text)
  for (let index: usize = 0; index < stringLength; index++) {
    if (<u16>load<u8>(stringPointer + index) != load<u16>(characters + (index << 1))) return false
  }
  return true
}

export function readString(): bool {
  if (!expect(0x22, 'expected a string')) return false
  const start = cursor
  let to = cursor
  while (cursor < end) {
    const byte = load<u8>(cursor)
    if (byte == 0x22) {
      cursor += 1
      stringPointer = start
      stringLength = to - start
      return true
    }
    if (byte < 0x20) return fail('control character in a string')
    if (byte == 0x5c) {
      to = readEscape(to)
      if (to == 0) return false
    } else {
      store<u8>(to, byte)
      cursor += 1
      to += 1
    }
  }
  return fail('unterminated string')
}

/** Reads an integer from 0 to 2^32-1. */
export function readInteger(): bool {
  let value: u64 = 0
  if (peek() == 0x30) {
    cursor += 1
  } else {
    const start = cursor
    while (cursor < end && isDigit(load<u8>(cursor)) && value <= <u64>u32.MAX_VALUE) {
      value = value * 10 + (load<u8>(cursor) - 0x30)
      cursor += 1
    }
    if (cursor == start || value > <u64>u32.MAX_VALUE) return fail('expected an integer below 2^32')
  }
  integer = value as u32
  const next: u8 = cursor < end ? load<u8>(cursor) : 0
  const goesOn = isDigit(next) || next == 0x2e || (next | 0x20) == 0x65
  return !goesOn || fail('expected an integer below 2^32')
}

/** Reads any value and forgets it. */
export function skipValue(depth: i32 = 0): bool {
  const byte = peek()
  if (byte == 0x22) return readString()
  if (byte == 0x7b || byte == 0x5b) return skipContainer(depth)
  if (byte == 0x74) return readWord('true')
  if (byte == 0x66) return readWord('false')
  if (byte == 0x6e) return readWord('null')
  return skipNumber()
}

export function fail(reason: string): bool {
  problem = reason
  return false
}

function skipContainer(depth: i32): bool {
  if (depth >= MAX_DEPTH) return fail('nested too deeply')
  const isObject = load<u8>(cursor) == 0x7b
  const close: u8 = isObject ? 0x7d : 0x5d
  cursor += 1
  if (accept(close)) return true
  do {
    if (isObject && !(readString() && expect(0x3a, 'expected a colon'))) return false
    if (!skipValue(depth + 1)) return false
  } while (accept(0x2c))
  return expect(close, 'expected a comma or the end of the container')
}

function skipNumber(): bool {
  if (cursor < end && load<u8>(cursor) == 0x2d) cursor += 1
  const start = cursor
  if (!skipDigits()) return fail('expected a value')
  if (load<u8>(start) == 0x30 && cursor - start > 1) return fail('a number begins with zero')
  if (cursor < end && load<u8>(cursor) == 0x2e) {
    cursor += 1
    if (!skipDigits()) return fail('expected a digit')
  }
  if (cursor < end && (load<u8>(cursor) | 0x20) == 0x65) {
    cursor += 1
    if (cursor < end && (load<u8>(cursor) == 0x2b || load<u8>(cursor) == 0x2d)) cursor += 1
    if (!skipDigits()) return fail('expected a digit')
  }
  return true
}

function skipDigits(): bool {
  const start = cursor
  while (cursor < end && isDigit(load<u8>(cursor))) cursor += 1
  return cursor > start
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39
}

function readWord(word: string): bool {
  const length = word.length as usize
  if (end - cursor < length) return fail('expected a value')
  const characters = changetype<usize>(word)
  for (let index: usize = 0; index < length; index++) {
    if (<u16>load<u8>(cursor + index) != load<u16>(characters + (index << 1))) {
      return fail('expected a value')
    }
  }
  cursor += length
  return true
}

// Returns where the next byte of the string goes, 0 for a fault.
function readEscape(to: usize): usize {
  if (end - cursor < 2) return fault('unterminated string')
  const kind = load<u8>(cursor + 1)
  if (kind == 0x75) return readUnicodeEscape(to)
  let byte: u8 = 0
  if (kind == 0x22 || kind == 0x5c || kind == 0x2f) byte = kind
  else if (kind == 0x62) byte = 0x08
  else if (kind == 0x66) byte = 0x0c
  else if (kind == 0x6e) byte = 0x0a
  else if (kind == 0x72) byte = 0x0d
  else if (kind == 0x74) byte = 0x09
  else return fault('unknown escape')
  store<u8>(to, byte)
  cursor += 2
  return to + 1
}

function readUnicodeEscape(to: usize): usize {
  let code = readCodeUnit()
  if (code < 0) return fault('malformed \\u escape')
  if (code >= 0xd800 && code < 0xe000) {
    const low = code < 0xdc00 ? readCodeUnit() : -1
    if (low < 0xdc00 || low >= 0xe000) return fault('lone surrogate')
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
  }
  return writeCodePoint(to, code)
}

// `\uXXXX` at the cursor, or -1.
function readCodeUnit(): i32 {
  if (end - cursor < 6 || load<u16>(cursor) != 0x755c) return -1
  let value: i32 = 0
  for (let index: usize = 2; index < 6; index++) {
    const byte = load<u8>(cursor + index)
    const letter = byte | 0x20
    if (isDigit(byte)) value = (value << 4) | (byte - 0x30)
    else if (letter >= 0x61 && letter <= 0x66) value = (value << 4) | (letter - 0x57)
    else return -1
  }
  cursor += 6
  return value
}

function writeCodePoint(to: usize, code: i32): usize {
  if (code < 0x80) {
    store<u8>(to, code as u8)
    return to + 1
  }
  if (code < 0x800) {
    store<u8>(to, (0xc0 | (code >> 6)) as u8)
    store<u8>(to + 1, (0x80 | (code & 63)) as u8)
    return to + 2
  }
  if (code < 0x10000) {
    store<u8>(to, (0xe0 | (code >> 12)) as u8)
    store<u8>(to + 1, (0x80 | ((code >> 6) & 63)) as u8)
    store<u8>(to + 2, (0x80 | (code & 63)) as u8)
    return to + 3
  }
  store<u8>(to, (0xf0 | (code >> 18)) as u8)
  store<u8>(to + 1, (0x80 | ((code >> 12) & 63)) as u8)
  store<u8>(to + 2, (0x80 | ((code >> 6) & 63)) as u8)
  store<u8>(to + 3, (0x80 | (code & 63)) as u8)
  return to + 4
}

function fault(reason: string): usize {
  problem = reason
  return 0
}
