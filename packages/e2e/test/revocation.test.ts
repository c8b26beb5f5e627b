import type { GateOptions } from '@latchgate/gate'
import { afterEach, expect, test } from 'vitest'
import {
  assertSound,
  issue,
  recordsOf,
  startApprovalWorld,
  until,
} from '../src/harness/approval-world.js'
import { approveCall, asAgent, asOperator, denyCall, holdCall } from '../src/harness/approvals.js'
import { payloadOf } from '../src/harness/compact-jws.js'
import { leavesOf } from '../src/harness/evidence.js'
import { startTestGate } from '../src/harness/gate.js'
import { takeLedgerAway } from '../src/harness/ledger-lock.js'
import { operatorHeaders } from '../src/harness/operator.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type RawAnswer,
  RawClient,
  takeLease,
} from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const ID = expect.any(String)
const REVOKED = { error: 'lease_revoked', message: 'The lease has been revoked.', trace_id: ID }
const FETCH = { url: 'https://api.github.com/' }

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) {
    assertSound(world)
    await world.close()
  }
})

async function begin(
  settings: Parameters<typeof startApprovalWorld>[0] = {},
  options: Parameters<typeof startApprovalWorld>[1] = {},
): Promise<World> {
  const world = await startApprovalWorld(settings, options)
  open.push(world)
  return world
}

const revoke = (world: World, body: unknown): Promise<RawAnswer> =>
  asOperator(world, 'POST', '/v1/admin/revoke', { body })

async function epochOf(world: World): Promise<unknown> {
  const answer = await asOperator(world, 'GET', '/v1/admin/epoch')
  expect(answer.status).toBe(200)
  return answer.json()
}

function renew(world: World, lease: HeldLease): Promise<RawAnswer> {
  return world.client.send({
    method: 'POST',
    path: '/v1/leases',
    headers: {
      ...credentials(lease, 'POST', '/v1/leases'),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: lease.key.publicJwk }),
  })
}

test.each([
  ['lease', 'lease_jti', 'lease_revoked'],
  ['session', 'session_id', 'session_revoked'],
  ['principal', 'principal', 'principal_revoked'],
  ['all', 'all', 'admin_revoke_all'],
] as const)(
  'revoking by %s ends the lease everywhere, its held call, and nothing issued afterwards',
  async (kind, member, event) => {
    const world = await begin()
    const lease = await takeLease(world.client)
    const executed = await executeRaw(world.client, lease, 'http_fetch', FETCH)
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    const { sub, jti } = payloadOf(lease.jwt)
    const value = { lease: jti, session: lease.sessionId, principal: sub, all: null }[kind]
    expect(await epochOf(world)).toEqual({ current_epoch: 0 })
    const named = { [member]: kind === 'all' ? true : value, reason: 'the laptop was stolen' }
    const answer = await revoke(world, named)
    expect([answer.status, answer.json()]).toEqual([
      200,
      { revoked: { kind, value }, previous_epoch: 0, current_epoch: 1, approvals_revoked: 1 },
    ])
    expect(await epochOf(world)).toEqual({ current_epoch: 1 })

    const receipt = `/v1/receipts/${String(executed.json()['receipt_id'])}`
    const before = world.upstream.requestsStarted
    for (const refused of [
      await executeRaw(world.client, lease, 'http_fetch', FETCH),
      await renew(world, lease),
      await asAgent(world, lease, `/v1/approvals/${id}/poll`),
      await asAgent(world, lease, `/v1/approvals/${id}/result`),
      await asAgent(world, lease, `/v1/approvals/${id}/wait`),
      await asAgent(world, lease, '/v1/approvals'),
      await asAgent(world, lease, receipt),
    ]) {
      expect([refused.status, refused.json()]).toEqual([401, REVOKED])
    }
    expect(world.upstream.requestsStarted).toBe(before)

    for (const decide of [approveCall, denyCall]) {
      const late = await decide(world, id)
      expect([late.status, late.json()]).toEqual([
        409,
        { error: 'approval_revoked', message: 'The approval was revoked.', trace_id: ID },
      ])
    }
    const next = await takeLease(world.client)
    expect((await executeRaw(world.client, next, 'http_fetch', FETCH)).status).toBe(200)
    const poll = await asAgent(world, next, `/v1/approvals/${id}/poll`)
    expect(poll.json()).toMatchObject({
      status: 'denied',
      reason: 'revoked by an operator: the laptop was stolen',
    })
    const result = await asAgent(world, next, `/v1/approvals/${id}/result`)
    expect([result.status, result.json()]).toEqual([
      409,
      {
        error: 'approval_revoked',
        message: 'The call was revoked by an operator: the laptop was stolen.',
        deny_reason: 'revoked by an operator: the laptop was stolen',
        action_id: 'github_create_issue',
        trace_id: ID,
      },
    ])
    const record = world.gate.services.ledger
    const leaf = await record.approval(id)
    expect(leaf?.end).toMatchObject({
      type: 'revocation',
      body: {
        event_type: event,
        operator: 'operator',
        reason: 'the laptop was stolen',
        text: `${kind === 'all' ? '' : `${kind}=${String(value)} `}epoch 0 => 1`,
        detail: { kind, value, reason: 'the laptop was stolen' },
      },
    })
    expect(recordsOf(world.gate.project.ledger, id)).toEqual(['hold pending_approval'])
  },
)

