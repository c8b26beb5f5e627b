import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonFault, MAX_OUTPUT_VALUES } from '../src/worker/output-json.js'

test('any JSON is fine', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(jsonFault(text)).toBeNull()
    }),
  )
})

test.each(['', '{', '{"a":1,}', "{'a':1}", '"', '"\\"', 'NaN', '1 2', '{"a":"\n"}', '\ufeff1'])(
  '%j is not JSON',
  (text) => {
    expect(jsonFault(text)).toBe('something that is not JSON')
  },
)

test.each([
  ['arrays', (n: number) => `[${new Array(n).fill('[]').join()}]`, 2],
  ['numbers', (n: number) => `[${new Array(n).fill('1').join()}]`, 1],
  ['nested arrays', (n: number) => '['.repeat(n) + ']'.repeat(n), 1],
])('one value more than allowed is too many: %s', (_name, text, each) => {
  const most = Math.floor((MAX_OUTPUT_VALUES - 1) / each)
  expect(jsonFault(text(most))).toBeNull()
  expect(jsonFault(text(most + 1))).toBe('more than 200000 values')
})

test('commas and brackets in a string are not values, whatever is escaped before them', () => {
  const body = '[,{"\\'.repeat(MAX_OUTPUT_VALUES)
  for (const end of ['', '\\', '\\\\', '"', '\\"', 'é']) {
    expect(jsonFault(JSON.stringify({ body: body + end, more: [end] }))).toBeNull()
  }
})

test('a string that does not end is not JSON, and is not searched again and again', () => {
  expect(jsonFault(`"${'\\"'.repeat(1_000_000)}`)).toBe('something that is not JSON')
})
