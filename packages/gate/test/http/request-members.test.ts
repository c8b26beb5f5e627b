import { parseJson } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { knownMembers, readMembers, text, texts } from '../../src/http/request-members.js'

const KINDS = { name: text, tags: { ...texts, absent: [] } }

test('known members are read, and an absent one has what its kind says', () => {
  expect(readMembers({ name: 'a' }, KINDS)).toEqual({ ok: true, value: { name: 'a', tags: [] } })
})

test.each([
  ['a list', '[]', '', 'the body must be a JSON object'],
  ['null', 'null', '', 'the body must be a JSON object'],
  ['nothing', '{}', '/name', 'name must be a string'],
  ['another kind', '{"name":1}', '/name', 'name must be a string'],
  ['null for a member', '{"name":null}', '/name', 'name must be a string'],
  ['a list with one thing else', '{"name":"a","tags":["b",1]}', '/tags', /an array of strings/],
  ['a slip of the pen', '{"nmae":"a"}', '/nmae', "unknown member 'nmae': did you mean 'name'?"],
  ['a stranger', '{"colour":"red"}', '/colour', "unknown member 'colour': name, tags"],
  ['a name of every object', '{"__proto__":{"name":"a"}}', '/__proto__', /unknown member/],
])('a body that is or has %s is refused', (_what, body, path, message) => {
  const read = readMembers(parseJson(body), KINDS)
  const expected = { code: 'invalid_request', status: 422, body: { path } }
  expect(read).toMatchObject({ ok: false, error: expected })
  expect(read.ok ? '' : read.error.message).toMatch(message)
})

test('a pointer escapes the name of an unknown member, and shows no page of it', () => {
  const long = `/~${'x'.repeat(5000)}`
  const read = knownMembers({ [long]: 1 }, ['domain'], ['learn'])
  expect(read.ok ? null : read.error.body).toEqual({
    path: `/learn/~1~0${'x'.repeat(126)}`,
  })
})

test('an object inside a body is called by its own name', () => {
  const read = knownMembers([], ['domain'], ['learn'])
  expect(read.ok ? null : read.error.message).toBe('learn must be a JSON object')
})
