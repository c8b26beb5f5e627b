import type { Json, JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { compileSchema, type SchemaCheck } from '../src/schema/compile-schema.js'

const TICKET: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['title'],
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 5 },
    severity: { type: 'integer', minimum: 1, maximum: 5, default: 3 },
    state: { type: 'string', enum: ['open', 'closed'] },
    url: { type: 'string', format: 'uri' },
    due: { type: 'string', format: 'date' },
    kind: { const: 'bug' },
    tags: { type: 'array', maxItems: 2, items: { type: 'string', pattern: '^[a-z]+$' } },
    any: { type: ['string', 'null'] },
    'a/b~c': { type: 'boolean' },
    nested: {
      type: 'object',
      additionalProperties: false,
      properties: { a: { type: 'object', required: ['b'] } },
    },
  },
}

const check = compile(TICKET)

/** What is wrong, the member as a JSON pointer, what it must be. */
const faults: readonly (readonly [string, JsonObject, string, string])[] = [
  ['a missing member', {}, '/title', 'is required'],
  ['a wrong type', { title: 1 }, '/title', 'must be string'],
  ['null in the place of a text', { title: null }, '/title', 'must be string'],
  ['one of two types', { title: 'x', any: 1 }, '/any', 'must be string or null'],
  ['a float for an integer', { title: 'x', severity: 1.5 }, '/severity', 'must be integer'],
  [
    'text for a number, which is never converted',
    { title: 'x', severity: '3' },
    '/severity',
    'must be integer',
  ],
  ['too small', { title: 'x', severity: 0 }, '/severity', 'must be >= 1'],
  ['too long', { title: 'abcdef' }, '/title', 'must NOT have more than 5 characters'],
  [
    'another than the listed',
    { title: 'x', state: 'opne' },
    '/state',
    'must be one of "open", "closed"',
  ],
  ['another than the only one', { title: 'x', kind: 1 }, '/kind', 'must be "bug"'],
  ['a relative URL', { title: 'x', url: '/a' }, '/url', 'must be an absolute URL'],
  ['no date', { title: 'x', due: '2026-02-30' }, '/due', "must have the format 'date'"],
  ['an item', { title: 'x', tags: ['a', 'B'] }, '/tags/1', 'must match pattern "^[a-z]+$"'],
  [
    'a list too long',
    { title: 'x', tags: ['a', 'b', 'c'] },
    '/tags',
    'must NOT have more than 2 items',
  ],
  ['a member below', { title: 'x', nested: { a: {} } }, '/nested/a/b', 'is required'],
  ['a name that a pointer escapes', { title: 'x', 'a/b~c': 1 }, '/a~1b~0c', 'must be boolean'],
  [
    'an unknown member',
    { title: 'x', sevrity: 1 },
    '/sevrity',
    "is not a known parameter (did you mean 'severity'?)",
  ],
  ['an unknown member near to none', { title: 'x', zzz: 1 }, '/zzz', 'is not a known parameter'],
  [
    'an unknown member below',
    { title: 'x', nested: { b: 1 } },
    '/nested/b',
    'is not a known parameter',
  ],
]

for (const [title, value, path, message] of faults) {
  test(`${title} is told as the member ${path} and what it must be`, () => {
    expect(check(structuredClone(value))).toEqual([{ path, message }])
  })
}

test('what keeps to the schema has no fault, and its defaults are filled in', () => {
  const value = { title: 'é😀abc', url: 'https://münchen.de/', tags: [] }
  expect(check(value)).toEqual([])
  expect(value).toEqual({ ...value, severity: 3 })
})

test('a default does not replace what was given, not even null', () => {
  expect(check({ title: 'x', severity: null })).toEqual([
    { path: '/severity', message: 'must be integer' },
  ])
})

test('five faults are told, in the order of the schema, or as many as are asked for', () => {
  const wrong = { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, title: 'x' }
  expect(check(structuredClone(wrong)).map((one) => one.path)).toEqual([
    '/a',
    '/b',
    '/c',
    '/d',
    '/e',
  ])
  expect(check(structuredClone(wrong), 6)).toHaveLength(6)
  expect(check(structuredClone(wrong), 1)).toHaveLength(1)
})

