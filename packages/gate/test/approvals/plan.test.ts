import { expect, test } from 'vitest'
import { callHash, type Plan, planHash } from '../../src/approvals/plan.js'

const PLAN: Plan = {
  v: 1,
  approval_id: 'a',
  principal: 'agent',
  owner: 'alice',
  session_id: 's',
  action: { id: 'x', version: '1', digest: 'sha256:1' },
  provider_digest: 'sha256:2',
  arguments: { title: 'hello' },
  request_hash: 'sha256:3',
  arguments_hash: 'sha256:3',
  target: {
    method: 'POST',
    url: 'https://a.example/',
    headers: [],
    body_sha256: null,
    body_bytes: 0,
  },
  secrets: [],
  egress: ['a.example'],
  policy: { version: '1', digest: 'sha256:4', data_digest: 'sha256:5' },
  reasons: [{ code: 'risk', detail: 'high' }],
  quorum: { min: 1, distinct_from_requester: true },
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: '2026-01-01T00:05:00.000Z',
}

test.each([
  ['another approval', { approval_id: 'b' }],
  ['another session', { session_id: 't' }],
  [
    'another time',
    { created_at: '2026-01-01T00:00:01.000Z', expires_at: '2026-01-01T00:05:01.000Z' },
  ],
  ['another policy', { policy: { ...PLAN.policy, version: '2' } }],
])('%s is the same call, of another plan', (_what, change) => {
  const other: Plan = { ...PLAN, ...change }
  expect(callHash(other)).toBe(callHash(PLAN))
  expect(planHash(other)).not.toBe(planHash(PLAN))
})

const { owner: _owner, ...ownerless } = PLAN

test.each([
  ['another principal', { ...PLAN, principal: 'other' }],
  ['another owner, who may not be the one to approve it', { ...PLAN, owner: 'bob' }],
  ['no owner', ownerless],
  ['another argument', { ...PLAN, arguments: { title: 'hullo' } }],
  ['another request', { ...PLAN, target: { ...PLAN.target, url: 'https://b.example/' } }],
  ['another manifest', { ...PLAN, action: { ...PLAN.action, digest: 'sha256:9' } }],
  ['another module', { ...PLAN, provider_digest: 'sha256:9' }],
])('%s is another call', (_what, other) => {
  expect(callHash(other as Plan)).not.toBe(callHash(PLAN))
})
