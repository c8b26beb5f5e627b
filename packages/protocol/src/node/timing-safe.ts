import { timingSafeEqual } from 'node:crypto'

/** Whether two texts are the same, in a time that depends on their lengths only. */
export function timingSafeEqualText(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  // UTF-16 keeps every code unit: UTF-8 would make all lone surrogates equal.
  return timingSafeEqual(Buffer.from(a, 'utf16le'), Buffer.from(b, 'utf16le'))
}
