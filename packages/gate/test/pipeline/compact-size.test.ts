import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isLonger } from '../../src/pipeline/compact-size.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test.each([
  ['small arrays', `[${'[[]],'.repeat(100)}[]]`],
  ['small objects', `[${'{"":{}},'.repeat(100)}{}]`],
  ['empty members', `{${'"":"",'.repeat(100)}"":""}`],
  ['a string', `"${'a'.repeat(300)}"`],
  ['a string of escapes', `"${String.raw`\u0041\"\\`.repeat(100)}"`],
])('%s beyond the limit are known to be, without parsing', (_what, text) => {
  expect(isLonger(bytes(text), 200)).toBe(true)
})

test('what a text says is never taken for longer than its compact form', () => {
  const spaced = fc.tuple(fc.jsonValue(), fc.nat(4), fc.boolean())
  fc.assert(
    fc.property(spaced, ([value, spaces, escaped]) => {
      const compact = JSON.stringify(value)
      const text = JSON.stringify(value, null, spaces)
      const sent = escaped ? text.replace(/[a-z](?=[^"\\]*"\s*[,\]}])/g, escapeOf) : text
      expect(isLonger(bytes(sent), bytes(compact).length)).toBe(false)
    }),
    { numRuns: 2000 },
  )
})

test('a broken text gets an answer too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (text, limit) => {
      expect(isLonger(text, limit) && text.length <= limit).toBe(false)
    }),
  )
})

function escapeOf(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
}
