import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { verifyIdentityToken } from '../../src/auth/identity-token.js'
import { ALGORITHMS, clock, nowSeconds, sign, signingKey, verifying } from './issuer-fixture.js'

const key = signingKey('ES256')
const services = verifying([key])

async function refusalOf(token: string, at = services): Promise<string> {
  const verdict = await verifyIdentityToken(at, token)
  expect(verdict.ok).toBe(false)
  return verdict.ok ? '' : verdict.error.message
}

describe.each(ALGORITHMS)('%s', (alg) => {
  const other = signingKey(alg)

  test('a token is accepted where the operator has allowed it, and nowhere else', async () => {
    const token = await sign(other)
    expect(await verifyIdentityToken(verifying([other]), token)).toMatchObject({
      ok: true,
      value: { principal: 'agent-7' },
    })
    const without = ALGORITHMS.filter((one) => one !== alg)
    const refused = await refusalOf(token, verifying([other], { algorithms: without }))
    expect(refused).toMatch(/its algorithm is not one of/)
  })

  test('a signature of another key, and any flipped bit of it, is refused', async () => {
    const at = verifying([other])
    const forged = await sign({ ...signingKey(alg), kid: other.kid })
    expect(await refusalOf(forged, at)).toMatch(/its signature does not verify/)
    const [header, payload, signature = ''] = (await sign(other)).split('.')
    const bytes = Buffer.from(signature, 'base64url')
    for (const bit of [0, 7, bytes.length * 4, bytes.length * 8 - 1]) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7))
      const token = `${header}.${payload}.${flipped.toString('base64url')}`
      expect(await refusalOf(token, at)).toMatch(/its signature does not verify/)
    }
  })
})

test('a key is not used with an algorithm that its set does not give it', async () => {
  const rsa = signingKey('PS256')
  const published = { ...rsa, jwk: { ...rsa.jwk, alg: 'PS256' } }
  const at = verifying([published], { algorithms: ['PS256', 'RS256'] })
  expect((await verifyIdentityToken(at, await sign(rsa))).ok).toBe(true)
  const crossed = await sign({ ...rsa, alg: 'RS256' })
  expect(await refusalOf(crossed, at)).toMatch(/its issuer has no key of that kid and algorithm/)
})

test('without a kid the one key that fits is taken; of several the issuer must name one', async () => {
  const [one, two] = [signingKey('ES256'), signingKey('ES256')]
  const nameless = { ...one, kid: undefined as unknown as string }
  expect((await verifyIdentityToken(verifying([one]), await sign(nameless))).ok).toBe(true)
  expect(await refusalOf(await sign(nameless), verifying([one, two]))).toMatch(
    /several keys of its issuer fit: the issuer must name one by kid/,
  )
})

test('any part of a token that is changed is refused, and no text is an error', async () => {
  const [header = '', payload = '', signature = ''] = (await sign(key)).split('.')
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string().map((text) => text),
        fc.string({ unit: 'binary' }),
        fc
          .json()
          .map((json) => `${header}.${Buffer.from(json).toString('base64url')}.${signature}`),
        fc
          .json()
          .map((json) => `${Buffer.from(json).toString('base64url')}.${payload}.${signature}`),
        fc.base64String().map((text) => `${header}.${payload}.${text}`),
        fc
          .tuple(fc.nat(header.length + payload.length), fc.constantFrom('.', 'A', '=', ' ', '+'))
          .map(([at, character]) => {
            const token = `${header}.${payload}.${signature}`
            return token.slice(0, at) + character + token.slice(at)
          }),
      ),
      async (token) => {
        const message = await refusalOf(token)
        expect(message).toMatch(/^the identity token is not accepted: /)
        expect(message.length).toBeLessThan(250)
      },
    ),
  )
})

test('claims of any kind under a good signature are accepted only as what they are', async () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>('https://issuer.example', 'gate', 'agent-7', ['gate'], null, '', '*'),
    fc.jsonValue(),
    fc.integer({ min: -100, max: 200_000 }).map((offset) => nowSeconds() + offset),
  )
  const names = ['iss', 'aud', 'sub', 'jti', 'exp', 'nbf', 'iat', 'cnf'] as const
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), value), async (change) => {
      const claims = { ...change }
      const token = await sign(key, claims).catch(() => null)
      if (token === null) return
      const verdict = await verifyIdentityToken(services, token)
      if (!verdict.ok) {
        expect(verdict.error.code).toBe('identity_unauthenticated')
        return
      }
      const { principal, exp, use, jkt } = verdict.value
      expect(principal).toMatch(/^[\x21-\x7e]{1,128}$/)
      expect(principal).not.toMatch(/^(uid:|dev:|_|\*$)/i)
      expect(Number.isInteger(exp) && exp >= nowSeconds() - 5).toBe(true)
      expect(exp).toBeLessThanOrEqual(nowSeconds() + 86_405)
      expect(use.expiresAt).toBeGreaterThanOrEqual(exp * 1000)
      expect(jkt).toBe(null)
    }),
    { numRuns: 500 },
  )
})

test('a token is remembered by issuer and jti together: no other pair has its hash', async () => {
  const hashOf = async (claims: object, issuer: string): Promise<string> => {
    const at = verifying([key], { issuer })
    const verdict = await verifyIdentityToken(at, await sign(key, { iss: issuer, ...claims }))
    if (!verdict.ok) throw new Error(verdict.error.message)
    return verdict.value.use.hash
  }
  const pairs = [
    ['a', 'b'],
    ['a"', 'b'],
    ['a', '"b'],
    ['a","b', 'c'],
    ['a', 'b","c'],
    ['ab', 'c'],
    ['a', 'bc'],
  ] as const
  const hashes = await Promise.all(pairs.map(([issuer, jti]) => hashOf({ jti }, issuer)))
  expect(new Set(hashes).size).toBe(pairs.length)
  expect(await hashOf({ jti: 'b', sub: 'agent-8' }, 'a')).toBe(hashes[0])
})

test('a clock that is set back accepts a token again that it had found expired, and none that is too new', async () => {
  const token = await sign(key, { exp: nowSeconds() + 10 })
  clock.advance(15_000)
  expect(await refusalOf(token)).toMatch(/it has expired/)
  clock.advance(-15_000)
  expect((await verifyIdentityToken(services, token)).ok).toBe(true)
})
