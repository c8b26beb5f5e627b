import { isEscapeLead, readAt, skipLineBreaks } from './encoded-character.js'
import type { Readings } from './readings.js'
import type { SearchWork } from './search-work.js'
import type { SecretPattern } from './secret-pattern.js'

/** Where a pattern ends whose first character is the plain byte at `at`, or -1. */
export function matchPlain(
  bytes: Uint8Array,
  at: number,
  wanted: SecretPattern,
  work: SearchWork,
): number {
  const { codes, anyCase } = wanted
  let index = 1
  while (index < codes.length && isSame(bytes[at + index] ?? -1, codes[index], anyCase)) index += 1
  work.steps += index
  if (index === codes.length) return at + index
  // What was read so far can be read in one way only, unless the text has escapes of its own.
  if (wanted.ambiguous) return matchFrom(bytes, [at + 1], 1, wanted, work)
  const byte = bytes[at + index]
  if (byte === undefined || isPlain(byte, wanted.wraps)) return -1
  return matchFrom(bytes, [at + index], index, wanted, work)
}

/**
 * Where the rest of a pattern ends, from character `first` on and from any of the positions, or -1:
 * all ways to read it at once.
 *
 * @throws {SearchExhausted} when that is more work than a text may cause
 */
export function matchFrom(
  bytes: Uint8Array,
  positions: readonly number[],
  first: number,
  { codes, anyCase, wraps }: SecretPattern,
  work: SearchWork,
): number {
  let current = positions
  for (let index = first; index < codes.length; index += 1) {
    const next: number[] = []
    for (const position of current) {
      const byte = bytes[position]
      if (byte === undefined) continue
      if (isPlain(byte, wraps)) {
        work.steps += 1
        if (isSame(byte, codes[index], anyCase)) next.push(position + 1)
        continue
      }
      const from = wraps && index > 0 ? skipLineBreaks(bytes, position, work.readings) : position
      readAt(bytes, from, work.readings)
      addEnds(work.readings, codes[index], anyCase, next)
    }
    work.check()
    if (next.length === 0) return -1
    current = next.length === 1 ? next : [...new Set(next)]
  }
  return Math.max(...current)
}

function addEnds(
  { codes, ends, count }: Readings,
  wanted: number | undefined,
  anyCase: boolean,
  found: number[],
): void {
  for (let index = 0; index < count; index += 1) {
    if (isSame(codes[index] ?? -1, wanted, anyCase)) found.push(ends[index] ?? 0)
  }
}

/** True for a byte that stands for itself and nothing else. */
export function isPlain(byte: number, wraps: boolean): boolean {
  if (byte >= 0x80 || byte === 0x2b || isEscapeLead(byte)) return false
  return !wraps || (byte !== 0x0a && byte !== 0x0d)
}

function isSame(code: number, wanted: number | undefined, anyCase: boolean): boolean {
  if (code === wanted) return true
  return anyCase && wanted !== undefined && wanted >= 0x61 && code === wanted - 0x20
}
