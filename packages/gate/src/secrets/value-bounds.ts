import { isEscapeLead } from './encoded-character.js'

/** Longest secret: what is looked for in a response, character by character, must have a bound. */
export const MAX_SECRET_BYTES = 16_384

/** So many signs that begin an escape are harmless, whatever else is in the value. */
const MAX_LEADS = 8

/**
 * Why a value is not taken for a secret, or null. One that is mostly backslashes, percent signs or
 * ampersands is a mistake in quoting, and could be read in so many ways in a response that there is
 * no saying whether it is there.
 */
export function secretValueProblem(value: string): string | null {
  const bytes = Buffer.from(value, 'utf8')
  if (bytes.length > MAX_SECRET_BYTES) return `is longer than ${MAX_SECRET_BYTES} bytes`
  const leads = bytes.filter(isEscapeLead).length
  if (leads <= MAX_LEADS || leads * 2 <= bytes.length) return null
  return 'is mostly backslashes, percent signs and ampersands'
}
