import { generateKeyPairSync } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, importJWK, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import type { LeaseClaims } from '../../src/index.js'
import {
  generateLeaseKeyPem,
  type LeaseKey,
  loadLeaseKey,
  signLease,
  verifyLease,
} from '../../src/node/index.js'
import { loadVectors } from '../vectors.js'
import { keyG, keyVectors, privateKey } from './test-keys.js'

interface Case {
  readonly name: string
  readonly token: string
  readonly now: number
  readonly verdict:
    | { readonly ok: true; readonly claims: LeaseClaims }
    | {
        readonly ok: false
        readonly code: string
        readonly contains: string
        readonly claims: boolean
      }
}

const vectors = loadVectors<{ readonly claims: LeaseClaims; readonly cases: readonly Case[] }>(
  'leases',
)
const key = keyG()
const keys: ReadonlyMap<string, LeaseKey> = new Map([[key.kid, key]])
const NOW = 1_767_225_700

const wantedVerdict = (verdict: Case['verdict']): object =>
  verdict.ok
    ? verdict
    : {
        ok: false,
        code: verdict.code,
        reason: expect.stringContaining(verdict.contains),
        ...(verdict.claims ? { claims: vectors.claims } : {}),
      }

describe('the order of auth-and-evidence 6.4', () => {
  test.each(vectors.cases)('$name', ({ token, now, verdict: expected }) => {
    const verdict = verifyLease(token, keys, now)
    expect(verdict).toEqual(wantedVerdict(expected))
    expect(Buffer.byteLength(verdict.ok ? '' : verdict.reason)).toBeLessThanOrEqual(200)
  })
})

describe('signing', () => {
  test('header and claims have the members and the order of 6.1, then epoch and idm', () => {
    const { claims } = vectors
    const shuffled = Object.fromEntries(Object.entries(claims).reverse()) as LeaseClaims
    const [header, payload] = signLease(shuffled, key)
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString())
    expect(header).toBe('{"typ":"JWT","alg":"ES256","kid":"76805a63a6980c18"}')
    expect(payload).toBe(JSON.stringify(claims))
    expect(Object.keys(JSON.parse(payload!) as object).slice(-4)).toEqual([
      'cnf',
      'owner',
      'epoch',
      'idm',
    ])
  })

  test('what is signed verifies, with and without the optional claims', () => {
    const { budgets: _budgets, owner: _owner, ...bare } = vectors.claims
    for (const claims of [vectors.claims, bare, { ...bare, budgets: { max_calls: null } }]) {
      expect(verifyLease(signLease(claims, key), keys, NOW)).toEqual({ ok: true, claims })
    }
  })

  test('what a lease says of the token that opened it is last, and comes back as it was', () => {
    const idp = { iss: 'https://issuer.example', aud: 'gate', exp: 7, principal_claim: 'sub' }
    const claims = { ...vectors.claims, idp }
    const token = signLease(claims, key)
    expect(verifyLease(token, keys, NOW)).toEqual({ ok: true, claims })
    const payload = Buffer.from(token.split('.')[1]!, 'base64url').toString()
    expect(payload.endsWith(`"idp":${JSON.stringify(idp)}}`)).toBe(true)
  })

  test.each([
    null,
    'x',
    [],
    {},
    { iss: 'i', aud: 'a', exp: 7 },
    { iss: 'i', aud: 'a', exp: '7', principal_claim: 'sub' },
    { iss: 'i', aud: 'a', exp: 7.5, principal_claim: 'sub' },
    { iss: ['i'], aud: 'a', exp: 7, principal_claim: 'sub' },
  ])('a lease that says %j of its token is no lease', (idp) => {
    const claims = { ...vectors.claims, idp } as unknown as LeaseClaims
    expect(verifyLease(signLease(claims, key), keys, NOW)).toMatchObject({
      ok: false,
      code: 'invalid_lease',
      reason: 'claim idp is missing or of the wrong type',
    })
  })

  test('a claim beyond the known ones is neither signed nor passed on', () => {
    const claims = { ...vectors.claims, admin: true }
    const payload = signLease(claims, key).split('.')[1]!
    expect(Buffer.from(payload, 'base64url').toString()).not.toContain('admin')
  })

  test('a lease verifies with jose and the members of the JWKS', async () => {
    const { kty, crv, x, y } = key.jwk
    const jwk = await importJWK({ kty, crv, x, y, alg: 'ES256' })
    const { payload } = await jwtVerify(signLease(vectors.claims, key), jwk, {
      issuer: 'latchgate',
      audience: 'latchgate',
      currentDate: new Date(NOW * 1000),
    })
    expect(payload).toEqual(vectors.claims)
  })

  test('a key without its private half signs nothing', () => {
    const spki = key.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    expect(() => signLease(vectors.claims, loadLeaseKey(spki))).toThrow(TypeError)
  })
})

