import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'
import { isAcceptableEd25519Key } from '../ed25519-point.js'
import { encodeHex } from '../hex.js'
import { LruCache } from './lru.js'

const SEED_BYTES = 32
const SIGNATURE_BYTES = 64
const KEY_BYTES = 32

// RFC 8410 7: the ASN.1 around a seed and around a public key, which never varies.
const PKCS8_PREFIX: Uint8Array = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX: Uint8Array = Buffer.from('302a300506032b6570032100', 'hex')

/** An Ed25519 key that signs receipts or checkpoints (RFC 8032). */
export class Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** First 16 hex characters of the public key (auth spec 2.1). */
  readonly kid: string
  readonly #privateKey: KeyObject

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey
    const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
    this.publicKey = Uint8Array.from(der.subarray(der.length - KEY_BYTES))
    this.kid = encodeHex(this.publicKey).slice(0, 16)
  }

  /** The key of a seed. Throws `TypeError` unless it is exactly 32 bytes. */
  static fromSeed(seed: Uint8Array): Ed25519Signer {
    if (seed.length !== SEED_BYTES) {
      throw new TypeError(`an Ed25519 seed is ${SEED_BYTES} bytes, got ${seed.length}`)
    }
    const der = Buffer.concat([PKCS8_PREFIX, seed])
    return new Ed25519Signer(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  }

  /** A new random seed of 32 bytes. */
  static generateSeed(): Uint8Array {
    return Uint8Array.from(randomBytes(SEED_BYTES))
  }

  /** Signs; 64 bytes. The same message gives the same signature. */
  sign(message: Uint8Array): Uint8Array {
    return sign(null, message, this.#privateKey)
  }
}

const publicKeys = new LruCache<KeyObject>(256)

/**
 * Verifies an Ed25519 signature. Small-order keys, which are good for any message, and keys that
 * are not canonical are refused (notes/evidence 5); anything malformed is false, nothing throws.
 */
export function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  // Copied, so that what is checked is what is used.
  const key = importPublicKey(Buffer.from(publicKey))
  return key !== null && verify(null, message, key, signature)
}

function importPublicKey(publicKey: Buffer): KeyObject | null {
  const id = publicKey.toString('latin1')
  const cached = publicKeys.get(id)
  if (cached !== undefined) return cached
  if (!isAcceptableEd25519Key(publicKey)) return null
  const der = Buffer.concat([SPKI_PREFIX, publicKey])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  publicKeys.set(id, key)
  return key
}
