import { calculateJwkThumbprint } from 'jose'
import { describe, expect, test } from 'vitest'
import { importP256Jwk, jwkThumbprint, timingSafeEqualText } from '../../src/node/index.js'
import { keyVectors } from './test-keys.js'

const { x, y } = keyVectors.p256[0]!
const good = { kty: 'EC', crv: 'P-256', x, y }

describe('thumbprints', () => {
  const known = keyVectors.p256.filter((key) => key.jkt !== undefined)

  test.each(known)('$name', async (key) => {
    const jwk = { kty: 'EC', crv: 'P-256', x: key.x, y: key.y }
    expect(jwkThumbprint(jwk)).toBe(key.jkt)
    expect(await calculateJwkThumbprint(jwk)).toBe(key.jkt)
  })

  test('only the four members count, as spelled', () => {
    const more = { ...good, kid: 'x', use: 'sig' }
    expect(jwkThumbprint(more)).toBe(jwkThumbprint(good))
    expect(jwkThumbprint({ ...good, x: `${x}=` })).not.toBe(jwkThumbprint(good))
  })
})

describe('importP256Jwk', () => {
  test('it gives the key, its public members alone, and its thumbprint', () => {
    const imported = importP256Jwk({ ...good, kid: 'k', use: 'sig' })
    expect(imported).toMatchObject({ ok: true, value: { jwk: good, jkt: keyVectors.p256[0]!.jkt } })
    if (!imported.ok) return
    expect(Object.keys(imported.value.jwk)).toEqual(['kty', 'crv', 'x', 'y'])
    expect(imported.value.key.export({ format: 'jwk' })).toEqual(good)
  })

  const cases: readonly (readonly [string, unknown, string])[] = [
    ['RSA', { ...good, kty: 'RSA' }, "dpop_jwk.kty must be 'EC', got 'RSA'"],
    ['no kty', { ...good, kty: undefined }, "dpop_jwk.kty must be 'EC', got undefined"],
    ['P-384', { ...good, crv: 'P-384' }, "dpop_jwk.crv must be 'P-256', got 'P-384'"],
    ['a private key', { ...good, d: 'AA' }, 'dpop_jwk must not contain a private key'],
    ['no x', { ...good, x: undefined }, 'dpop_jwk.x is required'],
    ['y as a number', { ...good, y: 1 }, 'dpop_jwk.y is required'],
    ['padding', { ...good, x: `${x}=` }, 'invalid base64url in dpop_jwk.x'],
    ['a short y', { ...good, y: 'AAAA' }, 'dpop_jwk.y must be 32 bytes, got 3'],
    ['an empty x', { ...good, x: '' }, 'dpop_jwk.x must be 32 bytes, got 0'],
    ['a point off the curve', { ...good, x: y, y: x }, 'dpop_jwk is not a point on P-256'],
    ['null', null, 'dpop_jwk must be an object'],
    ['an array', [good], 'dpop_jwk must be an object'],
    ['a text', 'EC', 'dpop_jwk must be an object'],
  ]

  test.each(cases)('%s is refused in words', (_name, jwk, error) => {
    expect(importP256Jwk(jwk)).toEqual({ ok: false, error })
  })

  test('the name of the member is the caller’s', () => {
    expect(importP256Jwk(null, 'jwk')).toEqual({ ok: false, error: 'jwk must be an object' })
  })

  test('a getter that answers differently the second time changes nothing', () => {
    let reads = 0
    const shifty = {
      ...good,
      get x(): string {
        reads += 1
        return reads === 1 ? x : y
      },
    }
    expect(importP256Jwk(shifty)).toMatchObject({ ok: true, value: { jwk: good } })
    expect(reads).toBe(1)
  })
})

test('texts are compared by every code unit', () => {
  expect(timingSafeEqualText('', '')).toBe(true)
  expect(timingSafeEqualText('abc', 'abc')).toBe(true)
  expect(timingSafeEqualText('é😀', 'é😀')).toBe(true)
  const pairs = [
    ['abc', 'abd'],
    ['abc', 'ab'],
    ['', 'a'],
    ['\ud800', '\ufffd'],
    ['\ud800', '\udbff'],
    ['é', 'e\u0301'],
    ['a\u0000', 'a'],
    ['\u0161', 'a'],
  ] as const
  for (const [a, b] of pairs) expect([a, b, timingSafeEqualText(a, b)]).toEqual([a, b, false])
})
