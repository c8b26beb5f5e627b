import { encodeHex, type Json } from '@latchgate/protocol'
import { concatBytes } from './byte-strings.js'
import type { EvidenceCrypto } from './crypto.js'

/** What a leaf says of bytes that came from an agent or an upstream (notes/evidence 1). */
export type Commitment = {
  /** Hex of `SHA-256("latchgate/payload/v1\n" ‖ salt ‖ bytes)`. */
  readonly hash: string
  /** Length of the bytes without the salt. */
  readonly bytes: number
}

/** Bytes of every salt. */
export const SALT_BYTES = 32

const DOMAIN = new TextEncoder().encode('latchgate/payload/v1\n')

/**
 * Commits to bytes. The salt must be fresh and random: without it, whoever reads the log could
 * confirm a guess of the bytes after they were erased. Throws a RangeError for a salt of another
 * length.
 */
export function commit(crypto: EvidenceCrypto, salt: Uint8Array, bytes: Uint8Array): Commitment {
  if (salt.length !== SALT_BYTES) throw new RangeError(`a salt has ${SALT_BYTES} bytes`)
  const hash = encodeHex(crypto.sha256(concatBytes(DOMAIN, salt, bytes)))
  return { hash, bytes: bytes.length }
}

/** Every commitment inside a JSON value, in document order. */
export function commitmentsIn(value: Json): readonly Commitment[] {
  if (value === null || typeof value !== 'object') return []
  const commitment = asCommitment(value)
  if (commitment !== undefined) return [commitment]
  return Object.values(value).flatMap((member: Json) => commitmentsIn(member))
}

/** The value as a commitment: exactly the members `hash` (64 hex) and `bytes`. */
export function asCommitment(value: Json): Commitment | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  const { hash, bytes, ...others } = value as { readonly [member: string]: Json }
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) return undefined
  if (typeof bytes !== 'number' || Object.keys(others).length > 0) return undefined
  return { hash, bytes }
}
