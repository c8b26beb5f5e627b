import { EmbeddedJWK, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import {
  computeAth,
  DPoPKeyPair,
  LatchGateAuthError,
  LatchGateBudgetExhausted,
  LatchGateError,
  LatchGateLeaseExpired,
  LatchGateNotConnected,
} from '../src/index.js'
import {
  type DoubleAnswer,
  error,
  executed,
  type GateDouble,
  type SeenRequest,
} from './gate-double.js'
import { client, gateOnTcp } from './setup.js'

const EXECUTE = '/v1/actions/http_fetch/execute'

function leaseBodies(gate: GateDouble): readonly Record<string, unknown>[] {
  return gate.requests('/v1/leases').map((request) => JSON.parse(request.text))
}

function xOf(body: Record<string, unknown> | undefined): unknown {
  return (body?.['dpop_jwk'] as { x: string } | undefined)?.x
}

async function readyGate(): Promise<GateDouble> {
  const gate = await gateOnTcp()
  gate.onExecute(executed())
  gate.onGet('/v1/actions/http_fetch', { status: 200, json: { egress: 'none' } })
  return gate
}

test('with an agent id the first call connects, later ones do not', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  expect([agent.sessionId, agent.leaseJti]).toEqual([null, null])
  await agent.execute('http_fetch')
  await agent.getActionEgress('http_fetch')
  expect(gate.requests('/v1/leases')).toHaveLength(1)
  expect(agent.sessionId).toMatch(/^[0-9a-f-]{36}$/)
  expect(agent.leaseJti).toMatch(/^[0-9a-f-]{36}$/)
})

test('without lease and agent id each of the four calls says to connect', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url })
  const calls = [
    agent.execute('x'),
    agent.getReceipt('x'),
    agent.getApprovalStatus('x'),
    agent.getActionEgress('x'),
  ]
  for (const call of calls) await expect(call).rejects.toThrow(LatchGateNotConnected)
  expect(gate.seen).toHaveLength(0)
})

test('connect() asks for tools:call and no budget unless told otherwise', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url })
  await agent.connect()
  await agent.connect({ scopes: ['tools:call', 'db:read'], maxCalls: 5 })
  await agent.connect({ maxCostUsdCents: 20 })
  await agent.connect({ maxCalls: 0, maxCostUsdCents: 20 })
  const asked = leaseBodies(gate).map(({ scopes, budgets }) => ({ scopes, budgets }))
  expect(asked).toEqual([
    { scopes: ['tools:call'] },
    { scopes: ['tools:call', 'db:read'], budgets: { max_calls: 5 } },
    { scopes: ['tools:call'], budgets: { max_cost_usd_cents: 20 } },
    { scopes: ['tools:call'], budgets: { max_calls: 0, max_cost_usd_cents: 20 } },
  ])
})

test('each connect() has a new key and a new session', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url })
  await agent.connect()
  const first = agent.sessionId
  await agent.connect()
  expect(agent.sessionId).not.toBe(first)
  const [one, two] = leaseBodies(gate)
  expect(xOf(one)).not.toBe(xOf(two))
  expect(gate.requests('/v1/leases').map((request) => request.headers.authorization)).toEqual([
    undefined,
    undefined,
  ])
})

test('a registered key is used for every session and proves itself when it asks for one', async () => {
  const gate = await readyGate()
  const key = await DPoPKeyPair.generate()
  const agent = client({ baseUrl: gate.url, agentId: 'a', key })
  await agent.connect()
  await agent.connect()
  expect(leaseBodies(gate).map(xOf)).toEqual([key.publicJwk.x, key.publicJwk.x])
  const [request] = gate.requests('/v1/leases')
  expect(request?.headers.authorization).toBe(undefined)
  const proof = await jwtVerify(String(request?.headers['dpop']), EmbeddedJWK, { typ: 'dpop+jwt' })
  expect(proof.payload).toMatchObject({ htm: 'POST', htu: `${gate.url}/v1/leases` })
  expect(proof.payload).not.toHaveProperty('ath')
})

