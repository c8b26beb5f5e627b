/** Scope syntax of spec/auth-and-evidence 5.2: 4–64 of `[a-z0-9:_-]`, a letter first, a colon inside. */
export function isScope(text: string): boolean {
  if (text.length < 4 || text.length > 64) return false
  return /^[a-z][a-z0-9:_-]*$/.test(text) && text.includes(':') && !text.endsWith(':')
}
