import { expect, test } from 'vitest'
import {
  LatchGateApprovalDenied,
  LatchGateApprovalExpired,
  LatchGateApprovalRequired,
  LatchGateApprovalTimeout,
  type LatchGateClient,
  LatchGateDenied,
  LatchGateTransportError,
  LatchGateUnavailable,
} from '../src/index.js'
import { type DoubleAnswer, error, executed, type GateDouble } from './gate-double.js'
import { client, gateOnTcp } from './setup.js'

const ID = '0196a1b2-0000-7000-8000-000000000001'
const WAIT = `/v1/approvals/${ID}/wait`
const POLL = `/v1/approvals/${ID}/poll`
const RESULT = `/v1/approvals/${ID}/result`

/** Answers in this order; the last one again and again. */
function inOrder(...answers: readonly DoubleAnswer[]): () => DoubleAnswer {
  let next = 0
  return () => answers[Math.min(next++, answers.length - 1)]!
}

function status(name: string, members: object = {}): DoubleAnswer {
  return {
    status: 200,
    json: {
      status: name,
      approval_id: ID,
      action_id: 'http_post',
      expires_at: '2026-03-01T10:05:00Z',
      ...members,
    },
  }
}

const PENDING = status('pending', { retry_after_seconds: 0 })

async function waiting(): Promise<{ readonly gate: GateDouble; readonly agent: LatchGateClient }> {
  const gate = await gateOnTcp()
  return { gate, agent: client({ baseUrl: gate.url, agentId: 'a' }) }
}

function executions(gate: GateDouble): number {
  return gate.seen.filter(({ path }) => path.endsWith('/execute')).length
}

test('an approved call resolves to its result, and is executed by nobody else', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, inOrder(PENDING, PENDING, status('approved', { receipt_id: 'receipt-1' })))
  gate.onGet(RESULT, executed({ action_id: 'http_post', output: { ok: true, data: 7 } }))
  const result = await agent.waitForApproval(ID)
  expect(result).toMatchObject({
    output: { ok: true, data: 7 },
    receiptId: 'receipt-1',
    isFullySuccessful: true,
  })
  expect(executions(gate)).toBe(0)
  const asked = gate.seen.filter(({ method }) => method === 'GET').map(({ path }) => path)
  expect(asked).toHaveLength(4)
  expect(asked.slice(0, 3).every((path) => path === `${WAIT}?timeout_ms=30000`)).toBe(true)
  expect(asked[3]).toBe(RESULT)
})

test('a claimed approval, executing still, is waited for', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, status('approved'))
  gate.onGet(RESULT, inOrder(error(409, 'approval_pending'), executed()))
  expect((await agent.waitForApproval(ID)).receiptId).toBe('receipt-1')
})

test.each([
  [
    'denied',
    error(403, 'approval_denied', { deny_reason: 'not during the freeze', trace_id: 't' }),
    LatchGateApprovalDenied,
    {
      reason: 'not during the freeze',
      approvalId: ID,
      actionId: 'http_post',
      traceId: 't',
      message: "action 'http_post' denied by an operator: not during the freeze",
    },
  ],
  [
    'expired',
    error(409, 'approval_expired'),
    LatchGateApprovalExpired,
    {
      approvalId: ID,
      code: 'approval_expired',
      message: `approval '${ID}' for action 'http_post' expired without a decision: make the call again`,
    },
  ],
  [
    'denied',
    error(409, 'approval_revoked', { deny_reason: 'laptop lost' }),
    LatchGateDenied,
    { reason: 'approval_revoked: laptop lost', code: 'approval_revoked', status: 409 },
  ],
  [
    'failed',
    error(502, 'action_execution_failed', {
      receipt_id: 'receipt-9',
      error_type: 'upstream_timeout',
      outcome: 'unknown',
    }),
    LatchGateUnavailable,
    { receiptId: 'receipt-9', errorType: 'upstream_timeout', outcome: 'unknown', status: 502 },
  ],
  [
    'failed',
    error(403, 'policy_denied', { deny_reason: 'acl' }),
    LatchGateDenied,
    { reason: 'policy_denied: acl', actionId: 'http_post' },
  ],
  [
    'approved',
    error(404, 'not_found', { receipt_id: 'receipt-3', message: 'not kept' }),
    LatchGateUnavailable,
    {
      receiptId: 'receipt-3',
      detail: 'the call was approved and executed, but its output is not kept any more',
    },
  ],
  [
    'approved',
    error(404, 'approval_not_found'),
    LatchGateDenied,
    { reason: `approval '${ID}' not found` },
  ],
])(
  'an approval that ends as %s with %j is an error of its own',
  async (name, answer, kind, members) => {
    const { gate, agent } = await waiting()
    gate.onGet(WAIT, status(name))
    gate.onGet(RESULT, answer)
    const failure = await agent.waitForApproval(ID).catch((caught: unknown) => caught)
    expect(failure).toBeInstanceOf(kind)
    expect((failure as Error).constructor).toBe(kind)
    expect(failure).toMatchObject(members)
  },
)