test('another implementation accepts the proofs, each with its own jti', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  await agent.execute('http_fetch')
  const jtis = new Set<unknown>()
  for (const request of gate.requests(EXECUTE)) {
    const proof = String(request.headers['dpop'])
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      algorithms: ['ES256'],
    })
    expect(protectedHeader.typ).toBe('dpop+jwt')
    const token = String(request.headers.authorization).slice('DPoP '.length)
    expect(payload).toMatchObject({
      htm: 'POST',
      htu: gate.url + EXECUTE,
      ath: computeAth(token),
      iat: expect.any(Number),
    })
    jtis.add(payload.jti)
  }
  expect(jtis.size).toBe(2)
})

test('calls that start together share one connect', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await Promise.all(Array.from({ length: 8 }, () => agent.execute('http_fetch')))
  expect(gate.requests('/v1/leases')).toHaveLength(1)
  expect(gate.requests(EXECUTE)).toHaveLength(8)
})

test('a failed connect fails those who shared it; the next call tries again', async () => {
  const gate = await readyGate()
  gate.leaseHandler = () => error(503, 'draining')
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const both = await Promise.allSettled([agent.execute('http_fetch'), agent.execute('http_fetch')])
  expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected'])
  expect(gate.requests('/v1/leases')).toHaveLength(1)
  gate.leaseHandler = null
  await agent.execute('http_fetch')
  expect(gate.requests('/v1/leases')).toHaveLength(2)
})

test('a connect() that fails leaves the session that was there', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url })
  await agent.connect({ maxCalls: 3 })
  const before = agent.sessionId
  gate.leaseHandler = () => error(403, 'scope_not_permitted')
  await expect(agent.connect({ scopes: ['db:admin'] })).rejects.toThrow('scope_not_permitted')
  gate.leaseHandler = null
  await agent.execute('http_fetch')
  expect(agent.sessionId).toBe(before)
})

test('an explicit connect() waits for one under way and is the one that counts', async () => {
  const gate = await readyGate()
  gate.leaseDelaysMs.push(150)
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const lazy = agent.execute('http_fetch')
  const wished = agent.connect({ scopes: ['tools:call', 'db:read'] })
  await Promise.all([lazy, wished])
  await agent.execute('http_fetch')
  expect(leaseBodies(gate).map((body) => body['scopes'])).toEqual([
    ['tools:call'],
    ['tools:call', 'db:read'],
  ])
  const sessions = gate.requests(EXECUTE).map((request) => request.sessionId)
  expect(sessions[1]).toBe(agent.sessionId)
  expect(sessions[1]).not.toBe(sessions[0])
})

test.each([
  [300, 238_000, 1],
  [300, 241_000, 2],
  [60, 29_000, 1],
  [60, 31_000, 2],
])('of a lease of %i s, after %i ms: %i requests for leases', async (ttl, elapsedMs, expected) => {
  const gate = await readyGate()
  gate.ttlSeconds = ttl
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  const realNow = Date.now
  Date.now = () => realNow() + elapsedMs
  try {
    await agent.getActionEgress('http_fetch')
  } finally {
    Date.now = realNow
  }
  expect(gate.requests('/v1/leases')).toHaveLength(expected)
})

function expiring(seconds: number): (request: SeenRequest) => DoubleAnswer {
  return () => ({
    status: 200,
    json: {
      lease_jwt: 'opaque',
      expires_at: new Date(Date.now() + seconds * 1000).toISOString(),
    },
  })
}

test('a lease answer without session and jti is enough', async () => {
  const gate = await readyGate()
  gate.leaseHandler = expiring(300)
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.connect()
  expect([agent.sessionId, agent.leaseJti]).toEqual([null, null])
})

