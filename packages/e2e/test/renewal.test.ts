import { DPoPKeyPair } from '@latchgate/protocol/node'
import { createTestCa, ManualClock, startUpstream } from '@latchgate/testkit'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { payloadOf } from '../src/harness/compact-jws.js'
import { createTestProject, startTestGate } from '../src/harness/gate.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type ProofChange,
  PUBLIC_BASE,
  type RawAnswer,
  RawClient,
  takeLease,
} from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PATH = '/v1/leases'
const PARAMS = { url: 'https://api.github.com/zen' }
const TTL = 300
const RATES = '[rate_limits]\nlease_rps = 1000\nexecute_rps_anonymous = 1000'
const TRACE = expect.any(String)

let world: World
let clock: ManualClock
let lease: HeldLease

beforeAll(async () => {
  clock = new ManualClock(Math.ceil(Date.now() / 1000) * 1000)
  world = await startWorld(
    { keys: `lease_ttl_seconds = ${TTL}`, tables: RATES, scopes: ['tools:call', 'audit:read'] },
    { now: clock.now },
  )
})

afterAll(async () => {
  await world.close()
})

beforeEach(async () => {
  lease = await takeLease(world.client, { budgets: { max_calls: 2 } })
})

const seconds = (): number => Math.floor(clock.now() / 1000)

interface RenewalChange extends ProofChange {
  readonly body?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

async function renew(
  held: HeldLease,
  change: RenewalChange = {},
  client: RawClient = world.client,
): Promise<RawAnswer> {
  const proven = credentials(held, 'POST', PATH, { nowSeconds: seconds(), ...change })
  return client.send({
    method: 'POST',
    path: PATH,
    headers: { 'content-type': 'application/json', ...(change.headers ?? proven) },
    body: JSON.stringify({
      scopes: ['tools:call'],
      dpop_jwk: held.key.publicJwk,
      ...change.body,
    }),
  })
}

function renewed(held: HeldLease, answer: RawAnswer): HeldLease {
  expect(answer.status, answer.text).toBe(200)
  return { ...held, jwt: String(answer.json()['lease_jwt']) }
}

const call = (held: HeldLease): Promise<RawAnswer> =>
  executeRaw(world.client, held, 'http_fetch', PARAMS, { nowSeconds: seconds() })

test('a renewal keeps session, key and budget; the lease itself is new', async () => {
  expect((await call(lease)).status).toBe(200)
  const answer = await renew(lease)
  expect(answer.json()).toEqual({
    lease_jwt: expect.any(String),
    session_id: lease.sessionId,
    lease_jti: expect.any(String),
    expires_at: new Date(clock.now() + TTL * 1000).toISOString().replace('.000Z', 'Z'),
  })
  const again = renewed(lease, answer)
  const [before, after] = [payloadOf(lease.jwt), payloadOf(again.jwt)]
  expect(after['jti']).not.toBe(before['jti'])
  for (const claim of ['sub', 'session_id', 'scope', 'budgets', 'cnf']) {
    expect(after[claim]).toEqual(before[claim])
  }
  expect((await call(again)).status).toBe(200)
  const spent = await call(again)
  expect([spent.status, spent.json()['error']]).toEqual([403, 'budget_exhausted'])
  // The former lease spends from the same budget.
  expect((await call(lease)).json()['error']).toBe('budget_exhausted')
})

test('a budget in a renewal is not looked at: nobody gives himself more calls', async () => {
  await call(lease)
  await call(lease)
  const again = renewed(lease, await renew(lease, { body: { budgets: { max_calls: 100 } } }))
  expect((await call(again)).json()['error']).toBe('budget_exhausted')
})

test('a plain new lease is a new session with the budget that it asks for', async () => {
  await call(lease)
  await call(lease)
  const other = await takeLease(world.client, { budgets: { max_calls: 1 } })
  expect(other.sessionId).not.toBe(lease.sessionId)
  expect((await call(other)).status).toBe(200)
  expect((await call(other)).json()['error']).toBe('budget_exhausted')
})

test('a renewal drops scopes that it does not ask for and never adds one', async () => {
  const scopes = ['tools:call', 'audit:read']
  const wide = renewed(lease, await renew(lease, { body: { scopes } }))
  expect(payloadOf(wide.jwt)['scope']).toEqual(['tools:call'])
  const refused = await renew(lease, { body: { scopes: ['audit:read'] } })
  expect([refused.status, refused.json()['error']]).toEqual([403, 'scope_not_permitted'])
})

test('a lease can be renewed until one hour after its end, to the second', async () => {
  clock.advance((TTL + 3600) * 1000)
  const kept = await renew(lease)
  expect(kept.json()['session_id']).toBe(lease.sessionId)
  expect((await call(renewed(lease, kept))).status).toBe(200)
  clock.advance(1000)
  const late = await renew(lease)
  expect([late.status, late.json()]).toEqual([
    401,
    {
      error: 'lease_expired',
      message: 'The lease has expired; renew it and repeat the call.',
      trace_id: TRACE,
    },
  ])
})

test('a chain of renewals outlives the first lease by far, with one budget', async () => {
  await call(lease)
  let held = lease
  for (let hour = 0; hour < 4; hour += 1) {
    clock.advance((TTL + 3000) * 1000)
    held = renewed(held, await renew(held))
  }
  expect((await call(held)).status).toBe(200)
  expect((await call(held)).json()['error']).toBe('budget_exhausted')
})

const REFUSED: readonly (readonly [
  string,
  (held: HeldLease) => Promise<RenewalChange>,
  number,
  string,
  RegExp,
])[] = [
  [
    'without a proof',
    async (held) => ({ headers: { authorization: `DPoP ${held.jwt}` } }),
    401,
    'missing_auth_header',
    /./,
  ],
  [
    'with Bearer',
    async (held) => ({ headers: { authorization: `Bearer ${held.jwt}`, dpop: 'x' } }),
    401,
    'identity_unauthenticated',
    /^the identity token is not accepted: this gate has no \[\[identity\.jwt\]\] issuers$/,
  ],
  [
    'with Basic',
    async (held) => ({ headers: { authorization: `Basic ${held.jwt}`, dpop: 'x' } }),
    401,
    'invalid_lease',
    /^to renew a lease send `Authorization: DPoP <lease>`; for a new one none, or `Bearer <jwt>`$/,
  ],
  [
    'with an empty credential',
    async () => ({ headers: { authorization: 'DPoP ', dpop: 'x' } }),
    401,
    'invalid_lease',
    /./,
  ],
  [
    'with a proof by another key',
    async () => ({ key: await DPoPKeyPair.generate() }),
    401,
    'invalid_dpop',
    /./,
  ],
  [
    'with a proof for a call',
    async () => ({ url: `${PUBLIC_BASE}/v1/actions/http_fetch/execute` }),
    401,
    'invalid_dpop',
    /./,
  ],
  ['with a proof for GET', async () => ({ method: 'GET' }), 401, 'invalid_dpop', /./],
  ['with a proof for another lease', async () => ({ token: 'x.y.z' }), 401, 'invalid_dpop', /./],
  ['with an old proof', async () => ({ nowSeconds: seconds() - 61 }), 401, 'invalid_dpop', /./],
  [
    'that names another key',
    async () => ({ body: { dpop_jwk: (await DPoPKeyPair.generate()).publicJwk } }),
    400,
    'invalid_request',
    /^a renewal must name the key of the lease it renews$/,
  ],
]

test.each(REFUSED)('a renewal %s is refused', async (_name, change, status, code, message) => {
  const answer = await renew(lease, await change(lease))
  expect([answer.status, answer.json()['error']], answer.text).toEqual([status, code])
  expect(answer.json()['message']).toMatch(message)
})

test('the proof of a renewal is good once, and http://localhost is a base of it here', async () => {
  const proven = credentials(lease, 'POST', PATH, {
    nowSeconds: seconds(),
    url: `http://localhost${PATH}`,
  })
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => renew(lease, { headers: proven })),
  )
  expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([
    200, 401, 401, 401, 401,
  ])
  const refused = answers.find((answer) => answer.status === 401)
  expect(refused?.json()['error']).toBe('replay_detected')
})

