import { canonicalize, type Json, type JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Manifest, providerInput, resolveTarget } from '../src/index.js'
import { templated } from './manifest-text.js'

const URL_TEMPLATE = 'https://api.example.com/'

const whole = posting('{{body}}', { body: {} })

test('the whole body keeps its JSON type', () => {
  expect(bodyOf(whole, { body: { b: 1, a: [true, null] } })).toBe('{"a":[true,null],"b":1}')
  expect(bodyOf(whole, { body: [1] })).toBe('[1]')
  expect(bodyOf(whole, { body: 42 })).toBe('42')
  expect(bodyOf(whole, { body: null })).toBe('null')
  expect(bodyOf(whole, { body: false })).toBe('false')
})

test('a string as the whole body is sent verbatim', () => {
  expect(bodyOf(whole, { body: '{"already": "JSON"}\n' })).toBe('{"already": "JSON"}\n')
  expect(bodyOf(whole, { body: '' })).toBe('')
  expect(bodyOf(whole, { body: 'ü' })).toBe('ü')
})

test('an absent body is no body', () => {
  expect(bodyOf(whole, {})).toBeNull()
})

test('a title of 42, true, null or {} stays the string that the caller wrote', () => {
  const issue = posting({ data: { title: '{{title}}' } }, { title: { type: 'string' } })
  for (const title of ['42', 'true', 'null', '{"a":1}', '[]', '"x"']) {
    expect(bodyOf(issue, { title })).toBe(JSON.stringify({ data: { title } }))
  }
})

test('a whole placeholder keeps a number a number and an object an object', () => {
  const typed = posting({ n: '{{n}}', o: '{{ o }}', s: ' {{s}} ' }, { n: {}, o: {}, s: {} })
  expect(bodyOf(typed, { n: 42, o: { a: [] }, s: 'x' })).toBe('{"n":42,"o":{"a":[]},"s":"x"}')
})

test('an absent optional drops its member or item, and is never null or empty', () => {
  const nested = posting(
    { keep: 'fixed', a: '{{a}}', list: ['{{a}}', 1, '{{b}}'], deep: { a: '{{a}}' } },
    { a: {}, b: {} },
  )
  expect(bodyOf(nested, {})).toBe('{"deep":{},"keep":"fixed","list":[1]}')
  expect(bodyOf(nested, { a: null, b: '' })).toBe(
    '{"a":null,"deep":{"a":null},"keep":"fixed","list":[null,1,""]}',
  )
})

test('text around a placeholder is joined without encoding and stays a string', () => {
  const mixed = posting({ t: 'n={{n}}, s={{s}}' }, { n: {}, s: {} }, ['n', 's'])
  expect(bodyOf(mixed, { n: 1, s: '"&%\\' })).toBe(JSON.stringify({ t: 'n=1, s="&%\\' }))
  expect(resolveTarget(mixed, { n: {}, s: 'x' })).toEqual({
    ok: false,
    error: { path: '/n', message: 'must be a string, number or boolean' },
  })
})

test('keys and other scalars of a template are not touched', () => {
  const fixed = posting({ '{{a}}': 1, x: true, y: null, a: '{{a}}' }, { a: {} })
  expect(bodyOf(fixed, { a: 2 })).toBe('{"a":2,"x":true,"y":null,"{{a}}":1}')
})

test('a template member named __proto__ is a member', () => {
  const odd = posting(JSON.parse('{"__proto__":"{{a}}"}') as Json, { a: {} })
  expect(bodyOf(odd, { a: 1 })).toBe('{"__proto__":1}')
})

test('a value that holds a placeholder is not resolved again', () => {
  const echo = posting({ a: '{{a}}', b: 'x{{b}}' }, { a: {}, b: {} }, ['a', 'b'])
  expect(bodyOf(echo, { a: '{{b}}', b: '{{a}}' })).toBe('{"a":"{{b}}","b":"x{{a}}"}')
})

test('half a character is refused and named, wherever it stands, and never sent as another', () => {
  const nested = posting({ a: { b: '{{a}}' } }, { a: {} })
  const text = posting('{{a}}', { a: {} }, [], 'text')
  for (const a of ['\ud800', ['x', { y: '\udc00' }], { '\ud800': 1 }] as Json[]) {
    for (const of of [posting('{{a}}', { a: {} }), nested, text]) {
      expect(resolveTarget(of, { a })).toEqual({
        ok: false,
        error: { path: '/a', message: 'must be well-formed Unicode' },
      })
    }
  }
})

