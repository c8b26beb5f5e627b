import type { JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { compileSchema } from '../src/schema/compile-schema.js'
import { FORMATS, KEYWORDS } from '../src/schema/schema-keywords.js'
import { hasDefaults, schemaFix, schemaRuleBroken } from '../src/schema/schema-rules.js'

const inside = (id: JsonObject): JsonObject => ({ type: 'object', properties: { id } })

/** The schema, the problem, a part of the hint. */
const broken: readonly (readonly [string, JsonObject, string, string])[] = [
  [
    'a misspelt keyword',
    inside({ type: 'string', maxlength: 3 }),
    '/properties/id: unknown keyword "maxlength"',
    "did you mean 'maxLength'?",
  ],
  [
    'a keyword of nobody',
    { foo: 1 },
    '/: unknown keyword "foo"',
    'use one of additionalProperties, ',
  ],
  [
    'a keyword of another dialect',
    inside({ nullable: true }),
    '/properties/id: unknown keyword "nullable"',
    'use one of',
  ],
  [
    'a misspelt type',
    inside({ type: 'integr' }),
    '/properties/id/type: unknown type "integr"',
    "did you mean 'integer'?",
  ],
  [
    'a type of another language',
    inside({ type: ['string', 'dict'] }),
    '/properties/id/type: unknown type "dict"',
    'use one of array, boolean, integer, null, number, object, string',
  ],
  [
    'a format of nobody',
    inside({ format: 'phone' }),
    '/properties/id/format: unknown format "phone"',
    'use one of date, date-time, ',
  ],
  [
    'a pattern that is none',
    { patternProperties: { '^a': { type: 'string', pattern: '[' } } },
    '/patternProperties/^a/pattern: Invalid regular expression',
    '',
  ],
  [
    'a default of the whole',
    { type: 'object', default: {} },
    '/default is ignored',
    'give it to the property itself',
  ],
  [
    'a default of an item',
    inside({ type: 'array', items: { type: 'string', default: 'x' } }),
    '/properties/id/items/default is ignored',
    'give it',
  ],
  [
    'a default in one of several branches',
    { oneOf: [inside({ default: 1 })] },
    '/oneOf/0/properties/id/default is ignored',
    'give it',
  ],
  [
    'a default in a definition',
    { $defs: { a: { default: 1 } } },
    '/$defs/a/default is ignored',
    'give it',
  ],
  [
    'a reference to elsewhere under a property named as a keyword with data',
    { properties: { default: { $ref: 'https://evil.com/' }, enum: {}, const: {} } },
    "/properties/default/$ref is external ('https://evil.com/'): only '#/…' is resolved",
    '',
  ],
  [
    'a name under a property named enum',
    { properties: { enum: { $id: 'https://a.com/' } } },
    '/properties/enum/$id is not allowed',
    'remove it',
  ],
  [
    'a property whose name needs escaping in a pointer',
    { properties: { 'a/b~c': { formt: 1 } } },
    '/properties/a~1b~0c: unknown keyword "formt"',
    "did you mean 'format'?",
  ],
]

for (const [title, schema, problem, hint] of broken) {
  test(`${title} is found, with its place and what to do`, () => {
    const defect = schemaRuleBroken(schema)
    expect(defect?.problem).toContain(problem)
    expect(defect?.hint).toContain(hint)
    expect(compileSchema(schema)).toEqual({ ok: false, error: defect })
  })
}

const fine: readonly (readonly [string, JsonObject])[] = [
  ['nothing', {}],
  ['data that looks like a schema', { enum: [{ $id: 'x', foo: 1 }], const: { $ref: 'http://a' } }],
  ['examples that look like one', inside({ type: 'object', examples: [{ typ: 'x' }] })],
  [
    'a property named as a keyword',
    { type: 'object', properties: { $ref: { type: 'string' }, type: {} } },
  ],
  ['a default that is applied', inside({ type: 'object', properties: { a: { default: 1 } } })],
  ['a default in a part that always holds', { allOf: [inside({ default: 1 })] }],
  [
    'a reference within',
    { type: 'object', $defs: { a: {} }, properties: { a: { $ref: '#/$defs/a' } } },
  ],
  ['the dialect by name', { $schema: 'https://json-schema.org/draft/2020-12/schema' }],
  ['our own keyword', inside({ type: 'string', 'x-sensitive': true })],
  ['true and false as schemas', { type: 'object', properties: { a: true, b: false } }],
]

for (const [title, schema] of fine) {
  test(`${title} is fine`, () => {
    expect(schemaRuleBroken(schema)).toBeNull()
    const compiled = compileSchema(schema)
    expect(compiled.ok ? '' : compiled.error.problem).toBe('')
  })
}

test('every keyword that we call known is known to the compiler', () => {
  const problems = KEYWORDS.map((keyword) => {
    // Not compared with the meta-schema, which would stop at the value before the keyword is looked up.
    const compiled = compileSchema({ [keyword]: VALUES[keyword] ?? {} } as JsonObject, true)
    return compiled.ok ? '' : compiled.error.problem
  })
  expect(problems.filter((problem) => problem.includes('unknown'))).toEqual([])
})

test('every format that we call known is checked', () => {
  for (const format of FORMATS) {
    const compiled = compileSchema({ type: 'string', format })
    if (!compiled.ok) throw new Error(compiled.error.problem)
    // No format has room for a broken percent sign between two braces and a space.
    expect(compiled.value('{% (').length, format).toBe(1)
  }
})

test('where there is no hint, the fix still says what to do', () => {
  expect(schemaFix({ problem: 'x', hint: '' })).toBe('correct the schema')
  expect(schemaFix({ problem: 'x', hint: 'y' })).toBe('correct the schema: y')
})

test('a schema has defaults when any part of it has one', () => {
  expect(hasDefaults({})).toBe(false)
  expect(hasDefaults(inside({ type: 'string' }))).toBe(false)
  expect(hasDefaults(inside({ default: null }))).toBe(true)
})

const VALUES: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $ref: '#',
  type: 'string',
  format: 'date',
  pattern: 'x',
}