test('a restart forgets neither leases nor proofs: renewal goes on, replays stay refused', async () => {
  const ca = await createTestCa()
  const upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
  const resolve = { 'api.github.com:443': upstream.address }
  const project = await createTestProject({ caPem: ca.caPem, resolve })
  const first = await startTestGate(project, { now: clock.now })
  const before = new RawClient({ socket: project.socket })
  const held = await takeLease(before, { budgets: { max_calls: 3 } })
  const executePath = '/v1/actions/http_fetch/execute'
  const body = JSON.stringify(PARAMS)
  const executed = credentials(held, 'POST', executePath, { nowSeconds: seconds() })
  const renewal = credentials(held, 'POST', PATH, { nowSeconds: seconds() })
  const execute = (client: RawClient): Promise<RawAnswer> =>
    client.send({ method: 'POST', path: executePath, headers: executed, body })
  expect((await execute(before)).status).toBe(200)
  expect((await renew(held, { headers: renewal }, before)).status).toBe(200)
  await before.close()
  await first.close()

  const second = await startTestGate(project, { now: clock.now })
  const after = new RawClient({ socket: project.socket })
  const replayed = await execute(after)
  expect([replayed.status, replayed.json()['error']]).toEqual([401, 'replay_detected'])
  const again = await renew(held, { headers: renewal }, after)
  expect([again.status, again.json()['error']]).toEqual([401, 'replay_detected'])
  expect(upstream.requests).toHaveLength(1)
  clock.advance((TTL + 1800) * 1000)
  const kept = await renew(held, {}, after)
  expect(kept.json()['session_id']).toBe(held.sessionId)
  expect(await second.services.ledger.callsRemaining(held.sessionId)).toBe(2)
  await after.close()
  await second.close()
  await upstream.close()
  project.remove()
})
