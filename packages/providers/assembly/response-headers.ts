import { HEADER_SIZE } from './io-http'
import { escapedSize } from './json-text'
import { writeEscaped, writeText } from './json-writer'
import { allocate } from './memory'

/** Upper bound of what `writeHeaders` writes. */
export function headersSize(headers: usize, count: usize): u64 {
  let size: u64 = 2
  for (let index: usize = 0; index < count; index++) {
    const entry = headers + index * HEADER_SIZE
    size += 6 + escapedSize(load<usize>(entry), load<usize>(entry + 4))
    size += escapedSize(load<usize>(entry + 8), load<usize>(entry + 12))
  }
  return size
}

/**
 * Writes the headers as a JSON object: names in lower case and in order, the values of a repeated
 * name joined with `, ` in the order of arrival (RFC 9110, 5.3).
 */
export function writeHeaders(to: usize, headers: usize, count: usize): usize {
  for (let index: usize = 0; index < count; index++) {
    const entry = headers + index * HEADER_SIZE
    lowerCase(load<usize>(entry), load<usize>(entry + 4))
  }
  const order = sorted(headers, count)
  let previous: usize = 0
  to = writeText(to, '{')
  for (let index: usize = 0; index < count; index++) {
    const entry = load<usize>(order + (index << 2))
    if (previous != 0 && compareNames(previous, entry) == 0) {
      to = writeText(to, ', ')
    } else {
      to = writeText(to, previous == 0 ? '"' : '","')
      to = writeEscaped(to, load<usize>(entry), load<usize>(entry + 4))
      to = writeText(to, '":"')
    }
    to = writeEscaped(to, load<usize>(entry + 8), load<usize>(entry + 12))
    previous = entry
  }
  return writeText(to, previous == 0 ? '}' : '"}')
}

function lowerCase(source: usize, length: usize): void {
  for (let end = source + length; source < end; source++) {
    const byte = load<u8>(source)
    if (byte >= 0x41 && byte <= 0x5a) store<u8>(source, byte | 0x20)
  }
}

// Addresses of the entries by name. A stable merge sort: an upstream chooses names and count, and
// looking for each name in all others would be quadratic.
function sorted(headers: usize, count: usize): usize {
  let from = allocate(count << 2, 4)
  let to = allocate(count << 2, 4)
  for (let index: usize = 0; index < count; index++) {
    store<usize>(from + (index << 2), headers + index * HEADER_SIZE)
  }
  for (let width: usize = 1; width < count; width <<= 1) {
    for (let start: usize = 0; start < count; start += width << 1) {
      merge(from, to, start, min(start + width, count), min(start + (width << 1), count))
    }
    const swap = from
    from = to
    to = swap
  }
  return from
}

function merge(from: usize, to: usize, start: usize, middle: usize, end: usize): void {
  let left = start
  let right = middle
  for (let index = start; index < end; index++) {
    const takeLeft =
      right >= end ||
      (left < middle &&
        compareNames(load<usize>(from + (left << 2)), load<usize>(from + (right << 2))) <= 0)
    const taken = takeLeft ? left++ : right++
    store<usize>(to + (index << 2), load<usize>(from + (taken << 2)))
  }
}

function compareNames(a: usize, b: usize): i32 {
  const lengthA = load<usize>(a + 4)
  const lengthB = load<usize>(b + 4)
  const difference = memory.compare(load<usize>(a), load<usize>(b), min(lengthA, lengthB))
  if (difference != 0) return difference
  return lengthA < lengthB ? -1 : lengthA > lengthB ? 1 : 0
}
