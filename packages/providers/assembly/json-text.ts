import { escapeGrowth, findSpecials } from './json-writer'

const HIGH_BITS: u64 = 0x8080808080808080

/** What `escapedSize` returns for bytes that are not UTF-8. */
export const NOT_TEXT: u64 = u64.MAX_VALUE

/**
 * Size of the bytes as the inside of a JSON string, or `NOT_TEXT` when they are not well-formed UTF-8
 * (Unicode table 3-7).
 */
export function escapedSize(source: usize, length: usize): u64 {
  let size: u64 = length as u64
  const end = source + length
  while (end - source >= 8) {
    const word = load<u64>(source)
    const marks = findSpecials(word) | (word & HIGH_BITS)
    source += (ctz(marks) >> 3) as usize
    if (marks != 0) {
      const byte = load<u8>(source)
      if (byte < 0x80) {
        size += escapeGrowth(byte)
        source += 1
      } else {
        source = skipSequences(source, end)
        if (source == 0) return NOT_TEXT
      }
    }
  }
  return tailSize(size, source, end)
}

function tailSize(before: u64, source: usize, end: usize): u64 {
  let size = before
  while (source < end) {
    const byte = load<u8>(source)
    if (byte < 0x80) {
      size += escapeGrowth(byte)
      source += 1
    } else {
      source = skipSequences(source, end)
      if (source == 0) return NOT_TEXT
    }
  }
  return size
}

// Skips characters of more than one byte; 0 for an ill-formed one.
function skipSequences(source: usize, end: usize): usize {
  while (source < end && load<u8>(source) >= 0x80) {
    const size = sequenceSize(source, end)
    if (size == 0) return 0
    source += size
  }
  return source
}

// 0 for an ill-formed sequence: overlong, a surrogate, beyond U+10FFFF, cut short.
function sequenceSize(source: usize, end: usize): usize {
  const lead = load<u8>(source)
  const size: usize = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (lead < 0xc2 || lead > 0xf4 || end - source < size) return 0
  const second = load<u8>(source + 1)
  const lowest: u8 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80
  const highest: u8 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf
  if (second < lowest || second > highest) return 0
  if (size > 2 && (load<u8>(source + 2) & 0xc0) != 0x80) return 0
  if (size > 3 && (load<u8>(source + 3) & 0xc0) != 0x80) return 0
  return size
}
