/**
 * Whether `If-None-Match` names what would be answered (RFC 9110, 13.1.2: weak comparison). A header
 * that is none of the standard's forms names nothing, and the whole answer goes out.
 */
export function namesTag(header: string | readonly string[] | undefined, tag: string): boolean {
  if (header === undefined) return false
  const given = typeof header === 'string' ? header : header.join(',')
  if (given.trim() === '*') return true
  return given.split(',').some((one) => one.trim().replace(/^W\//, '') === tag)
}
