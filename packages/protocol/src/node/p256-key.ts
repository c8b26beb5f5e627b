import { createPublicKey, type KeyObject } from 'node:crypto'
import { decodeBase64url } from '../base64url.js'
import type { P256Jwk } from '../p256-jwk.js'
import { err, ok, type Result } from '../result.js'
import { jwkThumbprint } from './thumbprint.js'

export type { P256Jwk } from '../p256-jwk.js'

/** What is wrong with a key: with its members, or with the point they describe (auth spec 7.4). */
export interface JwkFault {
  readonly kind: 'bad_header' | 'bad_key'
  readonly reason: string
}

/** A key that was imported, with its members and its thumbprint. */
export interface ImportedP256Key {
  readonly key: KeyObject
  readonly jwk: P256Jwk
  readonly jkt: string
}

const COORDINATE_BYTES = 32

/**
 * Imports a P-256 public key (RFC 7517): coordinates of exactly 32 bytes in strict base64url, of a
 * point on the curve. The error is a sentence that begins with `name`.
 */
export function importP256Jwk(jwk: unknown, name = 'dpop_jwk'): Result<ImportedP256Key, string> {
  const members = readP256Jwk(jwk, name)
  if (!members.ok) return err(members.error.reason)
  const key = importPoint(members.value, name)
  if (!key.ok) return err(key.error.reason)
  return ok({ key: key.value, jwk: members.value, jkt: jwkThumbprint(members.value) })
}

/** The public members of a P-256 key, checked in the order of auth spec 7.4 f-h. */
export function readP256Jwk(jwk: unknown, name: string): Result<P256Jwk, JwkFault> {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    return badHeader(`${name} must be an object`)
  }
  // Read once: a getter could answer the check and the use differently.
  const { kty, crv, x, y } = jwk as Readonly<Record<string, unknown>>
  if (kty !== 'EC') return badHeader(`${name}.kty must be 'EC', got ${quoted(kty)}`)
  if (crv !== 'P-256') return badHeader(`${name}.crv must be 'P-256', got ${quoted(crv)}`)
  // RFC 9449 4.3: whoever sends the private key has shown it to everybody on the way.
  if (Object.hasOwn(jwk, 'd')) return badHeader(`${name} must not contain a private key`)
  if (typeof x !== 'string') return badHeader(`${name}.x is required`)
  if (typeof y !== 'string') return badHeader(`${name}.y is required`)
  for (const [member, text] of Object.entries({ x, y })) {
    const bytes = decodeBase64url(text)
    if (bytes === null) return badHeader(`invalid base64url in ${name}.${member}`)
    if (bytes.length !== COORDINATE_BYTES) {
      return badKey(`${name}.${member} must be ${COORDINATE_BYTES} bytes, got ${bytes.length}`)
    }
  }
  return ok({ kty, crv, x, y })
}

/** Decodes the point; a pair of coordinates that is not on the curve is a `bad_key`. */
export function importPoint(jwk: P256Jwk, name: string): Result<KeyObject, JwkFault> {
  try {
    return ok(createPublicKey({ key: { ...jwk }, format: 'jwk' }))
  } catch (error) {
    if (error instanceof Error) return badKey(`${name} is not a point on P-256`)
    throw error
  }
}

function badHeader(reason: string): { readonly ok: false; readonly error: JwkFault } {
  return err({ kind: 'bad_header', reason })
}

function badKey(reason: string): { readonly ok: false; readonly error: JwkFault } {
  return err({ kind: 'bad_key', reason })
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : typeof value
}
