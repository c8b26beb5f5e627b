import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leavesOutNulls } from '../src/schema/absent-nulls.js'
import { compileSchema } from '../src/schema/compile-schema.js'
import { schema } from './manifest-text.js'

const nothingToLeaveOut: readonly (readonly [string, JsonObject])[] = [
  ['is required', schema({ a: { type: 'string' } }, ['a'])],
  ['may be null', schema({ a: { type: ['string', 'null'] } }, [])],
  ['is null', schema({ a: { type: 'null' } }, [])],
  ['may be anything', schema({ a: {} }, [])],
  ['lists null', schema({ a: { enum: ['x', null] } }, [])],
  ['is the constant null', schema({ a: { const: null } }, [])],
  ['is described elsewhere', schema({ a: { anyOf: [{ type: 'string' }] } }, [])],
  ['is not named', schema({ b: { type: 'string' } }, [])],
]

for (const [what, described] of nothingToLeaveOut) {
  test(`a null stays where the member ${what}`, () => {
    const value = { a: null }
    expect((leavesOutNulls(described) ?? ((same) => same))(value)).toBe(value)
  })
}

for (const member of [
  { type: 'string' },
  { type: ['string', 'integer'] },
  { enum: ['x', 'y'] },
  { const: 'x' },
]) {
  test(`a null is left out where an optional member has ${JSON.stringify(member)}`, () => {
    const value = { a: null, z: 1 }
    expect(leavesOutNulls(schema({ a: member, z: {} }, []))?.(value)).toEqual({ z: 1 })
    expect(value).toEqual({ a: null, z: 1 })
  })
}

test('a nested object is looked into, and the items of a list are not', () => {
  const inner = schema({ a: { type: 'string' } }, [])
  const leaveOut = leavesOutNulls(
    schema({ nested: inner, list: { type: 'array', items: inner } }, []),
  )
  expect(leaveOut?.({ nested: { a: null }, list: [{ a: null }] })).toEqual({
    nested: {},
    list: [{ a: null }],
  })
})

test('a member named __proto__ stays a member', () => {
  const leaveOut = leavesOutNulls(schema({ a: { type: 'string' } }, []))
  const value = JSON.parse('{"__proto__": {"polluted": 1}, "a": null}') as JsonObject
  expect(JSON.stringify(leaveOut?.(value))).toBe('{"__proto__":{"polluted":1}}')
})

test('what passes its schema is never changed: only what would be refused is', () => {
  const member = fc.constantFrom<JsonObject>(
    { type: 'string' },
    { type: ['integer', 'null'] },
    { enum: [null, 'x'] },
    { const: 1 },
    {},
    { type: 'object', properties: { a: { type: 'string' } } },
  )
  const described = fc.tuple(
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), member),
    fc.subarray(['a', 'b', 'c']),
  )
  const value = fc.dictionary(
    fc.constantFrom('a', 'b', 'c', 'd'),
    fc.oneof(fc.constant(null), fc.jsonValue({ maxDepth: 1 })),
  )
  fc.assert(
    fc.property(described, value, ([properties, required], sent) => {
      const declared = required.filter((name) => Object.hasOwn(properties, name))
      const parameters = schema(properties, declared)
      const compiled = compileSchema(parameters)
      if (!compiled.ok) throw new Error(compiled.error.problem)
      const params = sent as Readonly<Record<string, Json>>
      if (compiled.value(params).length > 0) return
      expect((leavesOutNulls(parameters) ?? ((same) => same))(params)).toBe(params)
    }),
  )
})
