import { expect, test } from 'vitest'
import { argumentFault } from '../src/argument-check.js'

const SCHEMA = {
  type: 'object' as const,
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: { type: 'string' },
    method: { enum: ['GET', 'HEAD'] },
    headers: {
      type: 'object',
      properties: { accept: { type: 'string' }, range: { type: 'string' } },
      required: ['accept'],
    },
    when: { type: ['string', 'null'] },
    id: { type: 'string', pattern: '^[0-9]+$', description: 'Decimal digits' },
  },
}

test.each([
  [{ url: 'x' }],
  [{ url: 'x', method: null, headers: null, id: null }],
  [{ url: 'x', when: null }],
  [{ url: 'x', headers: { accept: 'a', range: null } }],
])('%j is for the gate to judge', (args) => {
  expect(argumentFault(SCHEMA, args)).toBeNull()
})

const TAKES = 'It takes url (required), method, headers, when, id.'

test.each([
  [{}, "arguments must have required property 'url'"],
  [{ url: null }, 'arguments/url must be string'],
  [{ url: 7 }, 'arguments/url must be string'],
  [
    { url: 'x', method: 'PUT' },
    'arguments/method must be equal to one of the allowed values: ["GET","HEAD"]',
  ],
  [{ url: 'x', headers: { accept: null } }, 'arguments/headers/accept must be string'],
  [{ url: 'x', more: 1 }, "arguments must NOT have additional properties ('more')"],
  [{ url: 'x', id: 'a' }, 'arguments/id is not what it has to be (Decimal digits)'],
])('%j is refused with what is wrong and what there is', (args, message) => {
  expect(argumentFault(SCHEMA, args)).toBe(`${message}. ${TAKES}`)
})

test('a name of the prototype is a name like any other', () => {
  const args = JSON.parse('{"url":"x","__proto__":{"url":"y"},"constructor":null}') as object
  expect(argumentFault(SCHEMA, args as Record<string, unknown>)).toContain('__proto__')
})

test('a schema that is none checks nothing: the gate does', () => {
  const odd = { type: 'object' as const, properties: { a: { type: 'no such type' } } }
  expect(argumentFault(odd, { a: 1 })).toBeNull()
})

test('two schemas of the same $id are two', () => {
  const one = { $id: 'https://schemas.example/one', type: 'object' as const, required: ['a'] }
  const two = { $id: 'https://schemas.example/one', type: 'object' as const, required: ['b'] }
  expect(argumentFault(one, { a: 1 })).toBeNull()
  expect(argumentFault(two, { a: 1 })).toBe(
    "arguments must have required property 'b'. It takes no arguments.",
  )
})
