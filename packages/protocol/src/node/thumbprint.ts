import { createHash } from 'node:crypto'

/**
 * The RFC 7638 thumbprint of an EC key, in base64url: of exactly its required members, as spelled
 * in the key (auth spec 7.6).
 */
export function jwkThumbprint(jwk: {
  readonly crv: string
  readonly kty: string
  readonly x: string
  readonly y: string
}): string {
  const { crv, kty, x, y } = jwk
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}

/** `ath` of a proof for this token: base64url SHA-256 of its ASCII bytes (RFC 9449 4.2). */
export function computeAth(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