test('renewal sends the old lease with a proof by its key, and keeps session, scopes and key', async () => {
  const gate = await readyGate()
  gate.ttlSeconds = 2
  const agent = client({ baseUrl: gate.url })
  await agent.connect({ scopes: ['tools:call', 'db:read'], maxCalls: 9 })
  const [sessionId, jti] = [agent.sessionId, agent.leaseJti]
  await new Promise((resolve) => setTimeout(resolve, 1600))
  await agent.execute('http_fetch')
  const [first, renewal] = gate.requests('/v1/leases')
  expect(renewal?.headers.authorization).toMatch(/^DPoP /)
  expect(renewal?.headers['dpop']).toBeTypeOf('string')
  const [asked, again] = leaseBodies(gate)
  expect(xOf(again)).toBe(xOf(asked))
  expect(again).toMatchObject({ scopes: ['tools:call', 'db:read'], budgets: { max_calls: 9 } })
  expect(agent.sessionId).toBe(sessionId)
  expect(agent.leaseJti).not.toBe(jti)
  expect(first?.headers.authorization).toBe(undefined)
})

test('with a gate of 0.2.0 a renewal still asks for the scopes and what is left of the budget', async () => {
  const gate = await readyGate()
  gate.isReference = true
  gate.ttlSeconds = 2
  const agent = client({ baseUrl: gate.url })
  await agent.connect({ scopes: ['tools:call', 'db:read'], maxCalls: 9 })
  const first = agent.sessionId
  await agent.execute('http_fetch')
  await agent.execute('http_fetch')
  await new Promise((resolve) => setTimeout(resolve, 1600))
  await agent.execute('http_fetch')
  expect(leaseBodies(gate)[1]).toMatchObject({
    scopes: ['tools:call', 'db:read'],
    budgets: { max_calls: 7 },
  })
  expect(agent.sessionId).not.toBe(first)
})

test('a lease that expired unseen is renewed once and the call repeated, in the same session', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  const { sessionId } = agent
  gate.advance(301)
  expect((await agent.execute('http_fetch')).receiptId).toBe('receipt-1')
  expect(agent.sessionId).toBe(sessionId)
  expect(gate.requests('/v1/leases')).toHaveLength(2)
  expect(gate.requests(EXECUTE)).toHaveLength(3)
})

test('a lease too old to renew is replaced by one of a new session', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  const { sessionId } = agent
  gate.advance(300 + 3601)
  await agent.execute('http_fetch')
  expect(agent.sessionId).not.toBe(sessionId)
  const kinds = gate
    .requests('/v1/leases')
    .map((request) => request.headers.authorization !== undefined)
  expect(kinds).toEqual([false, true, false])
})

test('a gate that restarted with another lease key costs one more request, not an error', async () => {
  const gate = await readyGate()
  gate.onGet('/v1/receipts/r1', error(404, 'not_found'))
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  gate.forgetLeases()
  await agent.execute('http_fetch')
  gate.forgetLeases()
  await expect(agent.getReceipt('r1')).rejects.toThrow("receipt 'r1' not found")
  expect(gate.requests('/v1/leases')).toHaveLength(3)
})

test('a fresh lease has the wish of connect(), with the budget that is left', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url })
  await agent.connect({ scopes: ['tools:call', 'db:read'], maxCalls: 3, maxCostUsdCents: 9 })
  await agent.execute('http_fetch')
  gate.onExecute(error(403, 'policy_denied'))
  await expect(agent.execute('http_fetch')).rejects.toThrow('policy_denied')
  gate.onExecute(error(502, 'action_execution_failed', { outcome: 'not_sent' }))
  await expect(agent.execute('http_fetch')).rejects.toThrow('action_execution_failed')
  gate.onExecute(error(502, 'action_execution_failed', { outcome: 'unknown' }))
  await expect(agent.execute('http_fetch')).rejects.toThrow('action_execution_failed')
  gate.onExecute(executed())
  gate.forgetLeases()
  await agent.execute('http_fetch')
  expect(leaseBodies(gate)[1]).toMatchObject({
    scopes: ['tools:call', 'db:read'],
    budgets: { max_calls: 1, max_cost_usd_cents: 9 },
  })
})

