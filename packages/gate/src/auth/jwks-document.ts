import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import {
  decodeBase64url,
  isAcceptableEd25519Key,
  type Json,
  JsonFault,
  type JsonObject,
  parseJson,
} from '@latchgate/protocol'
import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose'
import { isObject } from '../policy/document-reader.js'

/** Bytes that a set of keys may have. */
export const MAX_JWKS_BYTES = 262_144

/**
 * Keys that a set may hold, far more than issuers have. Checking one point of P-521 takes a millisecond,
 * for which nothing else is served: an issuer could stop the gate with as many as fit into the bytes.
 */
export const MAX_JWKS_KEYS = 64

/** RSA keys below it can be broken (NIST SP 800-131A). */
const MIN_RSA_BITS = 2048

/** Of private and shared keys (RFC 7518 6.2.2, 6.3.2, 6.4.1); any one factor of an RSA key gives it away. */
const SECRET_MEMBERS: readonly string[] = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

const CURVES: Readonly<Record<string, readonly string[]>> = {
  EC: ['P-256', 'P-384', 'P-521'],
  OKP: ['Ed25519'],
}

/** What was read is not a set of keys that tokens can be verified with; the message says why. */
export class JwksFault extends Error {
  override readonly name = 'JwksFault'
}

/**
 * Reads a JWK Set (RFC 7517 5). Keys of kinds that the gate does not know are left out, as they may be
 * for somebody else; a key that is secret or broken, and a set without any key of use, are a `JwksFault`.
 */
export function parseJwks(bytes: Uint8Array): LocalJWKSet {
  if (bytes.length > MAX_JWKS_BYTES) {
    throw new JwksFault(`it is larger than ${MAX_JWKS_BYTES} bytes`)
  }
  const document = readJson(bytes)
  const keys = isObject(document) ? document['keys'] : undefined
  if (!Array.isArray(keys)) throw new JwksFault('it is no JWK Set: {"keys": […]}')
  if (keys.length > MAX_JWKS_KEYS) {
    throw new JwksFault(`it holds ${keys.length} keys, more than ${MAX_JWKS_KEYS}`)
  }
  const usable = keys.filter((key: Json): key is JsonObject => isUsable(key))
  if (usable.length === 0) throw new JwksFault('it holds no public key that can verify a token')
  const verifying = usable.map(forVerifying)
  return createLocalJWKSet({ keys: verifying } as unknown as JSONWebKeySet)
}

function readJson(bytes: Uint8Array): Json {
  try {
    return parseJson(bytes, { maxDepth: 16 })
  } catch (error) {
    if (error instanceof JsonFault) throw new JwksFault(`it is not JSON: ${error.message}`)
    throw error
  }
}

// WebCrypto refuses to import a public key that says it can sign too, as copies of private ones do.
function forVerifying({ key_ops: _checked, ext: _ext, ...key }: JsonObject): JsonObject {
  return key
}

function isUsable(key: Json): boolean {
  if (!isObject(key)) throw new JwksFault('one of its keys is no object')
  // Whoever has seen it can sign tokens: nothing that it verifies says who anybody is.
  if (SECRET_MEMBERS.some((name) => Object.hasOwn(key, name))) {
    throw new JwksFault('one of its keys is a private or a shared one: publish public keys only')
  }
  const { kty, crv, use, key_ops: uses } = key
  if (use !== undefined && use !== 'sig') return false
  if (uses !== undefined && !(Array.isArray(uses) && uses.includes('verify'))) return false
  if (kty !== 'RSA' && CURVES[String(kty)]?.includes(String(crv)) !== true) return false
  assertSound(key)
  return true
}

function assertSound(jwk: JsonObject): void {
  const id = typeof jwk['kid'] === 'string' ? `'${jwk['kid'].slice(0, 64)}'` : 'without a kid'
  let key: KeyObject
  try {
    key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  } catch (cause) {
    throw new JwksFault(`its key ${id} is broken`, { cause })
  }
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < MIN_RSA_BITS) {
    throw new JwksFault(`its RSA key ${id} has ${bits} bits: at least ${MIN_RSA_BITS} are needed`)
  }
  if (jwk['kty'] !== 'OKP') return
  // A point of small order verifies any message.
  const point = decodeBase64url(String(jwk['x']))
  if (point === null || !isAcceptableEd25519Key(point)) {
    throw new JwksFault(`its key ${id} is broken`)
  }
}
