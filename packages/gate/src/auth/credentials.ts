import type { IncomingHttpHeaders } from 'node:http'

/** The two credential headers of a request, exactly as sent (RFC 9449 7.1). */
export interface CredentialHeaders {
  readonly authorization: string | undefined
  readonly dpop: string | undefined
  /** Which headers were sent at all, readable or not. */
  readonly sent: { readonly authorization: boolean; readonly dpop: boolean }
  /** A header that was sent twice is not a credential: which one would be checked? */
  readonly duplicated: boolean
}

/** The header by which a renewal presents a fresh token of its issuer. */
export const IDENTITY_TOKEN_HEADER = 'x-latchgate-identity-token'

/** What was sent in `X-LatchGate-Identity-Token`: undefined when it was not, null when it is of no use. */
export type SentToken = string | null | undefined

/** Reads that header: visible ASCII, once. */
export function identityTokenHeader(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): SentToken {
  const sent = rawHeaders.filter(
    (name, at) => at % 2 === 0 && name.toLowerCase() === IDENTITY_TOKEN_HEADER,
  ).length
  if (sent === 0) return undefined
  const value = headers[IDENTITY_TOKEN_HEADER]
  return sent === 1 && typeof value === 'string' ? (visible(value) ?? null) : null
}

/** Reads both headers; a value that is not visible ASCII counts as absent (spec/http-api 5.1). */
export function credentialHeaders(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): CredentialHeaders {
  let authorizations = 0
  let proofs = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase()
    if (name === 'authorization') authorizations += 1
    if (name === 'dpop') proofs += 1
  }
  const dpop = headers['dpop']
  return {
    authorization: visible(headers.authorization),
    dpop: visible(typeof dpop === 'string' ? dpop : undefined),
    sent: { authorization: authorizations > 0, dpop: proofs > 0 },
    duplicated: authorizations > 1 || proofs > 1,
  }
}

/** The token of `Authorization: DPoP <token>`, scheme matched exactly; undefined otherwise. */
export function dpopToken(authorization: string): string | undefined {
  if (!authorization.startsWith('DPoP ')) return undefined
  const token = authorization.slice('DPoP '.length)
  return token === '' || token.includes(' ') ? undefined : token
}

/** The token of `Authorization: Bearer <token>` (RFC 6750 2.1); undefined for another scheme. */
export function bearerToken(authorization: string): string | undefined {
  return /^bearer(?: |$)/i.test(authorization) ? authorization.slice('Bearer '.length) : undefined
}

function visible(value: string | undefined): string | undefined {
  return value !== undefined && /^[\x20-\x7e]+$/.test(value) ? value : undefined
}
