import type { AttestationClaims } from '@latchgate/protocol'
import { digest, signAttestation } from '@latchgate/protocol/node'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { approveCall, asAgent, asOperator, denyCall, holdCall } from '../src/harness/approvals.js'
import { leavesOf, receiptOf } from '../src/harness/evidence.js'
import { operatorHeaders } from '../src/harness/operator.js'
import { executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
const ID = expect.stringMatching(UUID) as string
const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/) as string
const HASH = expect.stringMatching(/^[0-9a-f]{64}$/) as string
const DIGEST = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string
const CREATED = '{"id":1,"number":7,"html_url":"https://github.com/acme/rocket/issues/7"}'

let world: World
let lease: HeldLease
let title = 0

/** A call that no other test has made: identical ones share an approval. */
function issue(): { readonly owner: string; readonly repo: string; readonly title: string } {
  title += 1
  return { owner: 'acme', repo: 'rocket', title: `Fins fall off, ${title}` }
}

function hold(params: unknown = issue()): ReturnType<typeof holdCall> {
  return holdCall(world, lease, 'github_create_issue', params)
}

function sent(): number {
  return world.upstream.requests.length
}

beforeAll(async () => {
  world = await startWorld(
    {
      keys: '',
      tables:
        '[approvals]\nmax_pending_per_principal = 40\n[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000\noperator_write_rps = 1000',
    },
    { env: { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' } },
  )
  world.upstream.on('POST', '/repos/acme/rocket/issues', () => ({
    status: 201,
    headers: { 'content-type': 'application/json' },
    body: CREATED,
  }))
  world.upstream.on('POST', '/repos/acme/broken/issues', () => ({ status: 500, body: 'no' }))
})

beforeEach(async () => {
  lease = await takeLease(world.client)
})

afterAll(() => world.close())

test('a held call with a null for what is optional is approved as it was sent, and the upstream gets none', async () => {
  const params = { ...issue(), body: null, labels: null }
  const { id, answer } = await hold(params)
  const approved = await approveCall(world, id)
  expect(approved.status, approved.text).toBe(200)
  expect(world.upstream.requests.at(-1)?.body.toString()).toBe(
    JSON.stringify({ title: params.title }),
  )
  expect(answer.json()['request_hash']).toBe(digest(params))
})

test('a held call is answered 202 with these four members, sends nothing, and is a record', async () => {
  const before = sent()
  const { id, answer } = await hold()
  expect(answer.json()).toEqual({
    decision: 'pending_approval',
    approval_id: ID,
    request_hash: DIGEST,
    trace_id: ID,
  })
  expect(sent()).toBe(before)
  const [leaf, ...others] = leavesOf(world, answer.json()['trace_id'])
  expect(others).toEqual([])
  expect(leaf).toMatchObject({
    type: 'hold',
    body: {
      event_type: 'action_call',
      decision: 'pending_approval',
      approval_id: id,
      plan_hash: HASH,
      session_seq: 1,
      reasons: [{ code: 'risk', detail: "the action's risk level is high" }],
      quorum: { min: 1, distinct_from_requester: true },
      required: 1,
    },
  })
  // Arguments are in the record as a commitment alone.
  expect(JSON.stringify(leaf)).not.toContain('Fins fall off')
})

test('what an approved call returns reaches its operator, the poll, and the result', async () => {
  const before = sent()
  const { id, answer } = await hold()
  const path = `/v1/approvals/${id}`
  expect((await asAgent(world, lease, `${path}/poll`)).json()).toEqual({
    status: 'pending',
    retry_after_seconds: 2,
    approval_id: id,
    action_id: 'github_create_issue',
    expires_at: TIME,
  })
  const pending = await asAgent(world, lease, `${path}/result`)
  expect([pending.status, pending.headers['retry-after'], pending.json()]).toEqual([
    409,
    '2',
    { error: 'approval_pending', message: 'The approval has no outcome yet.', trace_id: ID },
  ])
  const approved = await approveCall(world, id)
  const trace = answer.json()['trace_id']
  const executed = {
    decision: 'executed',
    trace_id: trace,
    action_id: 'github_create_issue',
    grant_id: ID,
    receipt_id: ID,
    output: { ok: true, data: expect.objectContaining({ status_code: 201, body: CREATED }) },
    verification_outcome: 'verified',
    verification: { outcome: 'verified', is_fully_successful: true },
    runtime: { duration_ms: expect.any(Number), exit_code: 0, fuel_consumed: expect.any(Number) },
    session_seq: 2,
  }
  expect([approved.status, approved.json()]).toEqual([
    200,
    {
      ...executed,
      log: { index: expect.any(Number), size: expect.any(Number) },
      approval: {
        decision: 'allow',
        approval_id: id,
        approved_by: 'operator',
        approval_hash: HASH,
        operator_authn_method: 'operator_dpop',
        operator_sender_binding: world.gate.project.operator.key.thumbprint,
      },
    },
  ])
  expect(sent()).toBe(before + 1)
  expect(world.upstream.requests.at(-1)?.headers['authorization']).toBe(
    'Bearer ghp_test_0123456789',
  )
  const { receipt_id: receiptId } = approved.json()
  expect((await asAgent(world, lease, `${path}/poll`)).json()).toEqual({
    status: 'approved',
    receipt_id: receiptId,
    approval_id: id,
    action_id: 'github_create_issue',
    expires_at: TIME,
    output: executed.output,
  })
  const result = await asAgent(world, lease, `${path}/result`)
  expect([result.status, result.json()]).toEqual([200, executed])
  expect(receiptOf(world, answer)?.['approval']).toEqual({
    approval_id: id,
    plan_hash: leavesOf(world, trace)[0]?.body['plan_hash'],
    decisions: [
      {
        operator: 'operator',
        jkt: world.gate.project.operator.key.thumbprint,
        decision: 'granted',
        dpop_proof_jti: expect.any(String),
      },
    ],
  })
  expect(leavesOf(world, trace).map(({ type, body }) => [type, body['decision']])).toEqual([
    ['hold', 'pending_approval'],
    ['approval', 'granted'],
    ['intent', undefined],
    ['receipt', undefined],
    ['decision', 'allow'],
  ])
})

test('a second decision tells what the first was, and does nothing', async () => {
  const { id } = await hold()
  const first = await approveCall(world, id)
  const before = sent()
  for (const again of [await approveCall(world, id), await denyCall(world, id)]) {
    expect([again.status, again.json()]).toEqual([
      200,
      {
        decision: 'already_approved',
        approval_id: id,
        status: 'approved',
        completed_at: TIME,
        receipt_id: first.json()['receipt_id'],
        trace_id: first.json()['trace_id'],
      },
    ])
  }
  expect(sent()).toBe(before)
})

test('a denied call tells the agent why, and cannot be approved any more', async () => {
  const before = sent()
  const { id, answer } = await hold()
  const denied = await denyCall(world, id, { body: { reason: 'not during the freeze' } })
  const trace = answer.json()['trace_id']
  expect([denied.status, denied.json()]).toEqual([
    200,
    {
      decision: 'deny',
      trace_id: trace,
      action_id: 'github_create_issue',
      approval_id: id,
      denied_by: 'operator',
      deny_reason: 'not during the freeze',
    },
  ])
  const path = `/v1/approvals/${id}`
  expect((await asAgent(world, lease, `${path}/poll`)).json()).toEqual({
    status: 'denied',
    reason: 'not during the freeze',
    approval_id: id,
    action_id: 'github_create_issue',
    expires_at: TIME,
  })
  const result = await asAgent(world, lease, `${path}/result`)
  expect([result.status, result.json()]).toEqual([
    403,
    {
      error: 'approval_denied',
      deny_reason: 'not during the freeze',
      principal: 'agent-test',
      action_id: 'github_create_issue',
      message: 'An operator denied this call: not during the freeze',
      trace_id: ID,
    },
  ])
  const late = await approveCall(world, id)
  expect([late.status, late.json()]).toMatchObject([
    200,
    { decision: 'already_denied', status: 'denied', deny_reason: 'not during the freeze' },
  ])
  expect(leavesOf(world, trace)[1]?.body).toMatchObject({
    event_type: 'approval_denied',
    decision: 'denied',
    operator: 'operator',
    operator_authn_method: 'operator_dpop',
    reason: 'not during the freeze',
  })
  expect(sent()).toBe(before)
})

test('without a reason the published one stands', async () => {
  const { id } = await hold()
  expect((await denyCall(world, id)).json()).toMatchObject({ deny_reason: 'operator_denied' })
})

test('an identical pending call gets the same approval, from another session too', async () => {
  const params = issue()
  const { id } = await hold(params)
  const other = await takeLease(world.client)
  const again = await executeRaw(world.client, other, 'github_create_issue', params)
  expect([again.status, again.json()['approval_id']]).toEqual([202, id])
  expect(leavesOf(world, again.json()['trace_id'])).toMatchObject([
    { type: 'decision', body: { decision: 'pending_approval', approval_id: id, session_seq: 1 } },
  ])
  await denyCall(world, id)
  const after = await executeRaw(world.client, lease, 'github_create_issue', params)
  expect(after.json()['approval_id']).not.toBe(id)
})

test('pending approvals of a principal are capped', async () => {
  const small = await startWorld(
    { tables: '[approvals]\nmax_pending_per_principal = 2' },
    {
      env: { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' },
    },
  )
  try {
    const own = await takeLease(small.client)
    await holdCall(small, own, 'github_create_issue', issue())
    const { id } = await holdCall(small, own, 'github_create_issue', issue())
    const third = await executeRaw(small.client, own, 'github_create_issue', issue())
    expect([third.status, third.headers['retry-after'], third.json()]).toEqual([
      429,
      '30',
      {
        error: 'too_many_pending_approvals',
        message:
          'this principal has 2 calls waiting for approval, as many as it may have: wait for some of them to be decided',
        trace_id: ID,
      },
    ])
    await denyCall(small, id)
    await holdCall(small, own, 'github_create_issue', issue())
  } finally {
    await small.close()
  }
})

test('only the principal that asked may poll, wait or fetch; others get 404 like for no approval', async () => {
  const missing = '019a0000-0000-7000-8000-000000000000'
  for (const what of ['poll', 'wait', 'result']) {
    const answer = await asAgent(world, lease, `/v1/approvals/${missing}/${what}`)
    expect([answer.status, answer.json()]).toEqual([
      404,
      { error: 'approval_not_found', message: 'There is no such approval.', trace_id: ID },
    ])
  }
  const { id } = await hold()
  const bare = await world.client.send({ method: 'GET', path: `/v1/approvals/${id}/poll` })
  expect([bare.status, bare.json()['error']]).toEqual([401, 'missing_auth_header'])
})

test('a stale plan hash is refused, the right one approves', async () => {
  const { id } = await hold()
  const stale = await approveCall(world, id, { body: { plan_hash: 'ab'.repeat(32) } })
  expect([stale.status, stale.json()]).toEqual([
    409,
    {
      error: 'plan_hash_mismatch',
      message: 'The plan is not the one that was shown: look at it again, then decide.',
      trace_id: ID,
    },
  ])
  const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
  const { plan_hash } = detail.json()
  expect((await approveCall(world, id, { body: { plan_hash } })).status).toBe(200)
})

test.each([
  ['[]', 422, 'invalid_request', 'the body must be a JSON object'],
  ['{"plan_hash":"xyz"}', 422, 'invalid_request', 'plan_hash must be 64 hex digits'],
  ['{"sure":true}', 422, 'invalid_request', "unknown member 'sure': plan_hash, learn, attestation"],
  [
    '{"learn":{"forever":true}}',
    422,
    'invalid_request',
    "unknown member 'forever': domain, path, everybody",
  ],
  ['{', 400, 'invalid_json', expect.any(String)],
])(
  'an approval with the body %s is refused, and nothing is decided',
  async (body, status, error, message) => {
    const { id } = await hold()
    const answer = await approveCall(world, id, { body })
    expect([answer.status, answer.json()]).toMatchObject([status, { error, message }])
    expect((await asAgent(world, lease, `/v1/approvals/${id}/poll`)).json()['status']).toBe(
      'pending',
    )
  },
)

test('a body that does not say that it is JSON is that of a published client: the plan is approved', async () => {
  const { id } = await hold()
  const answer = await approveCall(world, id, {
    body: 'yes',
    headers: { 'content-type': 'text/plain' },
  })
  expect(answer.status).toBe(200)
})

test('every failure of an operator names its cause when he decides', async () => {
  const { id } = await hold()
  const path = `/v1/approvals/${id}/approve`
  const { project } = world.gate
  const send = (headers: Record<string, string>): ReturnType<World['admin']['send']> =>
    world.admin.send({ method: 'POST', path, headers })
  const good = operatorHeaders(project, 'POST', path)
  const { dpop: _dpop, ...proofless } = good
  const stranger = await import('@latchgate/protocol/node').then(({ DPoPKeyPair }) =>
    DPoPKeyPair.generate(),
  )
  for (const [headers, error] of [
    [{}, 'missing_auth_header'],
    [{ ...good, authorization: 'Bearer x' }, 'invalid_auth_scheme'],
    [proofless, 'missing_dpop_header'],
    [{ ...good, authorization: 'DPoP wrong' }, 'invalid_operator_token'],
    [operatorHeaders(project, 'GET', path), 'invalid_dpop'],
    [operatorHeaders(project, 'POST', path, stranger), 'key_binding_failed'],
  ] as const) {
    const answer = await send(headers)
    expect([answer.status, answer.json()['error']]).toEqual([401, error])
  }
  expect((await send(good)).status).toBe(200)
  const replayed = await send(good)
  expect([replayed.status, replayed.json()['error']]).toEqual([401, 'replay_detected'])
})

function attest(
  approvalId: string,
  planHash: string,
  change: Partial<AttestationClaims> = {},
): string {
  return signAttestation(
    {
      aud: 'latchgate-test',
      approval_id: approvalId,
      plan_hash: planHash,
      decision: 'approve',
      reason: null,
      learn: null,
      iat: Math.floor(Date.now() / 1000),
      jti: `${approvalId}:1`,
      ...change,
    },
    world.gate.project.operator.key,
  )
}

test('an attestation for another log, approval, plan or decision is refused; the right one is in the receipt', async () => {
  const { id, answer } = await hold()
  const planHash = String(leavesOf(world, answer.json()['trace_id'])[0]?.body['plan_hash'])
  for (const [change, message] of [
    [
      { aud: 'other' },
      "The attestation is refused: it is for the log 'other', this is 'latchgate-test'.",
    ],
    [{ approval_id: 'x' }, "The attestation is refused: it is for the approval 'x'."],
    [
      { plan_hash: '00' },
      'The attestation is refused: it is for another plan: look at the call again.',
    ],
    [{ decision: 'deny' }, "The attestation is refused: it says 'deny'."],
    [
      { learn: { domain: 'api.github.com' } },
      'The attestation is refused: its reason and learn are not those of the request.',
    ],
  ] as const) {
    const attestation = attest(id, planHash, change)
    const refused = await approveCall(world, id, { body: { attestation } })
    expect([refused.status, refused.json()]).toEqual([
      409,
      { error: 'attestation_mismatch', message, trace_id: ID },
    ])
  }
  const garbage = await approveCall(world, id, { body: { attestation: 'a.b.c' } })
  expect([garbage.status, garbage.json()['error']]).toEqual([400, 'attestation_invalid'])
  const attestation = attest(id, planHash)
  const good = await approveCall(world, id, { body: { attestation, plan_hash: planHash } })
  expect(good.status).toBe(200)
  expect(receiptOf(world, answer)?.['approval']).toMatchObject({
    decisions: [{ operator: 'operator', decision: 'granted', attestation }],
  })
})

test('the result of a call that its upstream refused is that call, not an error of the approval', async () => {
  const { id } = await hold({ owner: 'acme', repo: 'broken', title: 'x' })
  const answer = await approveCall(world, id)
  expect([answer.status, answer.json()]).toMatchObject([
    200,
    {
      output: { ok: false, error: { code: 'upstream_status', status: 500 } },
      verification: { is_fully_successful: false },
    },
  ])
  expect((await asAgent(world, lease, `/v1/approvals/${id}/result`)).json()).toMatchObject({
    output: { ok: false },
  })
})

test('the list is newest first, filtered, limited; unknown parameters are ignored', async () => {
  const first = await hold()
  const second = await hold()
  const own = await asAgent(world, lease, '/v1/approvals?limit=2&agent_id=x&session_id=y')
  expect(own.json()).toEqual({
    count: 2,
    approvals: [second, first].map(({ id, answer }) => ({
      approval_id: id,
      status: 'pending',
      action_id: 'github_create_issue',
      action_version: '2.0.0',
      principal: 'agent-test',
      session_id: lease.sessionId,
      risk_level: 'high',
      request_hash: answer.json()['request_hash'],
      created_at: TIME,
      expires_at: TIME,
      trace_id: answer.json()['trace_id'],
      plan_hash: HASH,
      reasons: [{ code: 'risk', detail: "the action's risk level is high" }],
      approvals: 0,
      required: 1,
      target: 'POST https://api.github.com/repos/acme/rocket/issues',
    })),
  })
  const pending = await asOperator(world, 'GET', '/v1/approvals?status=pending&limit=1')
  expect(pending.json()).toMatchObject({ count: 1, approvals: [{ approval_id: second.id }] })
  await denyCall(world, second.id)
  const denied = await asOperator(world, 'GET', '/v1/approvals?status=denied&limit=1')
  expect(denied.json()).toMatchObject({ approvals: [{ approval_id: second.id, status: 'denied' }] })
  for (const query of ['status=none', 'limit=x', 'limit=-1', 'limit=1&limit=2']) {
    const answer = await asOperator(world, 'GET', `/v1/approvals?${query}`)
    expect([query, answer.status, answer.json()['error']]).toEqual([query, 400, 'bad_request'])
  }
})

test('an id that names no approval is 404 for operators too', async () => {
  for (const [method, suffix] of [
    ['GET', ''],
    ['POST', '/approve'],
    ['POST', '/deny'],
  ] as const) {
    const answer = await asOperator(world, method, `/v1/approvals/nope${suffix}`)
    expect([answer.status, answer.json()]).toEqual([
      404,
      { error: 'approval_not_found', message: 'There is no such approval.', trace_id: ID },
    ])
  }
})