test('a fault is told once, and not again by the keyword that contains it', () => {
  const conditional = compile(
    // As text: an object with a member `then` is taken for a promise.
    JSON.parse(`{
      "type": "object",
      "if": { "required": ["a"] },
      "then": { "required": ["b"] },
      "propertyNames": { "maxLength": 2 }
    }`) as JsonObject,
  )
  expect(conditional({ a: 1 })).toEqual([{ path: '/b', message: 'is required' }])
  expect(conditional({ abc: 1 })).toEqual([
    { path: '', message: 'must NOT have more than 2 characters' },
  ])
  const twice = compile({ allOf: [{ type: 'string' }, { type: 'string' }] })
  expect(twice(1)).toEqual([{ path: '', message: 'must be string' }])
})

test('a long name is not repeated to whoever sent it', () => {
  const [fault] = check({ title: 'x', ['n'.repeat(10_000)]: 1 })
  expect(fault?.path).toBe(`/${'n'.repeat(100)}…`)
})

test('members that every object inherits do not count as given', () => {
  const strict = compile({ type: 'object', required: ['constructor', 'toString'] })
  expect(strict({}).map((one) => one.path)).toEqual(['/constructor', '/toString'])
})

test('a member named __proto__ is checked as any other', () => {
  const value = JSON.parse('{"title": "x", "__proto__": 1}') as Json
  expect(check(value)).toEqual([{ path: '/__proto__', message: 'is not a known parameter' }])
})

test('a schema is compiled once', () => {
  const schema = { type: 'string' }
  const one = compileSchema(schema)
  const two = compileSchema(schema)
  expect(one.ok && two.ok && one.value === two.value).toBe(true)
})

const defects: readonly (readonly [string, JsonObject, string])[] = [
  ['a negative length', { type: 'string', minLength: -1 }, 'schema/minLength must be >= 0'],
  ['a list of properties', { properties: [] }, 'schema/properties must be object'],
  ['required as a text', { type: 'object', required: 'a' }, 'schema/required must be array'],
  ['a bound without its type', { minLength: 1 }, 'missing type "string" for keyword "minLength"'],
  ['a reference to nothing', { $ref: '#/$defs/a' }, "can't resolve reference #/$defs/a"],
  ['an unknown anchor', { $ref: '#a' }, "can't resolve reference #a"],
]

for (const [title, schema, problem] of defects) {
  test(`${title} is a schema that is not compiled`, () => {
    const compiled = compileSchema(schema)
    expect(compiled.ok ? 'compiled' : compiled.error.problem).toContain(problem)
  })
}

test('one bad schema does not spoil the next of the same shape', () => {
  const bad = (): JsonObject => ({ type: 'object', properties: { a: { minLength: 1 } } })
  expect(compileSchema(bad()).ok).toBe(false)
  expect(compileSchema(bad()).ok).toBe(false)
  expect(compileSchema({ type: 'object', properties: { a: {} } }).ok).toBe(true)
})

function compile(schema: JsonObject): SchemaCheck {
  const compiled = compileSchema(schema)
  if (compiled.ok) return compiled.value
  throw new Error(compiled.error.problem)
}

test('alternatives that refer to themselves are not multiplied by the nesting of a value', () => {
  const names = ['and', 'or', 'not', 'any', 'all', 'none', 'some', 'few']
  const one = (name: string): JsonObject => ({
    type: 'object',
    required: ['op'],
    additionalProperties: false,
    properties: { op: { const: name }, of: { $ref: '#' } },
  })
  const compiled = compileSchema({ type: 'object', oneOf: names.map(one) })
  if (!compiled.ok) throw new Error(compiled.error.problem)
  const nested = (op: string): JsonObject => {
    let value: JsonObject = { op }
    for (let level = 0; level < 30; level += 1) value = { op: 'or', of: value }
    return value
  }
  expect(compiled.value(nested('few'))).toEqual([])
  expect(compiled.value(nested('none of them'))).not.toEqual([])
})
