import { createPrivateKey, type KeyObject } from 'node:crypto'
import { DPoPKeyPair, type LeaseKey, loadLeaseKey } from '../../src/node/index.js'
import { loadVectors } from '../vectors.js'

export interface P256Vector {
  readonly name: string
  readonly d?: string
  readonly x: string
  readonly y: string
  readonly jkt?: string
  readonly kid?: string
  readonly spki?: string
}

export interface KeyVectors {
  readonly p256: readonly P256Vector[]
  readonly ath: readonly { readonly token: string; readonly ath: string }[]
  readonly ed25519: readonly {
    readonly name: string
    readonly seed?: string
    readonly public_key: string
    readonly kid?: string
    readonly message?: string
    readonly signature?: string
  }[]
  readonly ed25519_refused: readonly { readonly public_key: string; readonly why: string }[]
}

export const keyVectors: KeyVectors = loadVectors<KeyVectors>('keys')

/** The private key of a vector, e.g. `A` or `G` of auth-and-evidence 27.1. */
export function privateKey(name: string): KeyObject {
  const { d, x, y } = keyVectors.p256.find((key) => key.name === name)!
  return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', d: d!, x, y }, format: 'jwk' })
}

/** Key A as a signer of proofs. */
export function keyA(): DPoPKeyPair {
  return DPoPKeyPair.fromPem(privateKey('A').export({ type: 'pkcs8', format: 'pem' }).toString())
}

/** Key G as the lease key. */
export function keyG(): LeaseKey {
  return loadLeaseKey(privateKey('G').export({ type: 'pkcs8', format: 'pem' }).toString())
}
