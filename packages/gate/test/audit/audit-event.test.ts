import { encodeLeaf, type Leaf, type LeafType, leafHash } from '@latchgate/evidence'
import { type AuditEvent, encodeHex, type JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { auditEvent, storedEvent } from '../../src/audit/audit-event.js'
import { evidenceCrypto } from '../../src/evidence-crypto.js'

const TIME = '2026-03-01T10:00:00.266Z'
const HASH = 'ab'.repeat(32)

function leaf(type: LeafType, body: JsonObject): Leaf {
  return { v: 1, type, log: 'test', id: 'record-1', time: TIME, gate: 'gate-1', body }
}

function eventOf(type: LeafType, body: JsonObject): AuditEvent | null {
  return auditEvent(leaf(type, body), 7, HASH)
}

/** An event of which nothing is known but that it happened. */
function event(more: Partial<AuditEvent>): AuditEvent {
  return {
    trace_id: '',
    timestamp: TIME,
    event_type: '',
    principal: '',
    session_id: '',
    lease_jti: '',
    action_id: '',
    action_version: null,
    action_digest: '',
    action_trust_verdict: '',
    request_hash: '',
    request_schema_id: null,
    policy_version: null,
    decision: 'allow',
    deny_reason: null,
    allowed_sinks: [],
    budgets_before: null,
    budgets_after: null,
    runtime: null,
    response_hash: null,
    response_bytes: null,
    prev_hash: null,
    dev_mode: false,
    sandbox_degraded: false,
    leaf_index: 7,
    leaf_hash: HASH,
    ...more,
  }
}

const SUBJECT = {
  event_type: 'action_call',
  trace_id: 'trace-1',
  principal: 'uid:1000',
  identity_method: 'peercred',
  owner: 'alice',
  agent_label: null,
  session_id: 'session-1',
  lease_jti: 'lease-1',
  action_id: 'http_fetch',
  action_version: '1.0.0',
  action_digest: 'sha256:aa',
  provider_module_digest: 'builtin:http_api',
  provider_module_sha256: 'sha256:bb',
  action_trust_verdict: 'digest_ok',
  risk_level: 'high',
  request_schema_id: 'http_fetch:request',
  request_hash: 'sha256:cc',
  arguments_hash: 'sha256:dd',
  policy: { version: 'v3', digest: 'sha256:ee' },
  dev_mode: true,
}
const SUBJECT_EVENT = {
  event_type: 'action_call',
  trace_id: 'trace-1',
  principal: 'uid:1000',
  owner: 'alice',
  session_id: 'session-1',
  lease_jti: 'lease-1',
  action_id: 'http_fetch',
  action_version: '1.0.0',
  action_digest: 'sha256:aa',
  action_trust_verdict: 'digest_ok',
  risk_level: 'high',
  request_schema_id: 'http_fetch:request',
  request_hash: 'sha256:cc',
  policy_version: 'v3',
  dev_mode: true,
} as const
const RUNTIME = {
  module_digest: 'sha256:bb',
  egress_profile: 'proxy_allowlist',
  duration_ms: 143,
  exit_code: 0,
  timeout_hit: false,
  fuel_consumed: 51_234,
  io_calls_made: 1,
}
const OPERATOR_PROOF = {
  operator_authn_method: 'operator_dpop',
  operator_sender_binding: 'jkt-1',
  operator_proof_jti: 'jti-1',
}

test('an executed call is one event: the decision beside the receipt', () => {
  const executed = {
    ...SUBJECT,
    session_seq: 3,
    decision: 'allow',
    code: null,
    deny_reason: null,
    allowed_sinks: ['api.example.com'],
    budgets_before: { calls_remaining: 10 },
    budgets_after: { calls_remaining: 9 },
    grant_id: 'grant-1',
    receipt_id: 'receipt-1',
    outcome: 'answered',
    verification_outcome: 'verified',
    response_hash: 'sha256:ff',
    response_bytes: 512,
    runtime: RUNTIME,
  }
  const expected = {
    ...SUBJECT_EVENT,
    decision: 'allow',
    allowed_sinks: ['api.example.com'],
    budgets_before: { calls_remaining: 10 },
    budgets_after: { calls_remaining: 9 },
    runtime: RUNTIME,
    response_hash: 'sha256:ff',
    response_bytes: 512,
    grant_id: 'grant-1',
    receipt_id: 'receipt-1',
    verification_outcome: 'verified',
    session_seq: 3,
  } as const
  expect(eventOf('decision', executed)).toEqual(event(expected))
  const approved = {
    ...executed,
    approval_id: 'approval-1',
    approved_by: 'bob',
    ...OPERATOR_PROOF,
    deny_reason: 'approved via approval-1',
  }
  expect(eventOf('decision', approved)).toEqual(
    event({
      ...expected,
      approval_id: 'approval-1',
      approved_by: 'bob',
      ...OPERATOR_PROOF,
      deny_reason: 'approved via approval-1',
    }),
  )
  expect([eventOf('receipt', executed), eventOf('intent', executed)]).toEqual([null, null])
})

test('a denied call keeps its reason and its code', () => {
  const denied = {
    ...SUBJECT,
    owner: null,
    action_version: null,
    risk_level: null,
    decision: 'deny',
    code: 'policy_denied',
    deny_reason: 'no matching allow rule',
    allowed_sinks: [],
    budgets_before: null,
    budgets_after: null,
  }
  const { owner: _owner, risk_level: _risk, ...subject } = SUBJECT_EVENT
  expect(eventOf('decision', denied)).toEqual(
    event({
      ...subject,
      action_version: null,
      decision: 'deny',
      code: 'policy_denied',
      deny_reason: 'no matching allow rule',
    }),
  )
})

test('a decision in words that nobody knows never reads as an allowed call', () => {
  for (const decision of ['ALLOW', '', 'granted', 7, null]) {
    expect(eventOf('decision', { ...SUBJECT, decision })?.decision).toBe('error')
  }
})

test('a held call is pending, with every reason and without a denial', () => {
  const reasons = [{ code: 'risk', detail: 'risk level high' }]
  const held = {
    ...SUBJECT,
    session_seq: 2,
    decision: 'pending_approval',
    code: null,
    deny_reason: null,
    approval_id: 'approval-1',
    plan_hash: '00ff',
    reasons,
    quorum: { min: 1 },
    expires_at: TIME,
  }
  expect(eventOf('hold', held)).toEqual(
    event({
      ...SUBJECT_EVENT,
      decision: 'pending_approval',
      approval_id: 'approval-1',
      session_seq: 2,
      reasons,
      plan_hash: '00ff',
    }),
  )
})

test.each([
  ['granted', {}, 'allow', null],
  ['vote', { reason: 'looks right' }, 'allow', null],
  ['denied', { reason: 'not today' }, 'deny', 'denied via approval-1: not today'],
  ['denied', {}, 'deny', 'denied via approval-1: operator_denied'],
  ['expired', {}, 'deny', 'approval approval-1 expired'],
  ['failed', { code: 'policy_denied' }, 'deny', 'approval approval-1 failed: policy_denied'],
  ['something else', {}, 'deny', 'approval approval-1 failed'],
] as const)('an approval that is %s, %j, is %s', (outcome, more, decision, reason) => {
  const body = {
    event_type: `approval_${outcome}`,
    decision: outcome,
    approval_id: 'approval-1',
    trace_id: 'trace-1',
    principal: 'uid:1000',
    session_id: 'session-1',
    lease_jti: 'lease-1',
    action_id: 'http_fetch',
    action_version: '1.0.0',
    risk_level: 'high',
    request_hash: 'sha256:cc',
    plan_hash: '00ff',
    policy: { version: 'v3', digest: null },
    operator: 'bob',
    ...OPERATOR_PROOF,
    dev_mode: false,
    ...more,
  }
  const expected = event({
    event_type: `approval_${outcome}`,
    trace_id: 'trace-1',
    principal: 'uid:1000',
    session_id: 'session-1',
    lease_jti: 'lease-1',
    action_id: 'http_fetch',
    action_version: '1.0.0',
    risk_level: 'high',
    request_hash: 'sha256:cc',
    policy_version: 'v3',
    decision,
    deny_reason: reason,
    approval_id: 'approval-1',
    approved_by: 'bob',
    ...OPERATOR_PROOF,
    plan_hash: '00ff',
    ...('code' in more ? { code: more.code } : {}),
  })
  expect(eventOf('approval', body)).toEqual(expected)
  const { operator: _operator, event_type: _type, ...untold } = body
  const { approved_by: _by, ...without } = expected
  expect(eventOf('approval', untold)).toEqual(without)
})

test('a lease says how its subject was identified', () => {
  const issued = {
    trace_id: 'trace-1',
    event_type: 'lease_issued',
    principal: 'uid:1000',
    identity_method: 'peercred',
    owner: null,
    session_id: 'session-1',
    lease_jti: 'lease-1',
    scopes: ['tools:call'],
    dpop_jwk: { kty: 'EC' },
    dev_mode: true,
  }
  expect(eventOf('lease', issued)).toEqual(
    event({
      trace_id: 'trace-1',
      event_type: 'lease_issued',
      principal: 'uid:1000',
      identity_method: 'peercred',
      session_id: 'session-1',
      lease_jti: 'lease-1',
      dev_mode: true,
    }),
  )
})

test.each(['admin', 'policy', 'revocation', 'resolution'] as const)(
  'what an operator did, recorded as %s, is his: principal, session and words',
  (type) => {
    const act = {
      event_type: 'policy_grant',
      trace_id: 'trace-1',
      operator: 'bob',
      operator_sender_binding: 'jkt-1',
      operator_proof_jti: 'jti-1',
      text: 'principal=p actions=a total=1',
      detail: { principal: 'p', actions: ['a'] },
      proof: { jkt: 'jkt-1', jti: 'jti-1' },
      dev_mode: false,
    }
    const expected = event({
      event_type: 'policy_grant',
      trace_id: 'trace-1',
      principal: 'bob',
      session_id: 'bob',
      deny_reason: 'principal=p actions=a total=1',
      operator_sender_binding: 'jkt-1',
      operator_proof_jti: 'jti-1',
      detail: { principal: 'p', actions: ['a'] },
    })
    expect(eventOf(type, act)).toEqual(expected)
    expect(eventOf(type, { ...act, text: null })).toEqual({ ...expected, deny_reason: null })
    const { event_type: _type, ...untyped } = act
    expect(eventOf(type, untyped)).toEqual({ ...expected, event_type: type })
  },
)

test('a call whose outcome nobody knows is an error that says so', () => {
  const unknown = {
    grant_id: 'grant-1',
    trace_id: 'trace-1',
    session_id: 'session-1',
    session_seq: 4,
    principal: 'uid:1000',
    action_id: 'http_fetch',
    intent_leaf: 3,
    intent_gate: 'gate-0',
    dispatched_at: TIME,
    reason: 'gate_restarted',
  }
  expect(eventOf('unknown', unknown)).toEqual(
    event({
      event_type: 'execution_unknown',
      decision: 'error',
      deny_reason: 'outcome unknown: gate_restarted',
      grant_id: 'grant-1',
      trace_id: 'trace-1',
      session_id: 'session-1',
      session_seq: 4,
      principal: 'uid:1000',
      action_id: 'http_fetch',
    }),
  )
})

test('a summary counts what happened before anybody was known', () => {
  const unauthenticated = { invalid_dpop: 3, 'lease:rate_limit_exceeded': 1 }
  expect(eventOf('summary', { unauthenticated })).toEqual(
    event({
      event_type: 'unauthenticated_summary',
      decision: 'deny',
      deny_reason: 'invalid_dpop=3 lease:rate_limit_exceeded=1',
      detail: { unauthenticated },
    }),
  )
})

test.each([
  ['key_added', 'log', 'log_key_added'],
  ['key_added', 'receipt', 'receipt_key_added'],
  ['key_retired', 'receipt', 'receipt_key_retired'],
  ['key_revoked', 'receipt', 'receipt_key_revoked'],
] as const)('%s of a %s key is %s', (type, purpose, event_type) => {
  expect(eventOf(type, { purpose, kid: '00ff', alg: 'Ed25519' })).toEqual(
    event({ event_type, deny_reason: 'kid=00ff' }),
  )
})

test('what was pruned is told', () => {
  expect(eventOf('pruned', { up_to: 10 })).toEqual(
    event({ event_type: 'log_pruned', detail: { up_to: 10 } }),
  )
})

test('members of other types than expected are read as absent, whatever the record', () => {
  const hostile = Object.fromEntries(
    Object.keys({ ...SUBJECT, operator: 1, text: 1, reason: 1, unauthenticated: 1, kid: 1 }).map(
      (member) => [member, [{}]],
    ),
  ) as JsonObject
  for (const type of ['decision', 'hold', 'lease', 'admin', 'approval', 'unknown'] as const) {
    const {
      deny_reason: _reason,
      event_type: _type,
      decision: _decision,
      ...members
    } = eventOf(type, {
      ...hostile,
      allowed_sinks: [1, 'x'],
      runtime: 'no',
      session_seq: 'no',
    }) as AuditEvent
    const { deny_reason: _r, event_type: _t, decision: _d, ...empty } = event({})
    expect([type, members]).toEqual([type, { ...empty, allowed_sinks: ['x'] }])
  }
})

test('a stored leaf gives its event with the hash of its bytes', () => {
  const bytes = encodeLeaf(leaf('lease', { event_type: 'lease_issued' }))
  const leaf_hash = encodeHex(leafHash(evidenceCrypto, bytes))
  expect(storedEvent(7, bytes)).toEqual(event({ event_type: 'lease_issued', leaf_hash }))
})

test('a leaf that cannot be read does not disappear', () => {
  const bytes = Buffer.from('{"v":1}')
  const leaf_hash = encodeHex(leafHash(evidenceCrypto, bytes))
  expect(storedEvent(7, bytes)).toEqual(
    event({
      timestamp: '',
      event_type: 'unreadable_record',
      decision: 'error',
      deny_reason: 'the record cannot be read: run `latchgate verify`',
      leaf_hash,
    }),
  )
})
