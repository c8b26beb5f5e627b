import { sign } from 'node:crypto'
import * as dpop from 'dpop'
import fc from 'fast-check'
import { calculateJwkThumbprint, compactVerify, EmbeddedJWK } from 'jose'
import { describe, expect, test } from 'vitest'
import type { DpopExpectation, DpopVerdict } from '../../src/node/index.js'
import { computeAth, DPoPKeyPair, ProofKeyCache, verifyDpopProof } from '../../src/node/index.js'
import { loadVectors } from '../vectors.js'
import { keyA, keyVectors, privateKey } from './test-keys.js'

interface Case {
  readonly name: string
  readonly proof: string
  readonly expect: Omit<DpopExpectation, 'nowSeconds'> & { readonly now: number }
  readonly verdict:
    | { readonly ok: true; readonly jti: string; readonly iat: number; readonly jkt: string }
    | { readonly ok: false; readonly kind: string; readonly contains: string }
}

const { cases } = loadVectors<{ readonly cases: readonly Case[] }>('dpop-proofs')
const base = cases[0]!
const expectation = (given: Case): DpopExpectation => ({
  ...given.expect,
  nowSeconds: given.expect.now,
})

/** A cache that already holds every key the vectors use: the second request of a session. */
function warmCache(): ProofKeyCache {
  const cache = new ProofKeyCache()
  for (const given of cases) {
    if (given.verdict.ok) verifyDpopProof(given.proof, expectation(given), cache)
  }
  expect(cache.size).toBe(2)
  return cache
}

const wanted = ({ verdict }: Case): object =>
  verdict.ok
    ? verdict
    : { ok: false, kind: verdict.kind, reason: expect.stringContaining(verdict.contains) }

const reasonBytes = (verdict: DpopVerdict): number =>
  Buffer.byteLength(verdict.ok ? '' : verdict.reason)

describe('the table of auth-and-evidence 7.4, on the first request', () => {
  test.each(cases)('$name', (given) => {
    const verdict = verifyDpopProof(given.proof, expectation(given), new ProofKeyCache())
    expect(verdict).toEqual(wanted(given))
    expect(reasonBytes(verdict)).toBeLessThanOrEqual(200)
  })
})

describe('the same table on a later request, with every key cached', () => {
  const cache = warmCache()
  test.each(cases)('$name', (given) => {
    expect(verifyDpopProof(given.proof, expectation(given), cache)).toEqual(wanted(given))
  })
})

test('the verdict does not depend on whether the key is cached, to the letter of its reason', () => {
  const cache = warmCache()
  for (const given of cases) {
    const cold = verifyDpopProof(given.proof, expectation(given), new ProofKeyCache())
    expect(verifyDpopProof(given.proof, expectation(given), cache)).toEqual(cold)
  }
})

describe('mutation', () => {
  const expected = expectation(base)
  const cache = new ProofKeyCache()
  const isGood = (proof: string): boolean => verifyDpopProof(proof, expected, cache).ok

  test('every flipped bit of a good proof is refused', () => {
    expect(isGood(base.proof)).toBe(true)
    const bytes = Buffer.from(base.proof, 'latin1')
    const survivors: string[] = []
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const mutant = Buffer.from(bytes)
        mutant[at]! ^= 1 << bit
        if (isGood(mutant.toString('latin1'))) survivors.push(`${at}:${bit}`)
      }
    }
    expect(survivors).toEqual([])
  })

  test('every dropped, doubled or inserted character is refused', () => {
    const survivors: string[] = []
    for (let at = 0; at <= base.proof.length; at++) {
      const [before, after] = [base.proof.slice(0, at), base.proof.slice(at)]
      const mutants = ['A', '=', '.', ' ', '\u0000', 'é'].map((put) => before + put + after)
      if (after !== '') mutants.push(before + after.slice(1), before + after.charAt(0) + after)
      for (const mutant of mutants) if (isGood(mutant)) survivors.push(mutant)
    }
    expect(survivors).toEqual([])
  })

  test('every changed bit of what is expected refuses the proof', () => {
    const flip = (text: string, at: number): string =>
      text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1)
    const { token, jkt, urls } = expected
    for (let at = 0; at < token!.length; at++) {
      const verdict = verifyDpopProof(base.proof, { ...expected, token: flip(token!, at) }, cache)
      expect(verdict).toMatchObject({ ok: false, kind: 'bad_ath' })
    }
    for (let at = 0; at < jkt!.length; at++) {
      const verdict = verifyDpopProof(base.proof, { ...expected, jkt: flip(jkt!, at) }, cache)
      expect(verdict).toMatchObject({ ok: false, kind: 'bad_key' })
    }
    for (let at = 0; at < urls[0]!.length; at++) {
      const verdict = verifyDpopProof(
        base.proof,
        { ...expected, urls: [flip(urls[0]!, at)] },
        cache,
      )
      expect(verdict).toMatchObject({ ok: false, kind: 'bad_htu' })
    }
  })

  test('no text whatever makes it throw or pass', () => {
    const segment = fc.oneof(fc.base64String(), fc.string({ unit: 'binary' }), fc.json())
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
        expect(isGood(segments.join('.'))).toBe(false)
        const encoded = segments.map((text) => Buffer.from(text).toString('base64url'))
        expect(isGood(encoded.join('.'))).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  test('no signed header or payload whatever makes it throw', () => {
    const key = privateKey('A')
    const header = base.proof.split('.')[0]!
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (json, asHeader) => {
        const part = Buffer.from(json).toString('base64url')
        const signed = asHeader ? `${part}.${part}` : `${header}.${part}`
        const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
        expect(isGood(`${signed}.${signature.toString('base64url')}`)).toBe(false)
      }),
      { numRuns: 200 },
    )
  })
})

