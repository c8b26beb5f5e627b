import { type ApprovalDetail, canonicalBytes, type JsonObject } from '@latchgate/protocol'
import { digestBytes, sha256Hex } from '@latchgate/protocol/node'
import { expect, test } from 'vitest'
import { checkPlanHash } from '../src/approvals/plan-hash.js'

const BODY = '{"title":"x"}'
const TARGET = {
  method: 'POST',
  url: 'https://api.example.com/v1',
  headers: [['accept', 'application/json']],
  body_sha256: digestBytes(Buffer.from(BODY)),
  body_bytes: BODY.length,
} as const
const PLAN = { v: 1, principal: 'alice', arguments: { title: 'x' }, target: TARGET }

function detail(change: JsonObject = {}, target: JsonObject = {}): ApprovalDetail {
  const plan = { ...PLAN, ...change, target: { ...TARGET, body: BODY, ...target } }
  const plan_hash = sha256Hex(canonicalBytes(PLAN as unknown as JsonObject))
  const told = { principal: 'alice', approved_egress: 'none' }
  return { ...told, plan, plan_hash, hidden: [] } as unknown as ApprovalDetail
}

test('the hash of what is shown is the hash of the plan, whose body stands in it as a digest', () => {
  expect(checkPlanHash(detail())).toBe('matches')
  expect(checkPlanHash(detail({}, { body: null }))).toBe('matches')
})

test.each([
  ['another principal', { principal: 'mallory' }, {}],
  ['other arguments', { arguments: { title: 'y' } }, {}],
  ['a member more', { note: 'harmless' }, {}],
  ['another URL', {}, { url: 'https://api.example.com/v2' }],
  ['a body that is not the one of the digest', {}, { body: '{"title":"y"}' }],
  ['a text without canonical form', { principal: '\ud800' }, {}],
])('a gate that shows %s is found out', (_what, change, target) => {
  expect(checkPlanHash(detail(change, target))).toBe('differs')
})

test('with hidden members it cannot be told, and is not claimed', () => {
  expect(checkPlanHash({ ...detail(), hidden: ['/title'] })).toBe('hidden')
})

test.each([
  ['principal', { principal: 'mallory' }],
  ['owner', { owner: 'mallory' }],
  ['principal without canonical form', { principal: '\ud800' }],
])(
  'a gate that tells another %s beside the plan is found out, hidden members or not',
  (_what, told) => {
    expect(checkPlanHash({ ...detail(), ...told })).toBe('differs')
    expect(checkPlanHash({ ...detail(), ...told, hidden: ['/title'] })).toBe('differs')
  },
)
