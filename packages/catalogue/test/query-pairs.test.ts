import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Template } from '../src/index.js'
import { type QueryPair, queryPairs } from '../src/template/query-pairs.js'
import { parseUrlTemplate } from '../src/template/url-template.js'

const BASE: Template = {
  method: 'GET',
  url_template: 'https://a.com/',
  path_params: [],
  query: {},
  query_params: null,
  headers: {},
  body_template: undefined,
  body_encoding: 'json',
}

test("the template's own pairs come first, then query, then the caller's", () => {
  const change = {
    url_template: 'https://a.com/?z=1&i={{i}}&flag&m=v{{i}}',
    query: { 'q&': '{{q}}' },
    query_params: 'more',
  }
  expect(shown(change, { i: 'x y', q: 'ä', more: { b: 1, a: [true, 's'] } })).toBe(
    'z=1&i=x%20y&flag=&m=vx%20y&q%26=%C3%A4&b=1&a=true&a=s',
  )
})

test('an absent optional, and an empty list, drop their pair', () => {
  const change = { url_template: 'https://a.com/?i={{i}}', query: { q: '{{q}}', l: '{{l}}' } }
  expect(shown(change, { l: [] })).toBe('')
  expect(shown(change, { i: '', q: '' })).toBe('i=&q=')
})

test('mixed text needs all of its values', () => {
  expect(pairs({ query: { q: 'a{{x}}' } }, {})).toEqual({
    ok: false,
    error: { path: '/x', message: 'is required by the action' },
  })
})

const bad: readonly (readonly [string, Json, string, string])[] = [
  ['a text', 'a=b', '/more', 'must be an object'],
  ['a list', [['a', 'b']], '/more', 'must be an object'],
  ['null', null, '/more', 'must be an object'],
  ['a nested object', { a: { b: 1 } }, '/more/a', 'must be a string, number or boolean, or an'],
  ['a list of lists', { a: [[1]] }, '/more/a', 'must be a string, number or boolean, or an'],
  ['null inside', { a: null }, '/more/a', 'must be a string, number or boolean, or an array'],
  ['a reserved name', { key: 'x' }, '/more/key', 'is set by the action itself'],
  ['half a character', { a: '\ud800' }, '/more/a', 'must be well-formed Unicode'],
  ['a name of half a character', { '\ud800': 1 }, '/more', 'has a malformed member name'],
]

for (const [title, more, path, message] of bad) {
  test(`a free query that is or has ${title} is refused at ${path}`, () => {
    const read = pairs({ query_params: 'more' }, { more }, new Set(['key']))
    expect(read.ok).toBe(false)
    expect(!read.ok && read.error.path).toBe(path)
    expect(!read.ok && read.error.message).toContain(message)
  })
}

test('no value adds a pair, and no name or value comes back as another', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('&', '=', 'a&b=c', '#', '+', '%26', '\r\n', '\u0000', ' '),
  )
  fc.assert(
    fc.property(text, fc.dictionary(text, text, { maxKeys: 4 }), (q, more) => {
      const change = { query: { q: '{{q}}' }, query_params: 'more' }
      const read = pairs(change, { q, more })
      if (!read.ok) throw new Error(read.error.message)
      const joined = read.value.map(({ name, value }) => `${name}=${value}`).join('&')
      expect([...new URLSearchParams(joined)]).toEqual([['q', q], ...Object.entries(more)])
    }),
    { numRuns: 1000 },
  )
})

function pairs(
  change: Partial<Template>,
  args: JsonObject,
  reserved: ReadonlySet<string> = new Set(),
): ReturnType<typeof queryPairs> {
  const template = { ...BASE, ...change }
  const url = parseUrlTemplate(template.url_template)
  if (!url.ok) throw new Error(url.error)
  return queryPairs(template, url.value, args, reserved)
}

function shown(change: Partial<Template>, args: JsonObject): string {
  const read = pairs(change, args)
  if (!read.ok) throw new Error(read.error.message)
  return read.value.map(({ name, value }: QueryPair) => `${name}=${value}`).join('&')
}
