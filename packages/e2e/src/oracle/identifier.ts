const IDENTIFIER = /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/
const MAX_LENGTH = 256

/** Refuses an id before any network use (spec/http-api 15.2). */
export function checkIdentifier(name: string, value: string): void {
  if (value === '') throw new Error(`${name} must not be empty`)
  if (value.length > MAX_LENGTH) throw new Error(`${name} exceeds maximum length (${MAX_LENGTH})`)
  if (!IDENTIFIER.test(value)) throw new Error(`${name} contains invalid characters`)
}