test('a revoked lease leaves the renewed one and other sessions alone', async () => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const other = await takeLease(world.client)
  const renewed = await renew(world, lease)
  expect(renewed.status).toBe(200)
  const { id } = await holdCall(world, other, 'github_create_issue', issue())
  const answer = await revoke(world, { lease_jti: payloadOf(lease.jwt)['jti'] })
  expect(answer.json()).toMatchObject({ approvals_revoked: 0 })
  const next = { ...lease, jwt: String(renewed.json()['lease_jwt']) }
  expect((await executeRaw(world.client, lease, 'http_fetch', FETCH)).status).toBe(401)
  expect((await executeRaw(world.client, next, 'http_fetch', FETCH)).status).toBe(200)
  expect((await executeRaw(world.client, other, 'http_fetch', FETCH)).status).toBe(200)
  expect((await approveCall(world, id)).status).toBe(200)
})

test.each([
  ['[]', '', 'the body must be a JSON object'],
  ['"all"', '', 'the body must be a JSON object'],
  ['{}', '', 'name exactly one of lease_jti, session_id, principal, all'],
  ['{"all":true,"principal":"x"}', '', 'name exactly one of lease_jti, session_id, principal, all'],
  [
    '{"lease_jti":"a","session_id":"b"}',
    '',
    'name exactly one of lease_jti, session_id, principal, all',
  ],
  ['{"all":false}', '/all', 'all is true or left out'],
  ['{"all":"true"}', '/all', 'all is true or left out'],
  ['{"principal":""}', '/principal', 'principal must be a string of 1 to 256 characters'],
  ['{"principal":["a"]}', '/principal', 'principal must be a string of 1 to 256 characters'],
  ['{"principal":null}', '/principal', 'principal must be a string of 1 to 256 characters'],
  [
    `{"session_id":"${'x'.repeat(257)}"}`,
    '/session_id',
    'session_id must be a string of 1 to 256 characters',
  ],
  [
    '{"everybody":true}',
    '/everybody',
    "unknown member 'everybody': lease_jti, session_id, principal, all, reason",
  ],
  [
    '{"__proto__":"x"}',
    '/__proto__',
    "unknown member '__proto__': lease_jti, session_id, principal, all, reason",
  ],
  ['{"all":true,"reason":7}', '/reason', 'reason must be a string of at most 500 bytes'],
  [
    `{"all":true,"reason":"${'é'.repeat(251)}"}`,
    '/reason',
    'reason must be a string of at most 500 bytes',
  ],
])('a revocation with the body %s is refused, and revokes nothing', async (body, path, message) => {
  const world = await begin()
  const answer = await revoke(world, body)
  expect([answer.status, answer.json()]).toEqual([
    422,
    { error: 'invalid_request', path, message, trace_id: ID },
  ])
  expect(await epochOf(world)).toEqual({ current_epoch: 0 })
})

