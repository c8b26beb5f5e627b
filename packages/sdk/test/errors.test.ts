import { expect, test } from 'vitest'
import {
  LatchGateApprovalRequired,
  LatchGateAuthError,
  LatchGateBudgetExhausted,
  LatchGateDenied,
  LatchGateError,
  LatchGateLeaseExpired,
  LatchGateNotConnected,
  LatchGateReplayDetected,
  LatchGateTransportError,
  LatchGateUnavailable,
} from '../src/index.js'
import { type DoubleAnswer, error, executed } from './gate-double.js'
import { client, gateOnTcp } from './setup.js'

const NO_GATE = ': is it a gate that answers there? See baseUrl, socket or LATCHGATE_URL'

async function failureOf(answer: DoubleAnswer): Promise<LatchGateError> {
  const gate = await gateOnTcp()
  gate.onExecute(answer)
  return caught(client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch'))
}

async function caught(promise: Promise<unknown>): Promise<LatchGateError> {
  const failure = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  expect(failure).toBeInstanceOf(LatchGateError)
  return failure as LatchGateError
}

const denied = "action 'http_fetch' denied by policy"

const table: readonly (readonly [
  string,
  DoubleAnswer,
  abstract new (...args: never[]) => LatchGateError,
  string,
])[] = [
  [
    '400',
    error(400, 'invalid_request', { message: 'm', detail: 'd', deny_reason: 'r' }),
    LatchGateDenied,
    `${denied}: invalid_request`,
  ],
  [
    '401 replay_detected',
    error(401, 'replay_detected'),
    LatchGateReplayDetected,
    'authentication failed: replay_detected',
  ],
  [
    '401 lease_expired',
    error(401, 'lease_expired'),
    LatchGateLeaseExpired,
    'authentication failed: lease_expired',
  ],
  [
    '401 other',
    error(401, 'invalid_dpop', { deny_reason: 'htm mismatch' }),
    LatchGateAuthError,
    'authentication failed: invalid_dpop: htm mismatch',
  ],
  [
    '401 for a proof of another URL',
    error(401, 'invalid_dpop', {
      deny_reason: "htu mismatch: expected 'a', got 'b'",
      message: 'The DPoP proof does not verify.',
    }),
    LatchGateAuthError,
    "authentication failed: invalid_dpop: htu mismatch: expected 'a', got 'b'. Set publicBaseUrl to the gate's public_base_url, or reach it at that URL",
  ],
  [
    '401 with a message',
    error(401, 'identity_unauthenticated', { message: 'Present a fresh token.', deny_reason: '' }),
    LatchGateAuthError,
    'authentication failed: identity_unauthenticated: Present a fresh token.',
  ],
  [
    '401 lease_expired with all that a gate can say',
    error(401, 'lease_expired', { message: 'Ask for a new one.', deny_reason: 'since 3 s' }),
    LatchGateLeaseExpired,
    'authentication failed: lease_expired: since 3 s. Ask for a new one.',
  ],
  [
    '401 without body',
    { status: 401, raw: '' },
    LatchGateAuthError,
    'authentication failed: unknown',
  ],
  [
    '403 budget_exhausted',
    error(403, 'budget_exhausted'),
    LatchGateBudgetExhausted,
    "budget exhausted for action 'http_fetch'",
  ],
  [
    '403 with a reason',
    error(403, 'policy_denied', { deny_reason: 'no matching allow rule' }),
    LatchGateDenied,
    `${denied}: policy_denied: no matching allow rule`,
  ],
  [
    '403 without a reason',
    error(403, 'action_digest_mismatch'),
    LatchGateDenied,
    `${denied}: action_digest_mismatch`,
  ],
  [
    '404',
    error(404, 'action_not_found'),
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_404: action_not_found',
  ],
  [
    '409',
    error(409, 'grant_consumed'),
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_409: grant_consumed',
  ],
  [
    '413',
    error(413, 'request_too_large'),
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_413: request_too_large',
  ],
  [
    '415',
    { status: 415, raw: 'Expected request' },
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_415: unknown',
  ],
  [
    '422 with a reason',
    error(422, 'schema_violation', { reason: '/url is required' }),
    LatchGateDenied,
    `${denied}: schema_violation: /url is required`,
  ],
  [
    '422 with its code as reason',
    error(422, 'schema_violation', { reason: 'schema_violation' }),
    LatchGateDenied,
    `${denied}: schema_violation`,
  ],
  [
    '422 without a reason',
    error(422, 'schema_violation'),
    LatchGateDenied,
    `${denied}: schema_violation`,
  ],
  [
    '429',
    error(429, 'rate_limited'),
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_429: rate_limited',
  ],
  [
    '500',
    error(500, 'internal_error'),
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_500: internal_error',
  ],
  [
    '502',
    error(502, 'action_execution_failed'),
    LatchGateUnavailable,
    'gateway unavailable: action_execution_failed',
  ],
  [
    '502 with the sentence of the gate',
    error(502, 'action_execution_failed', { message: 'cannot resolve a.example (ENOTFOUND)' }),
    LatchGateUnavailable,
    'gateway unavailable: action_execution_failed: cannot resolve a.example (ENOTFOUND)',
  ],
  ['503', error(503, 'draining'), LatchGateUnavailable, 'gateway unavailable: draining'],
  [
    '503 without JSON',
    { status: 503, raw: '<html>' },
    LatchGateUnavailable,
    'gateway unavailable: unknown',
  ],
  [
    '502 with JSON that is no object',
    { status: 502, raw: '[1]' },
    LatchGateUnavailable,
    'gateway unavailable: unknown',
  ],
  [
    'a code that is no text',
    { status: 503, json: { error: 7 } },
    LatchGateUnavailable,
    'gateway unavailable: unknown',
  ],
  [
    '302',
    { status: 302, raw: '', headers: { location: 'http://127.0.0.1:1/' } },
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_302: unknown',
  ],
  [
    '2xx without JSON',
    { status: 200, raw: 'ok' },
    LatchGateTransportError,
    `transport error: invalid JSON in execute response${NO_GATE}`,
  ],
  [
    '2xx without a body',
    { status: 204 },
    LatchGateTransportError,
    `transport error: invalid JSON in execute response${NO_GATE}`,
  ],
  [
    '2xx with an array',
    { status: 200, raw: '[]' },
    LatchGateTransportError,
    `transport error: expected JSON object in execute response${NO_GATE}`,
  ],
  [
    '202',
    { status: 202, json: { approval_id: 'ap-1', decision: 'pending_approval' } },
    LatchGateApprovalRequired,
    "action 'http_fetch' requires approval: poll approvalId='ap-1'",
  ],
  [
    '202 without JSON',
    { status: 202, raw: '' },
    LatchGateTransportError,
    `transport error: invalid JSON in execute (approval) response${NO_GATE}`,
  ],
  [
    '202 without id',
    { status: 202, json: {} },
    LatchGateTransportError,
    'transport error: missing approval_id in execute (approval) response',
  ],
]

test.each(table)(
  '%s of execute has its class and message',
  async (_, answer, expected, message) => {
    const failure = await failureOf(answer)
    expect(failure.message).toBe(message)
    expect(Object.getPrototypeOf(failure)).toBe(expected.prototype)
    expect(failure.name).toBe(expected.name)
  },
)

test('any 2xx except 202 is a success', async () => {
  const gate = await gateOnTcp()
  gate.onExecute({ ...executed(), status: 207 })
  const result = await client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch')
  expect(result.receiptId).toBe('receipt-1')
})

test('the classes form one hierarchy', () => {
  const auth = [
    new LatchGateLeaseExpired('lease_expired'),
    new LatchGateReplayDetected('replay_detected'),
  ]
  for (const one of auth) expect(one).toBeInstanceOf(LatchGateAuthError)
  const all = [
    ...auth,
    new LatchGateDenied('a'),
    new LatchGateApprovalRequired('a', 'b'),
    new LatchGateBudgetExhausted('a'),
    new LatchGateAuthError('c'),
    new LatchGateUnavailable('d'),
    new LatchGateTransportError('e'),
    new LatchGateNotConnected(),
  ]
  for (const one of all) expect(one).toBeInstanceOf(LatchGateError)
})

test('the classes have the members and messages of the published client', () => {
  expect(new LatchGateDenied('x')).toMatchObject({
    message: "action 'x' denied by policy",
    actionId: 'x',
    reason: undefined,
  })
  expect(new LatchGateDenied('x', 'why')).toMatchObject({
    message: "action 'x' denied by policy: why",
    reason: 'why',
  })
  expect(new LatchGateApprovalRequired('x', 'y')).toMatchObject({ actionId: 'x', approvalId: 'y' })
  expect(new LatchGateAuthError('c')).toMatchObject({ detail: 'c', code: 'c' })
  expect(new LatchGateUnavailable('d').detail).toBe('d')
  expect(new LatchGateTransportError('e')).toMatchObject({
    detail: 'e',
    message: 'transport error: e',
  })
  expect(new LatchGateNotConnected().message).toBe('call connect() before execute()')
})

test('what the gate said beyond the message is in the members', async () => {
  const failure = await failureOf(
    error(403, 'policy_denied', {
      deny_reason: 'no matching allow rule',
      principal: 'uid:1000',
      remediation: 'Run: latchgate policy grant uid:1000 http_fetch',
      message: 'The policy does not allow this call.',
      trace_id: 'trace-9',
    }),
  )
  expect(failure).toMatchObject({
    code: 'policy_denied',
    status: 403,
    denyReason: 'no matching allow rule',
    gateMessage: 'The policy does not allow this call.',
    remediation: 'Run: latchgate policy grant uid:1000 http_fetch',
    traceId: 'trace-9',
    receiptId: null,
    body: { principal: 'uid:1000' },
  })
})

test('a failure after dispatch names its receipt, its cause and whether it may have had an effect', async () => {
  const failure = await failureOf(
    error(502, 'action_execution_failed', {
      error_type: 'upstream_timeout',
      outcome: 'unknown',
      receipt_id: 'receipt-9',
      trace_id: 'trace-9',
    }),
  )
  expect(failure).toMatchObject({
    receiptId: 'receipt-9',
    errorType: 'upstream_timeout',
    outcome: 'unknown',
  })
})

test('the wait that the gate asks for is a number, from the body or from the header', async () => {
  const header = { 'retry-after': '7' }
  const limited = await failureOf({ ...error(429, 'rate_limited'), headers: header })
  expect(limited.retryAfterSeconds).toBe(7)
  const quota = await failureOf({
    ...error(403, 'quota_exhausted', { retry_after_seconds: 60 }),
    headers: header,
  })
  expect(quota.retryAfterSeconds).toBe(60)
  const date = { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }
  expect((await failureOf({ ...error(503, 'draining'), headers: date })).retryAfterSeconds).toBe(
    null,
  )
})

test('a missing receipt, approval or action is Denied and says what was not found', async () => {
  const gate = await gateOnTcp()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const receipt = await caught(agent.getReceipt('r1'))
  expect(receipt.message).toBe("action '<receipt>' denied by policy: receipt 'r1' not found")
  const approval = await caught(agent.getApprovalStatus('p1'))
  expect(approval.message).toBe("action '<approval>' denied by policy: approval 'p1' not found")
  const egress = await caught(agent.getActionEgress('e1'))
  expect(egress.message).toBe("action 'e1' denied by policy: action 'e1' not found")
  for (const one of [receipt, approval, egress]) expect(one).toBeInstanceOf(LatchGateDenied)
  expect(egress).toMatchObject({ actionId: 'e1', status: 404, code: 'unknown' })
})

test.each([
  ['receipt', '/v1/receipts/x', (c: ReturnType<typeof client>) => c.getReceipt('x')],
  [
    'approval poll',
    '/v1/approvals/x/poll',
    (c: ReturnType<typeof client>) => c.getApprovalStatus('x'),
  ],
  ['action egress', '/v1/actions/x', (c: ReturnType<typeof client>) => c.getActionEgress('x')],
  ['actions', '/v1/actions', (c: ReturnType<typeof client>) => c.listActions()],
  [
    'permitted actions',
    '/v1/permitted-actions',
    (c: ReturnType<typeof client>) => c.listPermittedActions(),
  ],
  ['receipt keys', '/v1/receipt-keys', (c: ReturnType<typeof client>) => c.getReceiptKeys()],
])('an answer that is not JSON is named after its place: %s', async (context, path, call) => {
  const gate = await gateOnTcp()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  gate.onGet(path, { status: 200, raw: '{' })
  expect((await caught(call(agent))).message).toBe(
    `transport error: invalid JSON in ${context} response${NO_GATE}`,
  )
  gate.onGet(path, { status: 200, raw: 'null' })
  expect((await caught(call(agent))).message).toBe(
    `transport error: expected JSON object in ${context} response${NO_GATE}`,
  )
  gate.onGet(path, error(503, 'store_unavailable'))
  expect((await caught(call(agent))).message).toBe('gateway unavailable: store_unavailable')
})

test('errors of connect are about the action <connect>', async () => {
  const gate = await gateOnTcp()
  const agent = client({ baseUrl: gate.url })
  gate.leaseHandler = () => error(403, 'scope_not_permitted')
  const denied403 = await caught(agent.connect())
  expect(denied403.message).toBe("action '<connect>' denied by policy: scope_not_permitted")
  gate.leaseHandler = () => error(401, 'identity_unauthenticated')
  expect((await caught(agent.connect())).code).toBe('identity_unauthenticated')
  gate.leaseHandler = () => ({ status: 200, raw: 'x' })
  expect((await caught(agent.connect())).message).toBe(
    `transport error: invalid JSON in lease response${NO_GATE}`,
  )
  gate.leaseHandler = () => ({ status: 200, json: { lease_jwt: 'x' } })
  expect((await caught(agent.connect())).message).toBe(
    'transport error: missing expires_at in lease response',
  )
  gate.leaseHandler = () => ({ status: 200, json: { expires_at: '2030-01-01T00:00:00Z' } })
  expect((await caught(agent.connect())).message).toBe(
    'transport error: missing lease_jwt in lease response',
  )
  gate.leaseHandler = () => ({ status: 200, json: { lease_jwt: 'x', expires_at: 'soon' } })
  expect((await caught(agent.connect())).message).toContain("is not a time: 'soon'")
})

test('a refused connection and an unknown host are transport errors with their cause', async () => {
  const gate = await gateOnTcp()
  const { url } = gate
  await gate.stop()
  const refused = await caught(client({ baseUrl: url, agentId: 'a' }).execute('x'))
  expect(refused).toBeInstanceOf(LatchGateTransportError)
  expect(refused.message).toBe(
    `transport error: no gate answers on ${url} (connect ECONNREFUSED ${url.slice(7)}): start one, or say where it is with LATCHGATE_URL or the option 'baseUrl'`,
  )
  expect(refused.cause).toBeInstanceOf(Error)
  // Longer than a label may be: the resolver says no without asking anybody.
  const nowhere = `${'a'.repeat(64)}.invalid`
  const unknown = await caught(client({ baseUrl: `http://${nowhere}`, agentId: 'a' }).execute('x'))
  expect(unknown.message).toContain(`no gate answers on http://${nowhere} (`)
})

test('a redirect is not followed: the lease goes to the gate and nowhere else', async () => {
  const other = await gateOnTcp()
  const gate = await gateOnTcp()
  const location = `${other.url}/v1/actions/http_fetch/execute`
  gate.onExecute({ status: 307, raw: '', headers: { location } })
  const failure = await caught(client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch'))
  expect(failure.message).toBe('gateway unavailable: unexpected_status_307: unknown')
  expect(other.seen).toHaveLength(0)
})

test('a call whose connection is reset is sent once and not repeated', async () => {
  const gate = await gateOnTcp()
  gate.onExecute({ status: 200, end: 'reset' })
  const failure = await caught(client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch'))
  expect(failure).toBeInstanceOf(LatchGateTransportError)
  expect(gate.requests('/v1/actions/http_fetch/execute')).toHaveLength(1)
})

test('an answer cut off in its body is a transport error', async () => {
  const gate = await gateOnTcp()
  gate.onExecute({
    status: 200,
    raw: '{"decision"',
    headers: { 'content-length': '500', connection: 'close' },
  })
  const failure = await caught(client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch'))
  expect(failure).toBeInstanceOf(LatchGateTransportError)
})
