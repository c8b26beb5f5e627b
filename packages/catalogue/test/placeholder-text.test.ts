import type { Json } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  argumentOf,
  namesIn,
  parseText,
  scalarText,
  type TextPart,
  wholePlaceholder,
} from '../src/template/placeholder-text.js'

const parsed: readonly (readonly [string, readonly TextPart[]])[] = [
  ['', []],
  ['plain', [{ literal: 'plain' }]],
  ['{{a}}', [{ name: 'a' }]],
  ['{{ a }}', [{ name: 'a' }]],
  ['x{{a}}y{{_b2}}', [{ literal: 'x' }, { name: 'a' }, { literal: 'y' }, { name: '_b2' }]],
  ['{{a}}{{b}}', [{ name: 'a' }, { name: 'b' }]],
  ['}} {', [{ literal: '}} {' }]],
  ['{a}', [{ literal: '{a}' }]],
  ['{{a}}}', [{ name: 'a' }, { literal: '}' }]],
]

for (const [text, parts] of parsed) {
  test(`${JSON.stringify(text)} in its parts`, () => {
    expect(parseText(text)).toEqual({ ok: true, value: parts })
  })
}

const refused: readonly (readonly [string, string])[] = [
  ['{{', "'{{' without '}}'"],
  ['x {{a', "'{{' without '}}'"],
  ['{{}}', "'{{}}' does not hold the name of a parameter"],
  ['{{a b}}', "'{{a b}}' does not hold the name of a parameter"],
  ['{{a.b}}', "'{{a.b}}' does not hold the name of a parameter"],
  ['{{1}}', "'{{1}}' does not hold the name of a parameter"],
  ['{{{a}}}', "'{{{a}}' does not hold the name of a parameter"],
  ['{{ü}}', "'{{ü}}' does not hold the name of a parameter"],
]

for (const [text, error] of refused) {
  test(`${JSON.stringify(text)} is refused: ${error}`, () => {
    expect(parseText(text)).toEqual({ ok: false, error })
  })
}

const whole: readonly (readonly [string, string | null])[] = [
  ['{{a}}', 'a'],
  ['  {{ a }}\n', 'a'],
  ['{{a}}{{b}}', null],
  ['{{a}} x }}', null],
  ['{{a}} {{b}}', null],
  ['x{{a}}', null],
  ['{{a', null],
  ['', null],
]

for (const [text, name] of whole) {
  test(`${JSON.stringify(text)} is ${name === null ? 'not one placeholder' : `the parameter ${name}`}`, () => {
    expect(wholePlaceholder(text)).toBe(name)
  })
}

test('what was parsed is what was written', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,5}$/)
  const piece = fc.oneof(
    name.map((one): TextPart => ({ name: one })),
    fc.stringMatching(/^[^{}]{1,5}$/).map((one): TextPart => ({ literal: one })),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (parts) => {
      const text = parts.map((one) => ('name' in one ? `{{${one.name}}}` : one.literal)).join('')
      const read = parseText(text)
      if (!read.ok) throw new Error(read.error)
      const again = read.value.map((one) => ('name' in one ? `{{${one.name}}}` : one.literal))
      expect(again.join('')).toBe(text)
      expect(namesIn(read.value)).toEqual(parts.flatMap((one) => ('name' in one ? [one.name] : [])))
    }),
  )
})

test('an inherited member is not an argument, and one named __proto__ is', () => {
  expect(argumentOf({}, 'constructor')).toBeUndefined()
  expect(argumentOf({}, '__proto__')).toBeUndefined()
  const own = JSON.parse('{"__proto__": 1}') as { readonly __proto__: Json }
  expect(argumentOf(own as never, '__proto__')).toBe(1)
})

const scalars: readonly (readonly [Json, string | undefined])[] = [
  ['x', 'x'],
  ['', ''],
  [0, '0'],
  [-0, '0'],
  [1e21, '1e+21'],
  [0.5, '0.5'],
  [true, 'true'],
  [false, 'false'],
  [null, undefined],
  [[], undefined],
  [{}, undefined],
]

for (const [value, text] of scalars) {
  test(`${JSON.stringify(value)} as text is ${JSON.stringify(text)}`, () => {
    expect(scalarText(value)).toBe(text)
  })
}
