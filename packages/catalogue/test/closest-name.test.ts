import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closestName, didYouMean } from '../src/closest-name.js'

const KEYS = ['fuel', 'memory_mb', 'timeout_seconds', 'max_io_calls', 'action_id']

const rows: readonly (readonly [string, string | undefined])[] = [
  ['feul', 'fuel'],
  ['fule', 'fuel'],
  ['ufel', 'fuel'],
  ['fuels', 'fuel'],
  ['FUEL', 'fuel'],
  ['fulf', undefined],
  ['actoin_id', 'action_id'],
  ['actionid', 'action_id'],
  ['memorymb', 'memory_mb'],
  ['timeout', undefined],
  ['x', undefined],
  ['', undefined],
]

for (const [name, expected] of rows) {
  test(`the nearest to '${name}' is ${expected ?? 'nothing'}`, () => {
    expect(closestName(name, KEYS)).toBe(expected)
  })
}

test('nothing is near to one letter', () => {
  expect(closestName('c', ['a', 'b', 'cd'])).toBeUndefined()
  expect(closestName('al', ['all'])).toBe('all')
})

test('of two near names the nearer is suggested, of two as near the first', () => {
  expect(closestName('http_red', ['http_write', 'http_read'])).toBe('http_read')
  expect(closestName('ab', ['ac', 'ad'])).toBe('ac')
})

test('a name of more than 64 characters is compared with nothing', () => {
  expect(closestName('a'.repeat(65), ['a'.repeat(64)])).toBeUndefined()
  expect(closestName('a'.repeat(63), ['a'.repeat(64)])).toBe('a'.repeat(64))
})

test('the words around a suggestion', () => {
  expect(didYouMean('feul', KEYS)).toBe(" (did you mean 'fuel'?)")
  expect(didYouMean('x', KEYS)).toBe('')
})

const word = fc.stringMatching(/^[a-e]{4,12}$/)

test('one mistake in a name still finds it: a letter more, less, other, or two exchanged', () => {
  fc.assert(
    fc.property(
      word,
      fc.nat(11),
      fc.constantFrom('more', 'less', 'other', 'exchanged'),
      (name, at, kind) => {
        const i = at % (name.length - 1)
        const [head, a, b, tail] = [name.slice(0, i), name[i], name[i + 1], name.slice(i + 2)]
        const wrong = {
          more: `${head}z${a}${b}${tail}`,
          less: `${head}${b}${tail}`,
          other: `${head}z${b}${tail}`,
          exchanged: `${head}${b}${a}${tail}`,
        }[kind]
        expect(closestName(wrong, [name])).toBe(name)
      },
    ),
  )
})

test('a suggestion is one of the known names', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 70 }),
      fc.array(fc.string({ maxLength: 70 })),
      (name, known) => {
        const near = closestName(name, known)
        if (near !== undefined) expect(known).toContain(near)
        if (name.length > 1 && name.length <= 64 && known.includes(name))
          expect(near?.toLowerCase()).toBe(name.toLowerCase())
      },
    ),
  )
})
