import { parseJson } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { parseApproveRequest, parseDenyRequest } from '../../src/http/decision-bodies.js'
import { withLearnQuery } from '../../src/http/learn-query.js'

const HASH = 'ab'.repeat(32)

test('an approval has what is asked for and nothing else; null counts as absent', () => {
  const body = {
    plan_hash: HASH,
    learn: { domain: 'a.example', everybody: true },
    attestation: 'x',
  }
  expect(parseApproveRequest(parseJson(JSON.stringify(body)))).toEqual({ ok: true, value: body })
  const empty = { plan_hash: null, learn: null, attestation: null }
  expect(parseApproveRequest(empty)).toEqual({ ok: true, value: {} })
})

test.each([
  ['{"plan_hash":"AB"}', '/plan_hash'],
  [`{"plan_hash":"${HASH.toUpperCase()}"}`, '/plan_hash'],
  ['{"attestation":{}}', '/attestation'],
  ['{"learn":true}', '/learn'],
  ['{"learn":{"domain":7}}', '/learn/domain'],
  ['{"learn":{"path":null}}', '/learn/path'],
  ['{"learn":{"everybody":false}}', '/learn/everybody'],
  ['{"learn":{"a/b":1}}', '/learn/a~1b'],
  ['{"reason":"ok"}', '/reason'],
])('an approval with %s is refused with a pointer to what is wrong', (body, path) => {
  const parsed = parseApproveRequest(parseJson(body))
  expect(parsed).toMatchObject({ ok: false, error: { code: 'invalid_request', body: { path } } })
})

test('a reason has at most 500 bytes, counted as they are sent; an empty one is none', () => {
  expect(parseDenyRequest({ reason: 'é'.repeat(250) })).toMatchObject({ ok: true })
  expect(parseDenyRequest({ reason: 'é'.repeat(251) })).toMatchObject({
    error: { body: { path: '/reason' } },
  })
  expect(parseDenyRequest({ reason: '' })).toEqual({ ok: true, value: {} })
  expect(parseDenyRequest({ learn: {} })).toMatchObject({ error: { body: { path: '/learn' } } })
})

test('what is to be learned may stand in the query, and body and query must agree', () => {
  const query = { learn_domain: 'a.example', other: 'x' }
  expect(withLearnQuery({}, query)).toEqual({ ok: true, value: { learn: { domain: 'a.example' } } })
  const both = { learn: { domain: 'a.example', path: 'b/*' } }
  expect(withLearnQuery(both, query)).toEqual({ ok: true, value: both })
  expect(withLearnQuery({}, {})).toEqual({ ok: true, value: {} })
})

test.each([
  [{ learn_domain: ['a.example', 'b.example'] }, 'learn_domain must be given once'],
  [
    { learn_domain: 'b.example' },
    "learn_domain is 'b.example', and learn.domain of the body is 'a.example': give one",
  ],
])(
  'the query %j is refused beside the body, with the reason that clients read',
  (query, reason) => {
    expect(withLearnQuery({ learn: { domain: 'a.example' } }, query)).toMatchObject({
      ok: false,
      error: { code: 'bad_request', message: reason, body: { deny_reason: reason } },
    })
  },
)