describe('keys', () => {
  test('kid and members are those of auth-and-evidence 27.1', () => {
    const { x, y, kid } = keyVectors.p256[1]!
    expect(key.kid).toBe(kid)
    expect(key.jwk).toEqual({ kty: 'EC', crv: 'P-256', x, y })
    const a = keyVectors.p256[0]!
    const loaded = loadLeaseKey(privateKey('A').export({ type: 'pkcs8', format: 'pem' }).toString())
    expect(loaded.kid).toBe(a.kid)
    const der = loaded.publicKey.export({ type: 'spki', format: 'der' })
    expect(der.toString('hex')).toBe(a.spki)
  })

  test('a public key verifies what its private half has signed', () => {
    const pem = generateLeaseKeyPem()
    const own = loadLeaseKey(pem)
    const other = loadLeaseKey(own.publicKey.export({ type: 'spki', format: 'pem' }).toString())
    expect([other.kid, other.privateKey]).toEqual([own.kid, undefined])
    const token = signLease(vectors.claims, own)
    expect(verifyLease(token, new Map([[other.kid, other]]), NOW).ok).toBe(true)
    expect(verifyLease(token, keys, NOW)).toMatchObject({ reason: `unknown kid: ${own.kid}` })
  })

  test('a lease of either of two gates that share their keys is accepted', () => {
    const [one, two] = [1, 2].map(() => loadLeaseKey(generateLeaseKeyPem())) as [LeaseKey, LeaseKey]
    const both = new Map([one, two].map((each) => [each.kid, each]))
    for (const each of [one, two]) {
      expect(verifyLease(signLease(vectors.claims, each), both, NOW).ok).toBe(true)
    }
  })

  test('each generated key is new, and its thumbprint is what jose says', async () => {
    const [one, two] = [generateLeaseKeyPem(), generateLeaseKeyPem()]
    expect(one).not.toBe(two)
    const { jwk, publicKey } = loadLeaseKey(one)
    expect(await exportJWK(publicKey)).toEqual(jwk)
    expect(await calculateJwkThumbprint(jwk)).toHaveLength(43)
  })

  test('a key of another kind is refused', () => {
    const others = [
      generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
      generateKeyPairSync('ed25519').privateKey,
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    ]
    for (const other of others) {
      const pem = other.export({ type: 'pkcs8', format: 'pem' }).toString()
      expect(() => loadLeaseKey(pem)).toThrow(TypeError)
    }
    expect(() => loadLeaseKey('')).toThrow(Error)
  })
})

describe('mutation', () => {
  test('every flipped bit of a good lease is refused', () => {
    const good = vectors.cases[0]!.token
    expect(verifyLease(good, keys, NOW).ok).toBe(true)
    const bytes = Buffer.from(good, 'latin1')
    const survivors: string[] = []
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const mutant = Buffer.from(bytes)
        mutant[at]! ^= 1 << bit
        const verdict = verifyLease(mutant.toString('latin1'), keys, NOW)
        if (verdict.ok || verdict.code !== 'invalid_lease') survivors.push(`${at}:${bit}`)
      }
    }
    expect(survivors).toEqual([])
  })

  test.each([Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])(
    'a clock of %d accepts nothing',
    (now) => {
      expect(verifyLease(vectors.cases[0]!.token, keys, now).ok).toBe(false)
    },
  )
})
