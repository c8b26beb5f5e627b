import fc from 'fast-check'
import { expect, test } from 'vitest'
import { egressProfileFromJson, executionReceiptFromJson, isFullySuccessful } from '../src/index.js'
import { executed } from './gate-double.js'
import { client, gateOnTcp } from './setup.js'

const RECEIPT = {
  receipt_id: 'r1',
  grant_id: 'g1',
  provider_module_digest: 'builtin:http_api',
  provider_receipt: { ok: true },
  normalized_result: { kind: 'success', summary: 's' },
  verification_outcome: { status: 'verified', evidence: {} },
  result_hash: 'ab',
  receipt_signature: 'cd',
  signing_key_id: 'ef',
  started_at: '2026-03-01T10:00:00.123456789Z',
  finished_at: '2026-03-01T10:00:00.266Z',
  failure_class: null,
  signature_status: 'valid',
  session_id: 's1',
  session_seq: 3,
}

test('execute sends the parameters themselves and reads every member of the answer', async () => {
  const gate = await gateOnTcp()
  gate.onExecute(executed({ session_seq: 1, log: { index: 7, size: 9 } }))
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const result = await agent.execute('http_fetch', { url: 'https://a.example', n: 1 })
  expect(gate.requests('/v1/actions/http_fetch/execute')[0]?.text).toBe(
    '{"url":"https://a.example","n":1}',
  )
  expect(result).toEqual({
    output: { ok: true, data: { status_code: 200 } },
    receiptId: 'receipt-1',
    traceId: 'trace-1',
    grantId: 'grant-1',
    verification: { outcome: 'verified', is_fully_successful: true },
    runtime: { duration_ms: 3, exit_code: 0, fuel_consumed: 10 },
    isFullySuccessful: true,
    sessionSeq: 1,
    log: { index: 7, size: 9 },
  })
})

test('missing parameters are an empty object', async () => {
  const gate = await gateOnTcp()
  gate.onExecute(executed())
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  await agent.execute('http_fetch', undefined)
  const texts = gate.requests('/v1/actions/http_fetch/execute').map((request) => request.text)
  expect(texts).toEqual(['{}', '{}'])
})

test('an older answer without verification, runtime, number or log is read', async () => {
  const gate = await gateOnTcp()
  gate.onExecute(executed({ verification: undefined, runtime: undefined }))
  const result = await client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch')
  expect(result).toMatchObject({
    verification: {},
    runtime: {},
    isFullySuccessful: false,
    sessionSeq: null,
    log: null,
  })
})

test.each(['receipt_id', 'trace_id', 'grant_id'])(
  'a result without %s is not a result',
  async (member) => {
    const gate = await gateOnTcp()
    gate.onExecute(executed({ [member]: undefined }))
    const agent = client({ baseUrl: gate.url, agentId: 'a' })
    await expect(agent.execute('http_fetch')).rejects.toThrow(
      `transport error: missing ${member} in execute response`,
    )
  },
)

test('a receipt keeps its texts, its signature and the whole body', async () => {
  const gate = await gateOnTcp()
  gate.onGet('/v1/receipts/r1', { status: 200, json: RECEIPT })
  const receipt = await client({ baseUrl: gate.url, agentId: 'a' }).getReceipt('r1')
  expect(receipt).toEqual({
    receiptId: 'r1',
    grantId: 'g1',
    resultHash: 'ab',
    startedAt: '2026-03-01T10:00:00.123456789Z',
    finishedAt: '2026-03-01T10:00:00.266Z',
    providerModule: 'builtin:http_api',
    providerReceipt: { ok: true },
    normalizedResult: { kind: 'success', summary: 's' },
    verificationOutcome: { status: 'verified', evidence: {} },
    failureClass: null,
    isFullySuccessful: true,
    signature: 'cd',
    signingKeyId: 'ef',
    signatureStatus: 'valid',
    sessionId: 's1',
    sessionSeq: 3,
    raw: RECEIPT,
  })
})

test('the module of a receipt may stand under its former name', () => {
  const { provider_module_digest: _, ...older } = RECEIPT
  const receipt = executionReceiptFromJson({ ...older, provider_module: 'sha256:1' })
  expect(receipt.providerModule).toBe('sha256:1')
  expect(() => executionReceiptFromJson(older)).toThrow(
    'missing provider_module in receipt response',
  )
})

test.each([
  ['success', 'verified', true],
  ['success', 'unverifiable_declared', true],
  ['success', 'verification_failed', false],
  ['success', 'skipped', false],
  ['success', 'provider_failed_before_verification', false],
  ['provider_failure', 'verified', false],
  ['timeout', 'unverifiable_declared', false],
])('a receipt of kind %s with status %s: fully successful is %s', (kind, status, expected) => {
  const receipt = executionReceiptFromJson({
    ...RECEIPT,
    normalized_result: { kind },
    verification_outcome: { status },
  })
  expect(isFullySuccessful(receipt)).toBe(expected)
  expect(receipt.isFullySuccessful).toBe(expected)
})

test('a receipt without its inner objects is read and is not successful', () => {
  const receipt = executionReceiptFromJson({
    ...RECEIPT,
    normalized_result: null,
    verification_outcome: undefined,
  })
  expect([receipt.normalizedResult, receipt.verificationOutcome]).toEqual([{}, {}])
  expect(receipt.isFullySuccessful).toBe(false)
})