test('a revocation that is not JSON, or does not say so, is refused', async () => {
  const world = await begin()
  const broken = await revoke(world, '{"all":')
  expect([broken.status, broken.json()['error']]).toEqual([400, 'invalid_json'])
  const plain = await asOperator(world, 'POST', '/v1/admin/revoke', {
    body: '{"all":true}',
    headers: { 'content-type': 'text/plain' },
  })
  expect([plain.status, plain.json()['error']]).toEqual([415, 'unsupported_media_type'])
  expect(await epochOf(world)).toEqual({ current_epoch: 0 })
})

test('revoke-all of published operators ends every lease of every session', async () => {
  const world = await begin()
  const leases = [await takeLease(world.client), await takeLease(world.client)]
  for (const [previous, current] of [
    [0, 1],
    [1, 2],
  ]) {
    const answer = await asOperator(world, 'POST', '/v1/admin/revoke-all')
    expect([answer.status, answer.json()]).toEqual([
      200,
      { previous_epoch: previous, current_epoch: current },
    ])
  }
  for (const lease of leases) {
    const refused = await executeRaw(world.client, lease, 'http_fetch', FETCH)
    expect([refused.status, refused.json()]).toEqual([401, REVOKED])
  }
  const next = await takeLease(world.client)
  expect((await executeRaw(world.client, next, 'http_fetch', FETCH)).status).toBe(200)
})

test('after revoke-all nothing that waits or is held begins, what runs ends with its receipt, and so after a restart', async () => {
  const world = await begin({ tables: '[limits]\nmax_in_flight = 1\nqueue_ms = 60000' })
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  world.upstream.on('GET', '/wait', async () => {
    await released
    return { body: 'done' }
  })
  const lease = await takeLease(world.client)
  const slow = { url: 'https://api.github.com/wait' }
  const first = await holdCall(world, lease, 'github_create_issue', issue())
  const second = await holdCall(world, lease, 'github_create_issue', issue())
  const running = executeRaw(world.client, lease, 'http_fetch', slow)
  await until(() => world.upstream.requestsStarted === 1)
  const queued = executeRaw(world.client, lease, 'http_fetch', FETCH)
  const approving = approveCall(world, first.id)
  await until(() => world.gate.services.slots.queued === 2)
  const answer = await revoke(world, { all: true })
  expect(answer.json()).toMatchObject({ approvals_revoked: 2 })
  release()
  const ended = await running
  expect([ended.status, ended.json()['decision']]).toEqual([200, 'executed'])
  const refused = await queued
  expect([refused.status, refused.json()]).toEqual([401, REVOKED])
  expect(leavesOf(world, refused.json()['trace_id'])).toMatchObject([
    { type: 'decision', body: { decision: 'deny', code: 'lease_revoked' } },
  ])
  const revoked = await approving
  expect([revoked.status, revoked.json()['error']]).toEqual([409, 'approval_revoked'])
  expect(world.upstream.requestsStarted).toBe(1)

  const { project } = world.gate
  const receiptId = String(ended.json()['receipt_id'])
  await world.gate.close()
  const gate = await startTestGate(project)
  const client = new RawClient({ socket: project.socket })
  const admin = new RawClient({ socket: project.adminSocket })
  const again: World = { ...world, gate, client, admin }
  try {
    const late = await executeRaw(client, lease, 'http_fetch', FETCH)
    expect([late.status, late.json()]).toEqual([401, REVOKED])
    for (const { id } of [first, second]) {
      expect((await approveCall(again, id)).json()['error']).toBe('approval_revoked')
    }
    expect(world.upstream.requestsStarted).toBe(1)
    const next = await takeLease(client)
    const receipt = await asAgent(again, next, `/v1/receipts/${receiptId}`)
    expect([receipt.status, receipt.json()['signature_status']]).toEqual([200, 'valid'])
    expect((await executeRaw(client, next, 'http_fetch', FETCH)).status).toBe(200)
    expect(await epochOf(again)).toEqual({ current_epoch: 1 })
  } finally {
    await client.close()
    await admin.close()
    await gate.close()
  }
})

