import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { autoOffset, autoZ, isoMillis, isoSeconds } from '../src/index.js'
import { loadVectors } from './vectors.js'

interface Vectors {
  readonly cases: readonly {
    readonly unix_ms: number
    readonly ms_z: string
    readonly auto_z: string
    readonly auto_offset: string
    readonly seconds: string
  }[]
  readonly offset_texts: readonly { readonly text: string; readonly result: string }[]
}

const vectors = loadVectors<Vectors>('timestamps')

test.each(vectors.cases)('$unix_ms in the four forms', (vector) => {
  expect(isoMillis(vector.unix_ms)).toBe(vector.ms_z)
  expect(autoZ(vector.unix_ms)).toBe(vector.auto_z)
  expect(autoOffset(autoZ(vector.unix_ms))).toBe(vector.auto_offset)
  expect(isoSeconds(vector.unix_ms)).toBe(vector.seconds)
})

test.each(vectors.offset_texts)('$text is hashed as $result', ({ text, result }) => {
  expect(autoOffset(text)).toBe(result)
})

describe('properties', () => {
  const ms = fc.integer({ min: 0, max: 253_402_300_799_999 })

  test('ms-Z has 24 characters, sorts as the times do, and reads back', () => {
    fc.assert(
      fc.property(ms, ms, (a, b) => {
        expect(isoMillis(a)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        expect(Date.parse(isoMillis(a))).toBe(a)
        expect(isoMillis(a) < isoMillis(b)).toBe(a < b)
      }),
    )
  })

  test('auto-Z and seconds read back, seconds rounded down', () => {
    fc.assert(
      fc.property(ms, (a) => {
        expect(Date.parse(autoZ(a))).toBe(a)
        expect(Date.parse(autoOffset(autoZ(a)))).toBe(a)
        expect(isoSeconds(a)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
        expect(Date.parse(isoSeconds(a))).toBe(Math.floor(a / 1000) * 1000)
      }),
    )
  })
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, 253_402_300_800_000, -62_167_219_200_001])(
  '%d has no form',
  (ms) => {
    for (const form of [isoMillis, isoSeconds, autoZ]) expect(() => form(ms)).toThrow(RangeError)
  },
)
