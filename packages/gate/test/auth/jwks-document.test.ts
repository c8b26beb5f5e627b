import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  JwksFault,
  MAX_JWKS_BYTES,
  MAX_JWKS_KEYS,
  parseJwks,
} from '../../src/auth/jwks-document.js'
import { ALGORITHMS, jwksBytes, signingKey } from './issuer-fixture.js'

const good = signingKey('ES256', 'good').jwk

function faultOf(bytes: Uint8Array): string {
  try {
    parseJwks(bytes)
  } catch (error) {
    if (error instanceof JwksFault) return error.message
    throw error
  }
  return 'none'
}

test.each(ALGORITHMS)('a public key for %s is read', async (alg) => {
  const { jwk, kid } = signingKey(alg)
  const key = await parseJwks(jwksBytes(jwk))({ alg, kid })
  expect(key.type).toBe('public')
})

test.each(ALGORITHMS)('a key for %s that says it can sign too verifies', async (alg) => {
  const { jwk, kid } = signingKey(alg)
  const set = parseJwks(jwksBytes({ ...jwk, key_ops: ['sign', 'verify'], ext: 'yes' }))
  expect((await set({ alg, kid })).usages).toEqual(['verify'])
})

test('keys for encryption, and of kinds that nobody here knows, are left out', () => {
  const others = [
    { ...good, use: 'enc' },
    { ...good, key_ops: ['encrypt'] },
    { ...good, key_ops: 'verify' },
    { kty: 'AKP', alg: 'ML-DSA-44', pub: 'x' },
    { kty: 'EC', crv: 'secp256k1', x: 'x', y: 'y' },
    { kty: 'OKP', crv: 'X25519', x: 'x' },
    { kty: 'new' },
    {},
  ]
  expect(parseJwks(jwksBytes(good, ...others)).jwks().keys).toHaveLength(1)
  expect(faultOf(jwksBytes(...others))).toBe('it holds no public key that can verify a token')
})

test('a set has so few keys that checking them all holds nobody up', () => {
  const many = (count: number): Uint8Array =>
    jwksBytes(...Array.from({ length: count }, (_, i) => ({ ...good, kid: `${i}` })))
  expect(parseJwks(many(MAX_JWKS_KEYS)).jwks().keys).toHaveLength(MAX_JWKS_KEYS)
  expect(faultOf(many(MAX_JWKS_KEYS + 1))).toBe('it holds 65 keys, more than 64')
})

const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
  format: 'jwk',
})
const whole = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  format: 'jwk',
})
const PRIVATE = 'one of its keys is a private or a shared one: publish public keys only'

test.each<readonly [string, readonly unknown[], string]>([
  ['a private key', [good, whole], PRIVATE],
  ['a private key without its exponent', [good, { ...small, q: 'AQAB' }], PRIVATE],
  ['a private key of another kind', [good, { kty: 'AKP', alg: 'ML-DSA-44', priv: 'AA' }], PRIVATE],
  ['a private key for encryption', [good, { ...whole, use: 'enc' }], PRIVATE],
  ['a shared secret', [good, { kty: 'oct', k: 'c2VjcmV0' }], PRIVATE],
  ['a point that is not on its curve', [{ ...good, x: good['y'] }], "its key 'good' is broken"],
  [
    'a key without its coordinates',
    [{ kty: 'EC', crv: 'P-256' }],
    'its key without a kid is broken',
  ],
  [
    'a small RSA key',
    [{ ...small, kid: 'small' }],
    "its RSA key 'small' has 1024 bits: at least 2048 are needed",
  ],
  [
    'an Ed25519 point of small order, which verifies anything',
    [
      {
        kty: 'OKP',
        crv: 'Ed25519',
        kid: 'weak',
        x: Buffer.alloc(32).fill(1, 0, 1).toString('base64url'),
      },
    ],
    "its key 'weak' is broken",
  ],
  ['a key that is no object', [7], 'one of its keys is no object'],
  ['a key that is null', [null], 'one of its keys is no object'],
])('a set with %s is refused whole', (_name, keys, message) => {
  expect(faultOf(jwksBytes(...keys))).toBe(message)
})

test('what is no set is refused, in words', () => {
  const text = (json: string): string => faultOf(new TextEncoder().encode(json))
  for (const json of ['[]', 'null', '7', '{}', '{"keys":{}}', '{"keys":null}']) {
    expect(text(json)).toBe('it is no JWK Set: {"keys": […]}')
  }
  for (const json of ['', '<html>', '{"keys":[]', '{"keys":[],"keys":[]}', `${'['.repeat(20)}`]) {
    expect(text(json)).toMatch(/^it is not JSON: /)
  }
  expect(text('{"keys":[]}')).toBe('it holds no public key that can verify a token')
  const large = new Uint8Array(MAX_JWKS_BYTES + 1).fill(0x20)
  expect(faultOf(large)).toBe(`it is larger than ${MAX_JWKS_BYTES} bytes`)
})

test('whatever the bytes, there is a set of public keys or a fault', () => {
  const member = fc.oneof(
    fc.constantFrom<unknown>('EC', 'RSA', 'OKP', 'P-256', 'Ed25519', 'sig', good['x'], good['y']),
    fc.jsonValue(),
  )
  const name = fc.constantFrom('kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'use', 'alg', 'key_ops')
  const keys = fc.array(fc.oneof(fc.dictionary(name, member), fc.jsonValue()), { maxLength: 4 })
  fc.assert(
    fc.property(
      fc.oneof(
        keys.map((some) => jwksBytes(...some)),
        fc.uint8Array(),
      ),
      (bytes) => {
        const fault = faultOf(bytes)
        expect(fault).not.toBe('')
      },
    ),
    { numRuns: 500 },
  )
})