/** A replay memory that can be taken away, and remembers nothing: what is refused is the ledger's doing. */
class LostState implements NonNullable<GateOptions['state']> {
  away = false

  async rememberProof(): Promise<'fresh'> {
    return this.#ask('fresh')
  }

  async take(): Promise<boolean> {
    return this.#ask(true)
  }

  async giveBack(): Promise<void> {
    this.#ask(undefined)
  }

  async healthy(): Promise<boolean> {
    return this.#ask(true)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #ask<T>(answer: T): T {
    if (this.away) throw new Error('connect ECONNREFUSED 127.0.0.1:6379')
    return answer
  }
}

const AWAY = {
  error: 'replay_cache_unavailable',
  message: 'The memory of used proofs is unavailable, so no proof can be accepted.',
  trace_id: ID,
}

test('while the replay memory is away nothing begins, and operators can still stop everything', async () => {
  const state = new LostState()
  const world = await begin({}, { state })
  const lease = await takeLease(world.client)
  const denied = await holdCall(world, lease, 'github_create_issue', issue())
  const held = await holdCall(world, lease, 'github_create_issue', issue())
  state.away = true
  for (const refused of [
    await executeRaw(world.client, lease, 'http_fetch', FETCH),
    await renew(world, lease),
    await asAgent(world, lease, `/v1/approvals/${held.id}/poll`),
    await approveCall(world, held.id),
    await asOperator(world, 'GET', '/v1/admin/epoch'),
  ]) {
    expect([refused.status, refused.json()]).toEqual([503, AWAY])
  }
  const ready = await world.client.send({ method: 'GET', path: '/readyz' })
  expect([ready.status, ready.json()]).toMatchObject([503, { status: 'not_ready', redis: false }])
  expect(world.upstream.requestsStarted).toBe(0)

  const deny = await denyCall(world, denied.id)
  expect([deny.status, deny.json()['decision']]).toEqual([200, 'deny'])
  const one = await revoke(world, { session_id: 'another' })
  expect([one.status, one.json()]).toMatchObject([200, { current_epoch: 1, approvals_revoked: 0 }])
  const all = await asOperator(world, 'POST', '/v1/admin/revoke-all')
  expect([all.status, all.json()]).toEqual([200, { previous_epoch: 1, current_epoch: 2 }])
  const drained = await asOperator(world, 'POST', '/v1/admin/drain')
  expect([drained.status, drained.json()]).toEqual([
    200,
    { draining: true, already_draining: false, in_flight_executions: 0 },
  ])
  const resumed = await asOperator(world, 'DELETE', '/v1/admin/drain')
  expect([resumed.status, resumed.json()]).toEqual([
    200,
    { draining: false, already_draining: true, in_flight_executions: 0 },
  ])
  state.away = false
  expect((await executeRaw(world.client, lease, 'http_fetch', FETCH)).json()).toEqual(REVOKED)
  expect((await approveCall(world, held.id)).json()['error']).toBe('approval_revoked')
})