test('a refusal with 503 after the approval is told, though a 503 can pass', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, status('failed', { reason: 'secrets_unavailable' }))
  gate.onGet(RESULT, error(503, 'secrets_unavailable', { retry_after_seconds: 0 }))
  await expect(agent.waitForApproval(ID)).rejects.toMatchObject({ code: 'secrets_unavailable' })
})

test('what was asked for first is denied and required as before', async () => {
  const { gate, agent } = await waiting()
  gate.onExecute({ status: 202, json: { decision: 'pending_approval', approval_id: ID } })
  const held = await agent.execute('http_post', {}).catch((caught: unknown) => caught)
  expect(held).toBeInstanceOf(LatchGateApprovalRequired)
  expect(held).not.toBeInstanceOf(LatchGateApprovalTimeout)
})

test('when the time is over the call is still held, and can be waited for again', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, PENDING)
  gate.onGet(RESULT, executed())
  const late = await agent.waitForApproval(ID, { timeoutMs: 80 }).catch((caught: unknown) => caught)
  expect(late).toBeInstanceOf(LatchGateApprovalTimeout)
  expect(late).toBeInstanceOf(LatchGateApprovalRequired)
  expect(late).toMatchObject({
    approvalId: ID,
    actionId: 'http_post',
    timeoutMs: 80,
    message: `no decision on approval '${ID}' within 80 ms: it is still held`,
  })
  gate.onGet(WAIT, status('approved'))
  expect((await agent.waitForApproval(ID)).receiptId).toBe('receipt-1')
})

test('a gate that hangs does not hold the client beyond the time', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, { status: 200, end: 'hang' })
  const late = await agent
    .waitForApproval(ID, { timeoutMs: 120 })
    .catch((caught: unknown) => caught)
  expect(late).toBeInstanceOf(LatchGateApprovalTimeout)
  expect((late as Error).cause).toBeInstanceOf(LatchGateTransportError)
})

test('connections that break, 503 and 429 are outlived', async () => {
  const { gate, agent } = await waiting()
  const away = error(503, 'store_unavailable')
  const often: DoubleAnswer = { ...error(429, 'rate_limited'), headers: { 'retry-after': '0' } }
  gate.onGet(WAIT, inOrder({ status: 0, end: 'reset' }, away, often))
  gate.onGet(POLL, inOrder({ status: 0, end: 'reset' }, away, often, status('approved')))
  gate.onGet(RESULT, inOrder({ status: 0, end: 'reset' }, away, executed()))
  expect((await agent.waitForApproval(ID)).receiptId).toBe('receipt-1')
})

test('a lease that ends while waiting is renewed, and the wait goes on', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, inOrder(PENDING, error(401, 'lease_expired'), PENDING, status('approved')))
  gate.onGet(RESULT, executed())
  await agent.waitForApproval(ID)
  expect(gate.requests('/v1/leases')).toHaveLength(2)
  const sessions = gate.seen.filter(({ path }) => path === RESULT).map((one) => one.sessionId)
  expect(sessions).toEqual([agent.sessionId])
})

test('a revoked lease ends the wait', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, error(401, 'lease_revoked'))
  await expect(agent.waitForApproval(ID)).rejects.toMatchObject({ code: 'lease_revoked' })
})

test.each([404, 405])('a gate that answers %i to the long poll is polled', async (code) => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, { status: code, raw: '' })
  gate.onGet(POLL, inOrder(PENDING, PENDING, status('approved')))
  gate.onGet(RESULT, executed())
  expect((await agent.waitForApproval(ID)).receiptId).toBe('receipt-1')
  expect(gate.seen.filter(({ path }) => path.startsWith(WAIT))).toHaveLength(1)
  expect(gate.requests(POLL)).toHaveLength(3)
})

test('a client of a principal with too many waiting requests polls', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, { ...error(429, 'rate_limited'), headers: { 'retry-after': '0' } })
  gate.onGet(POLL, inOrder(PENDING, status('approved')))
  gate.onGet(RESULT, executed())
  expect((await agent.waitForApproval(ID)).receiptId).toBe('receipt-1')
  expect(gate.seen.filter(({ path }) => path.startsWith(WAIT))).toHaveLength(1)
})

test('an approval that nobody knows is not waited for', async () => {
  const { agent } = await waiting()
  await expect(agent.waitForApproval(ID)).rejects.toMatchObject({
    name: 'LatchGateDenied',
    reason: `approval '${ID}' not found`,
  })
})

test.each([
  ['approved', { receipt_id: 'r-1' }, LatchGateUnavailable, { receiptId: 'r-1' }],
  ['denied', { reason: 'no' }, LatchGateApprovalDenied, { reason: 'no' }],
  ['failed', { reason: 'provider: trap' }, LatchGateUnavailable, { detail: 'provider: trap' }],
])('of a gate without results the end %s is told', async (name, members, kind, expected) => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, { status: 404, raw: '' })
  // As 0.2.0 answers: no ids.
  gate.onGet(POLL, { status: 200, json: { status: name, ...members } })
  const failure = await agent.waitForApproval(ID).catch((caught: unknown) => caught)
  expect(failure).toBeInstanceOf(kind)
  expect(failure).toMatchObject(expected)
})

