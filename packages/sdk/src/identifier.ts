import { isResourceId } from '@latchgate/protocol'

const MAX_LENGTH = 256

/**
 * Refuses an id before anything is sent (spec/http-api 15.2). An id becomes a path segment: what
 * passes needs no escaping and cannot be `..`.
 */
export function checkIdentifier(name: string, value: string): void {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`)
  if (value === '') throw new Error(`${name} must not be empty`)
  if (value.length > MAX_LENGTH) throw new Error(`${name} exceeds maximum length (${MAX_LENGTH})`)
  if (!isResourceId(value)) throw new Error(`${name} contains invalid characters`)
}
