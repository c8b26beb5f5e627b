/** `2026-01-01T00:00:02.000Z`: always three fractional digits (auth spec 2.3 *ms-Z*). */
export function isoMillis(unixMs: number): string {
  const text = new Date(unixMs).toISOString()
  // Years outside 0000-9999 have a sign and six digits: no reader of ours knows them.
  if (text.length !== 24) throw new RangeError(`not a time of the years 0 to 9999: ${unixMs} ms`)
  return text
}

/** `2026-01-01T00:00:02Z`: whole seconds, rounded down; the `expires_at` of a lease. */
export function isoSeconds(unixMs: number): string {
  return `${isoMillis(Math.floor(unixMs / 1000) * 1000).slice(0, 19)}Z`
}

/** No fraction when it is zero, else three digits, and `Z` (auth spec 2.3 *auto-Z*). */
export function autoZ(unixMs: number): string {
  return isoMillis(unixMs).replace('.000Z', 'Z')
}

/**
 * The same instant with `+00:00` for a trailing `Z` (auth spec 2.3 *auto-offset*): the form inside
 * hashes. Textual, because a stored time may have six or nine digits that a date would lose.
 */
export function autoOffset(text: string): string {
  return text.endsWith('Z') ? `${text.slice(0, -1)}+00:00` : text
}
