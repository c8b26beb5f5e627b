import { hexByte } from './hex-digits.js'
import type { Readings } from './readings.js'

const PERCENT = 0x25

/** Deepest repetition of one encoding that is followed. */
export const MAX_NESTING = 3

/** Reads a character beyond ASCII that is there as it is. */
export function readUtf8(bytes: Uint8Array, at: number, out: Readings): void {
  const length = utf8Length(bytes[at] ?? 0)
  let code = (bytes[at] ?? 0) & (0x7f >> length)
  for (let index = 1; index < length; index += 1) {
    const byte = bytes[at + index] ?? 0
    if ((byte & 0xc0) !== 0x80) return
    code = code * 64 + (byte & 0x3f)
  }
  if (length > 1) out.add(code, at + length)
}

/** `%2f`, `%252f`, `%25252f`: every byte of the character in the same depth. */
export function readPercent(bytes: Uint8Array, at: number, out: Readings): void {
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