test('a revocation that could not be recorded holds all the same, and an approval says so', async () => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  const giveBack = takeLedgerAway(world.gate)
  const unrecorded = await revoke(world, { session_id: lease.sessionId })
  expect([unrecorded.status, unrecorded.json()['error']]).toEqual([503, 'store_unavailable'])
  giveBack()
  const ready = (): Promise<RawAnswer> => world.client.send({ method: 'GET', path: '/readyz' })
  while ((await ready()).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20))
  expect((await executeRaw(world.client, lease, 'http_fetch', FETCH)).json()).toEqual(REVOKED)
  const next = await takeLease(world.client)
  expect((await executeRaw(world.client, next, 'http_fetch', FETCH)).status).toBe(200)
  // Not 401: it is not the operator's credentials that are bad.
  const refused = await approveCall(world, id)
  expect([refused.status, refused.json()]).toEqual([
    409,
    {
      error: 'approval_revoked',
      message: 'The lease that the call was made with has been revoked.',
      trace_id: ID,
    },
  ])
  expect(recordsOf(world.gate.project.ledger, id)).toEqual([
    'hold pending_approval',
    'approval failed',
  ])
  expect(world.upstream.requestsStarted).toBe(1)
  expect(await epochOf(world)).toEqual({ current_epoch: 0 })
  const again = await revoke(world, { session_id: lease.sessionId })
  expect([again.status, again.json()]).toMatchObject([200, { previous_epoch: 0, current_epoch: 2 }])
})

test('an act whose proof was used before is refused by the ledger, and has no effect', async () => {
  const world = await begin({}, { state: new LostState() })
  const { project } = world.gate
  const send = (
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<RawAnswer> =>
    world.admin.send({
      method,
      path,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    })
  const refusal = [
    401,
    {
      error: 'replay_detected',
      message: 'This proof has been used; sign one for every request.',
      trace_id: ID,
    },
  ]
  const proofs = {
    revoke: operatorHeaders(project, 'POST', '/v1/admin/revoke'),
    all: operatorHeaders(project, 'POST', '/v1/admin/revoke-all'),
    drain: operatorHeaders(project, 'POST', '/v1/admin/drain'),
  }
  expect((await send('POST', '/v1/admin/revoke', proofs.revoke, '{"all":true}')).status).toBe(200)
  expect((await send('POST', '/v1/admin/revoke-all', proofs.all)).status).toBe(200)
  expect((await send('POST', '/v1/admin/drain', proofs.drain)).status).toBe(200)
  expect((await asOperator(world, 'DELETE', '/v1/admin/drain')).status).toBe(200)
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  for (const replayed of [
    await send('POST', '/v1/admin/revoke', proofs.revoke, '{"all":true}'),
    await send('POST', '/v1/admin/revoke', proofs.revoke, '{"principal":"agent-test"}'),
    await send('POST', '/v1/admin/revoke-all', proofs.all),
    await send('POST', '/v1/admin/drain', proofs.drain),
  ]) {
    expect([replayed.status, replayed.json()]).toEqual(refusal)
  }
  expect((await executeRaw(world.client, lease, 'http_fetch', FETCH)).status).toBe(200)
  const deny = operatorHeaders(project, 'POST', `/v1/approvals/${id}/deny`)
  const other = await holdCall(world, lease, 'github_create_issue', issue())
  expect((await send('POST', `/v1/approvals/${id}/deny`, deny)).status).toBe(200)
  // Its proof names the approval: it is of no use for another one.
  const elsewhere = await send('POST', `/v1/approvals/${other.id}/deny`, deny)
  expect([elsewhere.status, elsewhere.json()['error']]).toEqual([401, 'invalid_dpop'])
  expect((await approveCall(world, other.id)).status).toBe(200)
})

test('a drain can be taken back, and says whether there was one', async () => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const path = '/v1/admin/drain'
  const idle = await asOperator(world, 'DELETE', path)
  expect([idle.status, idle.json()]).toEqual([
    200,
    { draining: false, already_draining: false, in_flight_executions: 0 },
  ])
  for (const already of [false, true]) {
    const drained = await asOperator(world, 'POST', path)
    expect(drained.json()).toEqual({
      draining: true,
      already_draining: already,
      in_flight_executions: 0,
    })
  }
  expect((await executeRaw(world.client, lease, 'http_fetch', FETCH)).json()['error']).toBe(
    'draining',
  )
  const resumed = await asOperator(world, 'DELETE', path)
  expect(resumed.json()).toEqual({
    draining: false,
    already_draining: true,
    in_flight_executions: 0,
  })
  expect((await executeRaw(world.client, lease, 'http_fetch', FETCH)).status).toBe(200)
})