test('a used-up budget stays used up when the gate forgets the lease', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url })
  await agent.connect({ maxCalls: 1 })
  await agent.execute('http_fetch')
  gate.forgetLeases()
  gate.onExecute(error(403, 'budget_exhausted'))
  await expect(agent.execute('http_fetch')).rejects.toThrow(LatchGateBudgetExhausted)
  expect(leaseBodies(gate)[1]).toMatchObject({ budgets: { max_calls: 0 } })
})

test('a call is repeated once, not twice', async () => {
  const gate = await readyGate()
  gate.onExecute(error(401, 'lease_expired'))
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const failure = await agent.execute('http_fetch').catch((reason: unknown) => reason)
  expect(failure).toBeInstanceOf(LatchGateLeaseExpired)
  expect(gate.requests(EXECUTE)).toHaveLength(2)
})

test('calls refused together share one fresh lease', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  gate.forgetLeases()
  await Promise.all(Array.from({ length: 6 }, () => agent.execute('http_fetch')))
  expect(gate.requests('/v1/leases')).toHaveLength(2)
})

test('a call refused late uses the lease that another call has fetched', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  let isFirst = true
  gate.onExecute(() => {
    if (!isFirst) return executed()
    isFirst = false
    return { ...error(401, 'invalid_lease'), delayMs: 150 }
  })
  const late = agent.execute('http_fetch')
  await new Promise((resolve) => setTimeout(resolve, 50))
  gate.forgetLeases()
  await agent.execute('http_fetch')
  await late
  expect(gate.requests('/v1/leases')).toHaveLength(2)
})

test.each([
  'invalid_dpop',
  'replay_detected',
  'lease_revoked',
  'missing_auth_header',
  'identity_unauthenticated',
])('401 %s is not repeated: a fresh lease would not mend it, or must not', async (code) => {
  const gate = await readyGate()
  gate.onExecute(error(401, code))
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const failure = await agent.execute('http_fetch').catch((reason: unknown) => reason)
  expect(failure).toBeInstanceOf(LatchGateAuthError)
  expect((failure as LatchGateAuthError).code).toBe(code)
  expect(gate.requests(EXECUTE)).toHaveLength(1)
  expect(gate.requests('/v1/leases')).toHaveLength(1)
})

test('a revoked lease is not answered with a new session when its renewal is refused', async () => {
  const gate = await readyGate()
  gate.ttlSeconds = 1
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  gate.leaseHandler = () => error(401, 'lease_revoked')
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await expect(agent.execute('http_fetch')).rejects.toThrow('authentication failed: lease_revoked')
  expect(gate.requests('/v1/leases')).toHaveLength(2)
})

test.each([500, 502, 503, 429, 409])(
  'an answer %i is never repeated: it may have been executed',
  async (status) => {
    const gate = await readyGate()
    gate.onExecute(error(status, 'some_code'))
    await expect(client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch')).rejects.toThrow(
      LatchGateError,
    )
    expect(gate.requests(EXECUTE)).toHaveLength(1)
  },
)

test('the agent id is a label on every request of the session', async () => {
  const gate = await readyGate()
  await client({ baseUrl: gate.url, agentId: 'agent-7' }).execute('http_fetch')
  expect(gate.seen.map((request) => request.headers['x-latchgate-agent'])).toEqual([
    'agent-7',
    'agent-7',
  ])
  expect(gate.requests('/v1/leases')[0]?.text).not.toContain('agent-7')
})

test('the agent id of connect() takes the place of the one given before', async () => {
  const gate = await readyGate()
  const agent = client({ baseUrl: gate.url, agentId: 'one' })
  await agent.connect({ agentId: 'two' })
  await agent.execute('http_fetch')
  expect(gate.requests(EXECUTE)[0]?.headers['x-latchgate-agent']).toBe('two')
})

test.each(['', 'has space', 'x'.repeat(65), 'ünicode', 'a\nb'])(
  'the agent id %j connects without a label',
  async (agentId) => {
    const gate = await readyGate()
    await client({ baseUrl: gate.url, agentId }).execute('http_fetch')
    expect(gate.seen.map((request) => 'x-latchgate-agent' in request.headers)).toEqual([
      false,
      false,
    ])
  },
)
