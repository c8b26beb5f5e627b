import { openDatabase } from '@latchgate/gate'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { ManualClock } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { decisionOf, leavesOf } from '../src/harness/evidence.js'
import { startTestGate } from '../src/harness/gate.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type ProofChange,
  PUBLIC_BASE,
  RawClient,
  takeLease,
} from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PATH = '/v1/actions/http_fetch/execute'
const PARAMS = { url: 'https://api.github.com/' }

/** The counts of the unauthenticated failures that the gate recorded, summed over its summaries. */
function summaries(ledger: string): Record<string, number> {
  const db = openDatabase(ledger, { readOnly: true })
  try {
    const rows = db.prepare("SELECT bytes FROM leaves WHERE type = 'summary'").all() as {
      bytes: Uint8Array
    }[]
    const sum: Record<string, number> = {}
    for (const { bytes } of rows) {
      const text = Buffer.from(bytes).toString()
      const { body } = JSON.parse(text.slice(text.indexOf('{'))) as {
        body: { unauthenticated: Record<string, number> }
      }
      for (const [code, count] of Object.entries(body.unauthenticated)) {
        sum[code] = (sum[code] ?? 0) + count
      }
    }
    return sum
  } finally {
    db.close()
  }
}

type Forge = (lease: HeldLease, clock: ManualClock) => Promise<ProofChange>

const at = (clock: ManualClock, seconds: number): number => Math.floor(clock.now() / 1000) + seconds

const BAD: readonly (readonly [string, Forge])[] = [
  ['by another key', async () => ({ key: await DPoPKeyPair.generate() })],
  ['for another method', async () => ({ method: 'PUT' })],
  ['for another action', async () => ({ url: `${PUBLIC_BASE}/v1/actions/http_post/execute` })],
  ['for another host', async () => ({ url: `https://evil.example${PATH}` })],
  ['for another lease', async () => ({ token: 'another.lease.token' })],
  ['that is too old', async (_lease, clock) => ({ nowSeconds: at(clock, -62) })],
  ['from the future', async (_lease, clock) => ({ nowSeconds: at(clock, 8) })],
]

async function clockedWorld(): Promise<{ world: World; clock: ManualClock }> {
  const clock = new ManualClock(Date.now())
  const world = await startWorld(
    { tables: '[rate_limits]\nexecute_rps_anonymous = 1000\nexecute_rps_per_session = 1000' },
    { now: clock.now },
  )
  return { world, clock }
}

test.each(['first', 'later'])(
  'bad proofs on the %s request of a session: 401, counted in a signed summary, no record each, nothing sent',
  async (which) => {
    const { world, clock } = await clockedWorld()
    const { ledger } = world.gate.project
    let sent = 0
    const traces: unknown[] = []
    for (const [name, forge] of BAD) {
      const lease = await takeLease(world.client)
      if (which === 'later') {
        const nowSeconds = at(clock, 0)
        const good = await executeRaw(world.client, lease, 'http_fetch', PARAMS, { nowSeconds })
        expect(good.status, good.text).toBe(200)
        sent += 1
      }
      const change = { nowSeconds: at(clock, 0), ...(await forge(lease, clock)) }
      const answer = await executeRaw(world.client, lease, 'http_fetch', PARAMS, change)
      expect(answer.status, name).toBe(401)
      expect(answer.json(), name).toEqual({
        error: 'invalid_dpop',
        deny_reason: expect.any(String),
        message: 'The DPoP proof does not verify.',
        trace_id: expect.any(String),
      })
      traces.push(answer.json()['trace_id'])
    }
    for (const trace of traces) expect(leavesOf(world, trace)).toEqual([])
    expect(world.upstream.requestsStarted).toBe(sent)
    const { remove } = world.gate.project
    world.gate.project.remove = () => undefined
    await world.close()
    expect(summaries(ledger)).toEqual({ invalid_dpop: BAD.length })
    remove()
  },
)

test('a lease is refused from the second after its expiry, for a session that has been used too', async () => {
  const { world, clock } = await clockedWorld()
  onTestFinished(() => world.close())
  const lease = await takeLease(world.client)
  const send = (): ReturnType<typeof executeRaw> =>
    executeRaw(world.client, lease, 'http_fetch', PARAMS, { nowSeconds: at(clock, 0) })
  expect((await send()).status).toBe(200)
  const payload = JSON.parse(Buffer.from(lease.jwt.split('.')[1] ?? '', 'base64url').toString())
  clock.set((payload.exp + 1) * 1000)
  const answer = await send()
  expect([answer.status, answer.json()]).toEqual([
    401,
    {
      error: 'lease_expired',
      message: 'The lease has expired; renew it and repeat the call.',
      trace_id: expect.any(String),
    },
  ])
  expect(world.upstream.requestsStarted).toBe(1)
})

test('a proof that was used before a restart is refused after it, recorded, and its effect not repeated', async () => {
  const world = await startWorld()
  const lease = await takeLease(world.client, { budgets: { max_calls: 5 } })
  const headers = credentials(lease, 'POST', PATH)
  const request = { method: 'POST', path: PATH, headers, body: JSON.stringify(PARAMS) }
  expect((await world.client.send(request)).status).toBe(200)
  const { project } = world.gate
  await world.client.close()
  await world.admin.close()
  await world.gate.close()
  const again = await startTestGate(project)
  const client = new RawClient({ socket: project.socket })
  onTestFinished(async () => {
    await client.close()
    await again.close()
    await world.upstream.close()
    project.remove()
  })
  const answer = await client.send(request)
  expect([answer.status, answer.json()]).toEqual([
    401,
    {
      error: 'replay_detected',
      message: 'This proof has been used; sign one for every request.',
      trace_id: expect.any(String),
    },
  ])
  expect(decisionOf({ gate: again }, answer)).toMatchObject({
    principal: 'agent-test',
    decision: 'deny',
    code: 'replay_detected',
  })
  expect(world.upstream.requests).toHaveLength(1)
  expect(await again.services.ledger.callsRemaining(lease.sessionId)).toBe(4)
})

test('a proof cannot be taken to another session, nor a session to another key', async () => {
  const world = await startWorld()
  onTestFinished(() => world.close())
  const [one, two] = [await takeLease(world.client), await takeLease(world.client)]
  const mixed = await world.client.send({
    method: 'POST',
    path: PATH,
    headers: {
      authorization: `DPoP ${two.jwt}`,
      dpop: credentials(one, 'POST', PATH)['dpop'] ?? '',
    },
    body: JSON.stringify(PARAMS),
  })
  expect([mixed.status, mixed.json()['error']]).toEqual([401, 'invalid_dpop'])
  const stolen = await executeRaw(world.client, { ...one, key: two.key }, 'http_fetch', PARAMS)
  expect([stolen.status, stolen.json()['error']]).toEqual([401, 'invalid_dpop'])
  expect(world.upstream.requestsStarted).toBe(0)
})
