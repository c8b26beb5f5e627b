import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { P256Jwk } from '../p256-jwk.js'
import { publicP256Jwk } from './p256-pem.js'
import { sha256Hex } from './sha256.js'

/** A key that signs leases, or one of which only the public half is here. */
export interface LeaseKey {
  /** First 16 hex characters of SHA-256 over the public key's SPKI DER (auth spec 2.1). */
  readonly kid: string
  readonly privateKey?: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: P256Jwk
}

/**
 * Reads a P-256 key from PEM: a private key that signs, or a public key of a former or another
 * gate, whose leases are accepted. Throws for anything else.
 */
export function loadLeaseKey(pem: string): LeaseKey {
  const isPrivate = pem.includes('PRIVATE KEY')
  const privateKey = isPrivate ? createPrivateKey(pem) : undefined
  const publicKey = createPublicKey(privateKey ?? pem)
  const jwk = publicP256Jwk(publicKey)
  const kid = sha256Hex(publicKey.export({ type: 'spki', format: 'der' })).slice(0, 16)
  return { kid, publicKey, jwk, ...(privateKey === undefined ? {} : { privateKey }) }
}

/** A new P-256 private key as PKCS#8 PEM. */
export function generateLeaseKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}