test('a signal ends the wait at once with its reason, before, in and between requests', async () => {
  const { gate, agent } = await waiting()
  const reason = new Error('the user left')
  const expected = {
    name: 'LatchGateTransportError',
    detail: 'aborted by the caller; the approval stays as it is',
    cause: reason,
  }
  const before = AbortSignal.abort(reason)
  await expect(agent.waitForApproval(ID, { signal: before })).rejects.toMatchObject(expected)
  expect(gate.seen).toHaveLength(0)
  for (const answer of [
    { status: 200, end: 'hang' } as const,
    status('pending', { retry_after_seconds: 3600 }),
  ]) {
    gate.onGet(WAIT, answer)
    const controller = new AbortController()
    const seen = gate.seen.length
    const wait = agent.waitForApproval(ID, { signal: controller.signal })
    const outcome = wait.catch((caught: unknown) => caught)
    while (!gate.seen.slice(seen).some(({ path }) => path.startsWith(WAIT))) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    controller.abort(reason)
    expect(await outcome).toMatchObject(expected)
  }
})

test('close ends a wait instead of waiting for it', async () => {
  const { gate, agent } = await waiting()
  gate.onGet(WAIT, { status: 200, end: 'hang' })
  const outcome = agent.waitForApproval(ID).catch((caught: unknown) => caught)
  while (!gate.seen.some(({ path }) => path.startsWith(WAIT))) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await agent.close()
  expect(await outcome).toMatchObject({ cause: { message: 'the client was closed' } })
})

test.each([0, -1, Number.NaN, 2 ** 31])(
  'a time of %d is refused before anything is sent',
  async (ms) => {
    const { gate, agent } = await waiting()
    await expect(agent.waitForApproval(ID, { timeoutMs: ms })).rejects.toThrow(
      `timeoutMs must be above 0 and at most 2147483647, got ${ms}`,
    )
    await expect(agent.waitForApproval('../x')).rejects.toThrow('approvalId contains')
    expect(gate.seen).toHaveLength(0)
  },
)

test('the own approvals are listed, with what the query says, and only the path in the proof', async () => {
  const { gate, agent } = await waiting()
  const entry = {
    approval_id: ID,
    status: 'pending',
    action_id: 'http_post',
    action_version: '2.0.0',
    principal: 'alice',
    session_id: 's-1',
    risk_level: 'high',
    request_hash: 'sha256:00',
    created_at: '2026-03-01T10:00:00Z',
    expires_at: '2026-03-01T10:05:00Z',
    trace_id: 't-1',
    plan_hash: 'ab',
    reasons: [{ code: 'risk', detail: 'high' }],
    approvals: 0,
    required: 1,
    target: 'POST https://api.example.com/x',
  }
  gate.onGet('/v1/approvals', { status: 200, json: { approvals: [entry], count: 1 } })
  const list = await agent.listApprovals({ status: 'pen ding&', limit: 5 })
  expect(gate.seen.at(-1)?.path).toBe('/v1/approvals?status=pen%20ding%26&limit=5')
  expect(list).toEqual([
    {
      approvalId: ID,
      status: 'pending',
      actionId: 'http_post',
      riskLevel: 'high',
      principal: 'alice',
      sessionId: 's-1',
      traceId: 't-1',
      createdAt: '2026-03-01T10:00:00Z',
      expiresAt: '2026-03-01T10:05:00Z',
      reasons: [{ code: 'risk', detail: 'high' }],
      approvals: 0,
      required: 1,
      target: 'POST https://api.example.com/x',
      raw: entry,
    },
  ])
  await agent.listApprovals()
  expect(gate.seen.at(-1)?.path).toBe('/v1/approvals')
  gate.onGet('/v1/approvals', error(503, 'approval_store_unavailable'))
  await expect(agent.listApprovals()).rejects.toThrow(LatchGateUnavailable)
})

test.each([
  ['pending', 'isPending'],
  ['approved', 'isApproved'],
  ['denied', 'isDenied'],
  ['failed', 'isFailed'],
  ['expired', 'isExpired'],
] as const)('the status %s is told by %s alone', async (name, member) => {
  const { gate, agent } = await waiting()
  gate.onGet(POLL, status(name, { output: { ok: true } }))
  const told = await agent.getApprovalStatus(ID)
  const flags = ['isPending', 'isApproved', 'isDenied', 'isFailed', 'isExpired'] as const
  expect(flags.filter((flag) => told[flag])).toEqual([member])
  expect(told).toMatchObject({
    approvalId: ID,
    actionId: 'http_post',
    expiresAt: '2026-03-01T10:05:00Z',
    decision: name === 'pending' ? null : name,
    output: { ok: true },
  })
})
