/**
 * Lower-cases A–Z and nothing else. `toLowerCase` also folds signs such as U+212A (Kelvin) to `k`,
 * and a name that no resolver would take for `slack.com` would match it.
 */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
