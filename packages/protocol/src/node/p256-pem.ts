import type { KeyObject } from 'node:crypto'
import type { P256Jwk } from '../p256-jwk.js'

/** The public members of a P-256 public key. Throws `TypeError` for a key of another kind. */
export function publicP256Jwk(key: KeyObject): P256Jwk {
  if (key.asymmetricKeyType !== 'ec') {
    throw new TypeError(`a P-256 key is needed, this one is ${key.asymmetricKeyType ?? key.type}`)
  }
  const { crv, x, y } = key.export({ format: 'jwk' })
  if (crv !== 'P-256' || x === undefined || y === undefined) {
    throw new TypeError(`a P-256 key is needed, this one is on ${crv ?? 'another curve'}`)
  }
  return { kty: 'EC', crv: 'P-256', x, y }
}