test.each([
  [
    'pending',
    { status: 'pending', retry_after_seconds: 2 },
    { isPending: true, decision: null, retryAfterSeconds: 2 },
  ],
  [
    'approved',
    { status: 'approved', receipt_id: 'r1', output: { ok: true } },
    { isApproved: true, decision: 'approved', receiptId: 'r1', output: { ok: true } },
  ],
  [
    'denied',
    { status: 'denied', reason: 'no' },
    { isDenied: true, decision: 'denied', reason: 'no' },
  ],
  ['failed', { status: 'failed', reason: 'provider: x' }, { isFailed: true, decision: 'failed' }],
  [
    'expired',
    { status: 'expired', approval_id: 'p9', action_id: 'http_post' },
    { isExpired: true, decision: 'expired', approvalId: 'p9', actionId: 'http_post' },
  ],
  [
    'nothing said',
    {},
    { status: 'pending', isPending: true, receiptId: null, reason: null, retryAfterSeconds: null },
  ],
])('an approval: %s', async (_, body, expected) => {
  const gate = await gateOnTcp()
  gate.onGet('/v1/approvals/p1/poll', { status: 200, json: body })
  const status = await client({ baseUrl: gate.url, agentId: 'a' }).getApprovalStatus('p1')
  const flags = {
    isPending: false,
    isApproved: false,
    isDenied: false,
    isFailed: false,
    isExpired: false,
  }
  expect(status).toMatchObject({ ...flags, approvalId: 'p1', actionId: '', ...expected, raw: body })
})

test.each([
  ['none', { profile: 'none', allowedDomains: [], hasEgress: false }],
  [null, { profile: 'none', allowedDomains: [], hasEgress: false }],
  [{ other: {} }, { profile: 'none', allowedDomains: [], hasEgress: false }],
  [{ proxy_allowlist: null }, { profile: 'none', allowedDomains: [], hasEgress: false }],
  [{ proxy_allowlist: {} }, { profile: 'proxy_allowlist', allowedDomains: [], hasEgress: true }],
  [
    { proxy_allowlist: { allowed_domains: ['a.example', 7] }, profile: 'proxy_allowlist' },
    { profile: 'proxy_allowlist', allowedDomains: ['a.example'], hasEgress: true },
  ],
])('egress %j', (json, expected) => {
  expect(egressProfileFromJson(json)).toEqual(expected)
})

test('an egress profile is read from anything without throwing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      expect(['none', 'proxy_allowlist']).toContain(egressProfileFromJson(json).profile)
    }),
  )
})

test('getActionEgress reads the detail of the action', async () => {
  const gate = await gateOnTcp()
  const egress = { proxy_allowlist: { allowed_domains: ['api.example.com'] } }
  gate.onGet('/v1/actions/http_fetch', { status: 200, json: { egress } })
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  expect((await agent.getActionEgress('http_fetch')).allowedDomains).toEqual(['api.example.com'])
  const [detail] = gate.requests('/v1/actions/http_fetch')
  expect(detail?.headers.authorization).toMatch(/^DPoP /)
})

test('listActions needs neither lease nor agent id', async () => {
  const gate = await gateOnTcp()
  const actions = [
    { action_id: 'db_query', version: '1.2.0', risk_level: 'medium', database_mode: 'hybrid' },
    { action_id: 'http_fetch', version: '1.0.0', risk_level: 'low', description: 'Fetches.' },
    { action_id: 'bare' },
  ]
  gate.onGet('/v1/actions', { status: 200, json: { actions } })
  expect(await client({ baseUrl: gate.url }).listActions()).toEqual([
    {
      actionId: 'db_query',
      version: '1.2.0',
      riskLevel: 'medium',
      description: null,
      databaseMode: 'hybrid',
    },
    {
      actionId: 'http_fetch',
      version: '1.0.0',
      riskLevel: 'low',
      description: 'Fetches.',
      databaseMode: null,
    },
    {
      actionId: 'bare',
      version: '0.0.0',
      riskLevel: 'unknown',
      description: null,
      databaseMode: null,
    },
  ])
  expect(gate.requests('/v1/leases')).toHaveLength(0)
})

test('of a permitted action, what is not said reads as the more careful of two things', async () => {
  const gate = await gateOnTcp()
  const schema = { type: 'object', required: ['url'] }
  const actions = [
    { action_id: 'bare', declared_side_effects: 'x', request_schema: [], approval: 'later' },
    {
      action_id: 'http_fetch',
      version: '1.0.0',
      description: 'Fetches.',
      risk_level: 'low',
      declared_side_effects: ['http_read', 7],
      egress: { proxy_allowlist: { allowed_domains: ['a.example'] } },
      approval: 'none',
      request_schema: schema,
    },
  ]
  gate.onGet('/v1/permitted-actions', { status: 200, json: { policy_version: 'v', actions } })
  const listed = await client({ baseUrl: gate.url, agentId: 'a' }).listPermittedActions()
  expect(listed).toEqual([
    {
      actionId: 'bare',
      version: '0.0.0',
      description: '',
      riskLevel: 'unknown',
      declaredSideEffects: [],
      egress: { profile: 'none', allowedDomains: [], hasEgress: false },
      approval: 'required',
      requestSchema: null,
    },
    {
      actionId: 'http_fetch',
      version: '1.0.0',
      description: 'Fetches.',
      riskLevel: 'low',
      declaredSideEffects: ['http_read'],
      egress: { profile: 'proxy_allowlist', allowedDomains: ['a.example'], hasEgress: true },
      approval: 'none',
      requestSchema: schema,
    },
  ])
  expect(gate.requests('/v1/permitted-actions')[0]?.headers.authorization).toMatch(/^DPoP /)
})