describe('the clock', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'a clock of %d accepts nothing',
    (nowSeconds) => {
      const verdict = verifyDpopProof(
        base.proof,
        { ...expectation(base), nowSeconds },
        new ProofKeyCache(),
      )
      expect(verdict).toMatchObject({ ok: false, kind: 'bad_iat' })
    },
  )
})

describe('coordinates', () => {
  const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
  const B = BigInt('0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b')
  const power = (root: bigint, exponent: bigint): bigint => {
    let [result, square] = [1n, root % P]
    for (let left = exponent; left > 0n; left >>= 1n) {
      if (left & 1n) result = (result * square) % P
      square = (square * square) % P
    }
    return result
  }
  const encode = (value: bigint): string =>
    Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toString('base64url')

  test('a coordinate beyond the field is not another spelling of the same key', async () => {
    // The first x at which the curve has a point is far below 2^224, so x + P fits 32 bytes.
    let x = 1n
    let y = 0n
    for (; ; x += 1n) {
      const square = (x ** 3n - 3n * x + B) % P
      y = power(square, (P + 1n) / 4n)
      if ((y * y) % P === square) break
    }
    const { importP256Jwk } = await import('../../src/node/index.js')
    const jwk = { kty: 'EC', crv: 'P-256', y: encode(y) }
    expect(importP256Jwk({ ...jwk, x: encode(x) }).ok).toBe(true)
    expect(importP256Jwk({ ...jwk, x: encode(x + P) }).ok).toBe(false)
  })
})

describe('other implementations', () => {
  test('proofs of the dpop package are accepted', async () => {
    const pair = await dpop.generateKeyPair('ES256', { extractable: true })
    const jkt = await dpop.calculateThumbprint(pair.publicKey)
    const url = 'https://gate.example/v1/actions/http_fetch/execute'
    const proof = await dpop.generateProof(pair, url, 'POST', undefined, 'the.lease.jwt')
    const nowSeconds = Math.floor(Date.now() / 1000)
    const expected = { method: 'POST', urls: [url], token: 'the.lease.jwt', jkt, nowSeconds }
    expect(verifyDpopProof(proof, expected, new ProofKeyCache())).toMatchObject({ ok: true, jkt })
    const nonced = await dpop.generateProof(pair, url, 'POST', 'nonce', 'the.lease.jwt')
    expect(verifyDpopProof(nonced, expected, new ProofKeyCache()).ok).toBe(true)
  })

  test('our proofs are accepted by jose', async () => {
    const pair = await DPoPKeyPair.generate()
    const proof = pair.signProof({ method: 'get', url: 'https://A.example:443/x?y#z' })
    const { payload, protectedHeader } = await compactVerify(proof, EmbeddedJWK)
    expect(protectedHeader).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk: pair.publicJwk })
    const claims = JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>
    expect(Object.keys(claims)).toEqual(['jti', 'htm', 'htu', 'iat'])
    expect(claims).toMatchObject({ htm: 'GET', htu: 'https://a.example/x' })
    expect(await calculateJwkThumbprint(pair.publicJwk)).toBe(pair.thumbprint)
  })
})

