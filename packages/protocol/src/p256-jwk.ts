/** A P-256 public key (RFC 7517, RFC 7518 6.2.1): coordinates of 32 bytes in base64url. */
export type P256Jwk = {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
}
