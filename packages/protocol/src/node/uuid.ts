import { randomUUID } from 'node:crypto'

const MAX_TIME = 2 ** 48 - 1

/** A random UUID (RFC 9562 5.4). */
export function uuidv4(): string {
  return randomUUID()
}

/** A UUID that begins with its time in milliseconds (RFC 9562 5.7); the rest is random. */
export function uuidv7(nowMs: number = Date.now()): string {
  const ms = Math.floor(nowMs)
  if (!(ms >= 0 && ms <= MAX_TIME)) throw new RangeError(`not a time a UUID can hold: ${nowMs} ms`)
  const time = ms.toString(16).padStart(12, '0')
  // Version 4 and 7 have the same variant and the same random tail.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
