import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sanitizeText } from '../src/index.js'
import { loadVectors } from './vectors.js'

interface Vectors {
  readonly cases: readonly {
    readonly text: string
    readonly max_bytes: number
    readonly result: string
  }[]
}

test.each(loadVectors<Vectors>('sanitize').cases)('$text within $max_bytes bytes', (vector) => {
  expect(sanitizeText(vector.text, vector.max_bytes)).toBe(vector.result)
})

test('half of a pair becomes the replacement character', () => {
  expect(sanitizeText('a\ud800b\udc00', 200)).toBe('a\ufffdb\ufffd')
  expect(sanitizeText('\ud800', 2)).toBe('')
})

test('the result is printable, well formed, within the limit, and cut no earlier than it must be', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(60), (text, maxBytes) => {
      const result = sanitizeText(text, maxBytes)
      const bytes = Buffer.byteLength(result)
      expect(bytes).toBeLessThanOrEqual(maxBytes)
      expect(result.isWellFormed()).toBe(true)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
      expect(/[\u0000-\u001f\u007f-\u009f]/.test(result)).toBe(false)
      // Control characters become one byte, so the next character is shown as it is or as a space.
      const next = Array.from(text)[Array.from(result).length] ?? ''
      const fits = bytes + Buffer.byteLength(sanitizeText(next, 4)) <= maxBytes
      expect(next !== '' && fits).toBe(false)
    }),
    { numRuns: 1000 },
  )
})

test('a long text is not read to its end', () => {
  const start = performance.now()
  expect(sanitizeText('a'.repeat(50_000_000), 200)).toHaveLength(200)
  expect(performance.now() - start).toBeLessThan(2000)
})