describe('DPoPKeyPair', () => {
  test('a proof has the members of auth-and-evidence 7.3 in their order', () => {
    const proof = keyA().signProof({
      method: 'post',
      url: 'http://localhost:3000/v1/actions/http_fetch/execute',
      accessToken: 'example.lease.jwt',
      nowSeconds: 1_767_225_600,
      jti: '0f8fad5b-d9cd-469f-a165-70867728950e',
    })
    expect(proof.split('.').slice(0, 2)).toEqual(base.proof.split('.').slice(0, 2))
    expect(verifyDpopProof(proof, expectation(base), new ProofKeyCache()).ok).toBe(true)
  })

  test('each proof has its own jti and the present time', async () => {
    const pair = await DPoPKeyPair.generate()
    const request = { method: 'GET', url: 'https://a.example/' }
    const nowSeconds = Math.floor(Date.now() / 1000)
    const expected = { method: 'GET', urls: [request.url], token: null, jkt: null, nowSeconds }
    const verdicts = [1, 2].map(() =>
      verifyDpopProof(pair.signProof(request), expected, new ProofKeyCache()),
    )
    const [one, two] = verdicts.map((verdict) => (verdict.ok ? verdict.jti : verdict.reason))
    expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    expect(two).not.toBe(one)
  })

  test('PEM in both forms gives the same key back', async () => {
    const pair = await DPoPKeyPair.generate()
    expect(DPoPKeyPair.fromPem(pair.exportPem()).thumbprint).toBe(pair.thumbprint)
    const sec1 = privateKey('A').export({ type: 'sec1', format: 'pem' }).toString()
    expect(DPoPKeyPair.fromPem(sec1).thumbprint).toBe(keyVectors.p256[0]!.jkt)
  })

  test('a key of another kind, a public key and an unusable URL are refused', async () => {
    const { generateKeyPairSync } = await import('node:crypto')
    const pems = [
      generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
      generateKeyPairSync('ed25519').privateKey,
    ].map((key) => key.export({ type: 'pkcs8', format: 'pem' }).toString())
    for (const pem of pems) expect(() => DPoPKeyPair.fromPem(pem)).toThrow(TypeError)
    expect(() => DPoPKeyPair.fromPem('nonsense')).toThrow(Error)
    expect(() => keyA().signProof({ method: 'GET', url: '/v1/leases' })).toThrow(TypeError)
  })

  test('the private key shows in no inspection and no JSON', async () => {
    const { inspect } = await import('node:util')
    const shown = inspect(keyA(), { depth: 9, showHidden: true }) + JSON.stringify(keyA())
    expect(shown).not.toContain(keyVectors.p256[0]!.d)
    expect(shown).not.toContain('PRIVATE')
  })

  test.each(keyVectors.ath)('the ath of $token', ({ token, ath }) => {
    expect(computeAth(token)).toBe(ath)
  })
})

describe('ProofKeyCache', () => {
  test('a key whose proof did not verify is not kept', () => {
    const cache = new ProofKeyCache()
    const bad = cases.find((given) => given.name === 'l: signed by another key')!
    verifyDpopProof(bad.proof, expectation(bad), cache)
    expect(cache.size).toBe(0)
  })

  test('a key that no token names is not kept, so that strangers cannot empty the cache', () => {
    const cache = new ProofKeyCache()
    expect(verifyDpopProof(base.proof, { ...expectation(base), jkt: null }, cache).ok).toBe(true)
    expect(cache.size).toBe(0)
    expect(verifyDpopProof(base.proof, expectation(base), cache).ok).toBe(true)
    expect(cache.size).toBe(1)
  })

  test('what was used least recently goes first', () => {
    const cache = new ProofKeyCache(2)
    const key = privateKey('A')
    cache.set('a', key)
    cache.set('b', key)
    cache.get('a')
    cache.set('c', key)
    expect([cache.get('a') !== undefined, cache.get('b'), cache.size]).toEqual([true, undefined, 2])
  })

  test.each([0, -1, 1.5, Number.NaN])('a capacity of %d is refused', (capacity) => {
    expect(() => new ProofKeyCache(capacity)).toThrow(RangeError)
  })
})
