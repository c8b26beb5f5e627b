import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HIDDEN, sensitiveMembers, withoutSensitive } from '../../src/approvals/sensitive.js'

const SECRET = { type: 'string', 'x-sensitive': true }

function shown(schema: JsonObject, value: Json): Json {
  return withoutSensitive(value, sensitiveMembers(schema, value))
}

test.each([
  [
    'a member',
    { properties: { pin: SECRET } },
    { pin: '1234', name: 'a' },
    { pin: HIDDEN, name: 'a' },
  ],
  [
    'a member of a member',
    { properties: { card: { properties: { number: SECRET } } } },
    { card: { number: '4', holder: 'b' } },
    { card: { number: HIDDEN, holder: 'b' } },
  ],
  [
    'every item',
    { properties: { pins: { items: SECRET } } },
    { pins: ['1', '2'] },
    { pins: [HIDDEN, HIDDEN] },
  ],
  [
    'an item of a tuple',
    { properties: { pair: { prefixItems: [{ type: 'string' }, SECRET] } } },
    { pair: ['a', 'b', 'c'] },
    { pair: ['a', HIDDEN, 'c'] },
  ],
  [
    'what a reference marks',
    { $defs: { pin: SECRET }, properties: { p: { $ref: '#/$defs/pin' } } },
    { p: '1' },
    { p: HIDDEN },
  ],
  [
    'what one alternative marks',
    { anyOf: [{ properties: { p: SECRET } }, {}] },
    { p: '1' },
    { p: HIDDEN },
  ],
  [
    'members without a name of their own',
    { additionalProperties: SECRET },
    { any: '1' },
    { any: HIDDEN },
  ],
  ['members by pattern', { patternProperties: { '^x': SECRET } }, { x1: '1' }, { x1: HIDDEN }],
  [
    'a name with a slash',
    { properties: { 'a/b~c': SECRET } },
    { 'a/b~c': '1' },
    { 'a/b~c': HIDDEN },
  ],
  ['everything', { 'x-sensitive': true }, { a: 1 }, HIDDEN],
])('%s is hidden', (_what, schema, value, expected) => {
  expect(shown(schema as unknown as JsonObject, value as Json)).toEqual(expected)
})

test('a schema that refers to itself comes to an end, and what it marks is hidden', () => {
  const schema = { $ref: '#', properties: { pin: SECRET, more: { $ref: '#' } } }
  const value = { a: 1, pin: '2', more: { a: 3, pin: '4' } }
  const expected = { a: 1, pin: HIDDEN, more: { a: 3, pin: HIDDEN } }
  expect(shown(schema as unknown as JsonObject, value)).toEqual(expected)
})

test('alternatives that refer to themselves are looked through once in each place, however deep', () => {
  const names = ['and', 'or', 'not', 'any', 'all', 'none']
  const one = (name: string): JsonObject => ({
    properties: { op: { const: name }, of: { $ref: '#' }, pin: SECRET },
  })
  const schema = { oneOf: names.map(one) }
  // Six ways at each of ten levels are sixty million.
  let value: JsonObject = { op: 'none', pin: '1234' }
  for (let level = 0; level < 10; level += 1) value = { op: 'or', of: value }
  const text = JSON.stringify(shown(schema, value))
  expect(text).toContain(`"pin":"${HIDDEN}"`)
  expect(text).not.toContain('1234')
})

test('whatever the value, a marked member never shows, and nothing else is hidden', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string({ minLength: 1 }),
      (rest, pin) => {
        const value = { ...rest, pin } as JsonObject
        const found = shown({ properties: { pin: SECRET } } as unknown as JsonObject, value)
        expect(found).toEqual({ ...value, pin: HIDDEN })
      },
    ),
  )
})
