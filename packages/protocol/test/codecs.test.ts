import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase64url, decodeHex, encodeBase64url, encodeHex } from '../src/index.js'
import { loadVectors } from './vectors.js'

interface Vectors {
  readonly valid: readonly { readonly hex: string; readonly text: string }[]
  readonly invalid: readonly { readonly text: string; readonly why: string }[]
}

const vectors = loadVectors<Vectors>('base64url')

describe('base64url', () => {
  test.each(vectors.valid)('$hex is $text', ({ hex, text }) => {
    const bytes = decodeHex(hex) ?? new Uint8Array([0xbad])
    expect(encodeBase64url(bytes)).toBe(text)
    expect(decodeBase64url(text)).toEqual(bytes)
  })

  test.each(vectors.invalid)('$text is refused: $why', ({ text }) => {
    expect(decodeBase64url(text)).toBeNull()
  })

  test('it agrees with the platform, and what it writes it reads', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = encodeBase64url(bytes)
        expect(text).toBe(Buffer.from(bytes).toString('base64url'))
        expect(decodeBase64url(text)).toEqual(bytes)
      }),
    )
  })

  test('no two texts stand for the same bytes', () => {
    const unit = fc.constantFrom(...'AQgwBCDZz09-_+/= .\n'.split(''))
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 9 }), (units) => {
        const text = units.join('')
        const bytes = decodeBase64url(text)
        expect(bytes === null ? null : encodeBase64url(bytes)).toBe(bytes === null ? null : text)
        const isCanonical = Buffer.from(text, 'base64url').toString('base64url') === text
        expect(bytes !== null).toBe(isCanonical)
      }),
      { numRuns: 5000 },
    )
  })

  test('every final letter with bits to spare is refused', () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const accepted = (prefix: string): number =>
      letters.split('').filter((last) => decodeBase64url(prefix + last) !== null).length
    expect([accepted('A'), accepted('AA'), accepted('AAA')]).toEqual([4, 16, 64])
  })
})

describe('hex', () => {
  test('what it writes it reads', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(encodeHex(bytes)).toBe(Buffer.from(bytes).toString('hex'))
        expect(decodeHex(encodeHex(bytes))).toEqual(bytes)
      }),
    )
  })

  test.each(['0', 'AB', '0x', 'g0', '0g', ' 0', '0 ', '00\n', '０0', 'aé', '/0', ':0', '`0'])(
    '%j is refused',
    (text) => {
      expect(decodeHex(text)).toBeNull()
    },
  )
})
