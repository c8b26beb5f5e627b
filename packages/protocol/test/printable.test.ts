import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable, printableJson, printableLines } from '../src/index.js'

const anyText = fc.string({ unit: 'binary', maxLength: 40 })
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{DI}\u2028\u2029]/u

test('property: nothing unprintable is left, and printable text stays as it is', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const shown = printable(text)
      expect(UNSAFE.test(shown)).toBe(false)
      expect(UNSAFE.test(printableLines(text).replaceAll('\n', ''))).toBe(false)
      if (!UNSAFE.test(text)) expect(shown).toBe(text)
      expect(printableLines(`${text}\n`).endsWith('\n')).toBe(true)
    }),
  )
})

test('property: a printed document is one safe line that parses to the same values', () => {
  fc.assert(
    fc.property(fc.dictionary(anyText, fc.oneof(anyText, fc.integer(), fc.boolean())), (value) => {
      const line = printableJson(value)
      expect(UNSAFE.test(line)).toBe(false)
      expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('property: an indented document keeps its lines and its values, and nothing else moves the eye', () => {
  fc.assert(
    fc.property(fc.dictionary(anyText, fc.oneof(anyText, fc.array(anyText))), (value) => {
      const text = printableJson(value, 2)
      expect(UNSAFE.test(text.replaceAll('\n', ''))).toBe(false)
      expect(text.split('\n')).toHaveLength(JSON.stringify(value, null, 2).split('\n').length)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})
