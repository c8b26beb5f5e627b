import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Action, compileAction } from '../src/action.js'
import type { ManifestIo } from '../src/index.js'
import { manifest, schema } from './manifest-text.js'

const action = actionOf({
  request_schema: schema({ id: { type: 'string', default: 'latest' }, more: {}, n: {} }, []),
  response_schema: {
    type: 'object',
    required: ['ok', 'data'],
    properties: { ok: { type: 'boolean' }, data: {} },
  },
  max_request_bytes: 200,
})

function actionOf(io: Partial<ManifestIo>): Action {
  const plain = manifest({})
  const compiled = compileAction({ ...plain, io: { ...plain.io, ...io } })
  if (compiled.ok) return compiled.value
  throw new Error(compiled.error.problem)
}

const fault = (path: string, message: string): object => ({ ok: false, error: [{ path, message }] })

test('arguments are the parameters with the defaults, and the parameters stay as they were sent', () => {
  const params = { n: 1 }
  expect(action.validateRequest(params)).toEqual({
    ok: true,
    value: { params: { n: 1 }, arguments: { n: 1, id: 'latest' } },
  })
  expect(params).toEqual({ n: 1 })
})

test('a null for an optional parameter that is never null counts as not given, and gets the default', () => {
  const sent = { id: null, n: null }
  expect(action.validateRequest(sent)).toEqual({
    ok: true,
    value: { params: { n: null }, arguments: { n: null, id: 'latest' } },
  })
  expect(sent).toEqual({ id: null, n: null })
})

for (const params of [null, [], 'x', 1, true] as Json[]) {
  test(`${JSON.stringify(params)} is not a set of parameters`, () => {
    expect(action.validateRequest(params)).toEqual(fault('', 'must be an object'))
  })
}

test('as many bytes as allowed pass, one more does not; bytes are those of compact UTF-8', () => {
  const frame = JSON.stringify({ id: '' }).length
  for (const [character, bytes] of [
    ['x', 1],
    ['é', 2],
    ['€', 3],
    ['"', 2],
    ['\u0001', 6],
  ] as const) {
    const fits = character.repeat(Math.floor((200 - frame) / bytes))
    expect(action.validateRequest({ id: fits }).ok, character).toBe(true)
    expect(action.validateRequest({ id: `${fits}${character}` }), character).toEqual(
      fault('', 'exceeds the size limit of 200 bytes'),
    )
  }
})

test('ten levels pass, eleven do not', () => {
  const nested = (depth: number): Json => (depth === 0 ? 1 : { a: nested(depth - 1) })
  expect(action.validateRequest({ more: nested(9) }).ok).toBe(true)
  expect(action.validateRequest({ more: nested(10) })).toEqual(
    fault('', 'is nested 11 levels deep (at most 10)'),
  )
  expect(action.validateResponse({ ok: true, data: nested(9) }).ok).toBe(true)
  expect(action.validateResponse({ ok: true, data: nested(10) }).ok).toBe(false)
})

test('a hundred items pass, a hundred and one do not, and the list is named', () => {
  const list = Array.from({ length: 101 }, () => 1)
  const wide = actionOf({ request_schema: schema({ more: {} }), max_request_bytes: 2000 })
  expect(wide.validateRequest({ more: list.slice(1) }).ok).toBe(true)
  expect(wide.validateRequest({ more: { 'a/b': [0, list] } })).toEqual(
    fault('/more/a~1b/1', 'holds an array of more than 100 items'),
  )
  expect(action.validateResponse({ ok: true, data: list })).toEqual(
    fault('/data', 'holds an array of more than 100 items'),
  )
})

test('limits hold where there is no schema', () => {
  const free = actionOf({ request_schema: undefined, max_request_bytes: 10 })
  expect(free.validateRequest({ a: 1 })).toEqual({
    ok: true,
    value: { params: { a: 1 }, arguments: { a: 1 } },
  })
  expect(free.validateRequest({ a: '12345' })).toEqual(
    fault('', 'exceeds the size limit of 10 bytes'),
  )
})

const envelopes: readonly (readonly [Json, string, string])[] = [
  [null, '', 'response must be a JSON object'],
  [[], '', 'response must be a JSON object'],
  [{}, '/ok', "response must contain an 'ok' field"],
  [{ ok: 'true' }, '/ok', "response 'ok' field must be a boolean"],
  [{ ok: null }, '/ok', "response 'ok' field must be a boolean"],
  [{ ok: true }, '/data', 'is required'],
]

for (const [output, path, message] of envelopes) {
  test(`${JSON.stringify(output)} is not a result: ${message}`, () => {
    expect(action.validateResponse(output)).toEqual(fault(path, message))
  })
}

test('no default is written into a result, which is evidence', () => {
  const filling = actionOf({
    response_schema: { type: 'object', properties: { note: { type: 'string', default: 'x' } } },
  })
  const output = { ok: true }
  expect(filling.validateResponse(output).ok).toBe(true)
  expect(output).toEqual({ ok: true })
})

test('no parameters are changed by being checked, and arguments pass again as themselves', () => {
  // Defaults count for nothing in the size of a request: with them it may be longer than was allowed.
  const roomy = actionOf({ ...action.manifest.io, max_request_bytes: 1_000_000 })
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('id', 'more', 'n', 'x'), fc.jsonValue()), (value) => {
      const params = value as JsonObject
      const before = structuredClone(params)
      const once = roomy.validateRequest(params)
      expect(params).toEqual(before)
      if (!once.ok) return
      const again = roomy.validateRequest(once.value.arguments)
      expect(again.ok && again.value.arguments).toEqual(once.value.arguments)
    }),
  )
})