test('a form is encoded as forms are, and its lists repeat the field', () => {
  const form = posting({ 'a b': '{{a}}', c: '{{c}}', d: 'x&y' }, { a: {}, c: {} }, [], 'form')
  const body = bodyOf(form, { a: 'ü +&=', c: [1, true] })
  expect(body).toBe('a+b=%C3%BC+%2B%26%3D&c=1&c=true&d=x%26y')
  expect([...new URLSearchParams(body ?? '')]).toEqual([
    ['a b', 'ü +&='],
    ['c', '1'],
    ['c', 'true'],
    ['d', 'x&y'],
  ])
  expect(contentTypeOf(form, { a: 1 })).toBe('application/x-www-form-urlencoded')
  expect(resolveTarget(form, { a: { x: 1 } })).toEqual({
    ok: false,
    error: { path: '/a', message: 'must be a string, number or boolean: it is sent as a form' },
  })
})

test('a whole form comes from an object and from nothing else', () => {
  const form = posting('{{fields}}', { fields: {} }, [], 'form')
  expect(bodyOf(form, { fields: { a: 1 } })).toBe('a=1')
  expect(resolveTarget(form, { fields: 'a=1' })).toEqual({
    ok: false,
    error: { path: '/fields', message: 'must be an object: it is sent as a form' },
  })
  expect(resolveTarget(form, { fields: { 'a/b': [[]] } })).toEqual({
    ok: false,
    error: {
      path: '/fields/a~1b',
      message: 'must be a string, number or boolean: it is sent as a form',
    },
  })
})

test('text is sent as it is', () => {
  const text = posting('{{content}}', { content: {} }, [], 'text')
  expect(bodyOf(text, { content: '# Ü\r\n' })).toBe('# Ü\r\n')
  expect(bodyOf(text, { content: 5 })).toBe('5')
  expect(bodyOf(text, {})).toBeNull()
  expect(contentTypeOf(text, { content: '' })).toBe('text/plain; charset=utf-8')
  expect(resolveTarget(text, { content: [] })).toEqual({
    ok: false,
    error: { path: '/content', message: 'must be a string, number or boolean: it is sent as text' },
  })
})

test('any JSON that is not a string arrives as its canonical form', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const body = value as Json
      if (typeof body === 'string') expect(bodyOf(whole, { body })).toBe(body)
      else expect(bodyOf(whole, { body })).toBe(canonicalize(body))
    }),
  )
})

test("the module's input carries the exact bytes of the body", () => {
  expect(
    providerInput({ method: 'GET', url: 'https://a.com/', headers: [], body: null }, 30_000),
  ).toBe(
    '{"url":"https://a.com/","method":"GET","headers":{},"body_base64":null,"timeout_ms":30000}',
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
      const target = { method: 'POST', url: 'https://a.com/', headers: [['a', 'b']] as const, body }
      const input = JSON.parse(providerInput(target, 1)) as { body_base64: string; headers: object }
      expect(Buffer.from(input.body_base64, 'base64')).toEqual(Buffer.from(body))
      expect(input.body_base64).toBe(Buffer.from(body).toString('base64'))
      expect(input.headers).toEqual({ a: 'b' })
    }),
  )
})

test('a body of a megabyte is carried too', () => {
  const body = new Uint8Array(1_048_577).fill(255)
  const target = { method: 'POST', url: 'https://a.com/', headers: [], body }
  const { body_base64 } = JSON.parse(providerInput(target, 1)) as { body_base64: string }
  expect(body_base64).toBe(Buffer.from(body).toString('base64'))
})

function posting(
  body_template: Json,
  properties: JsonObject,
  required: readonly string[] = [],
  body_encoding = 'json',
): Manifest {
  const template = { method: 'POST', url_template: URL_TEMPLATE, body_template, body_encoding }
  return templated(template, properties, required)
}

function bodyOf(of: Manifest, args: JsonObject): string | null {
  const target = resolveTarget(of, args)
  if (!target.ok) throw new Error(`${target.error.path} ${target.error.message}`)
  return target.value.body === null ? null : new TextDecoder().decode(target.value.body)
}

function contentTypeOf(of: Manifest, args: JsonObject): string | undefined {
  const target = resolveTarget(of, args)
  if (!target.ok) throw new Error(`${target.error.path} ${target.error.message}`)
  return target.value.headers.find(([name]) => name === 'content-type')?.[1]
}
