import { classifyAddress, type Destination } from '@latchgate/catalogue'

// What can be said of a destination before any resolver is asked. The pipeline refuses a call by these
// rules, and the client holds every request to them again.

/** Why this port is not allowed, or null: https goes to 443, http to 80 (design 8). */
export function portProblem({ scheme, port }: Destination): string | null {
  if (port === (scheme === 'https' ? 443 : 80)) return null
  return `port ${port} is not allowed for ${scheme} (https uses 443, http uses 80)`
}

/** Why this literal address is not allowed, or null; a name is judged once it is resolved. */
export function literalProblem({ host, literal }: Destination): string | null {
  if (!literal) return null
  const judged = classifyAddress(withoutBrackets(host))
  return judged.public ? null : `${host} is not a public address (${judged.range})`
}

/** The address in an IPv6 literal; any other host as it is. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}
