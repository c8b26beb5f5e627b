import { describe, expect, test } from 'vitest'
import { isResourceId, isSha256, isUuid } from '../src/index.js'
import { digest, digestBytes, sha256, sha256Hex, uuidv4, uuidv7 } from '../src/node/index.js'

describe('resource ids', () => {
  test.each([
    'a',
    'http_fetch',
    'A.b-c_9',
    '0196a1b2-0000-7000-8000-000000000001',
    'x'.repeat(256),
  ])('%s is one', (text) => {
    expect(isResourceId(text)).toBe(true)
  })

  test.each([
    '',
    '_a',
    '.a',
    '-a',
    'a b',
    'a/b',
    'a%2e',
    'a\n',
    '\na',
    'é',
    '..',
    'a?b',
    'a\u0000',
    'x'.repeat(257),
  ])('%j is none', (text) => {
    expect(isResourceId(text)).toBe(false)
  })
})

describe('uuids', () => {
  test('version 7 begins with its time and is a UUID', () => {
    const id = uuidv7(0x0196_a1b2_c3d4)
    expect(id).toMatch(/^0196a1b2-c3d4-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(isUuid(id)).toBe(true)
    expect(uuidv7(0)).toMatch(/^00000000-0000-7/)
    expect(uuidv7(2 ** 48 - 1)).toMatch(/^ffffffff-ffff-7/)
  })

  test('without a time it is the present', () => {
    const before = Date.now()
    const ms = Number.parseInt(uuidv7().replaceAll('-', '').slice(0, 12), 16)
    expect(ms).toBeGreaterThanOrEqual(before)
    expect(ms).toBeLessThanOrEqual(Date.now())
  })

  test('two of one millisecond differ', () => {
    expect(new Set(Array.from({ length: 1000 }, () => uuidv7(1))).size).toBe(1000)
    expect(new Set(Array.from({ length: 1000 }, uuidv4)).size).toBe(1000)
    expect(uuidv4()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/)
  })

  test.each([-1, 2 ** 48, Number.NaN, Number.POSITIVE_INFINITY])('%d is no time', (ms) => {
    expect(() => uuidv7(ms)).toThrow(RangeError)
  })

  test.each(['0196A1B2-0000-7000-8000-000000000001', '0196a1b2000070008000000000000001', 'x', ''])(
    '%j is no UUID in wire form',
    (text) => {
      expect(isUuid(text)).toBe(false)
    },
  )
})

describe('digests', () => {
  test('FIPS 180-2: the digest of abc', () => {
    const hex = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(sha256Hex('abc')).toBe(hex)
    expect(Buffer.from(sha256('abc')).toString('hex')).toBe(hex)
    expect(digestBytes(new TextEncoder().encode('abc'))).toBe(`sha256:${hex}`)
  })

  test('a text is hashed as UTF-8', () => {
    expect(sha256Hex('é')).toBe(sha256Hex(new Uint8Array([0xc3, 0xa9])))
  })

  test('the wire form is recognised, and nothing else', () => {
    expect(isSha256(digest({ a: 1 }))).toBe(true)
    const hex = 'a'.repeat(64)
    for (const text of [hex, `sha256:${hex}0`, `SHA256:${hex}`, `sha256:${'A'.repeat(64)}`, '']) {
      expect(isSha256(text)).toBe(false)
    }
  })
})
