import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { decisionOf, leavesOf } from '../src/harness/evidence.js'
import type { ProjectSettings } from '../src/harness/gate.js'
import { operatorHeaders } from '../src/harness/operator.js'
import { executeRaw, RawClient, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const FAST = [
  '[rate_limits]',
  'execute_rps_per_session = 1000',
  'execute_rps_per_principal = 1000',
  'execute_rps_anonymous = 1000',
  'lease_rps = 1000',
].join('\n')
const PARAMS = { url: 'https://api.github.com/' }

const open: World[] = []
const begin = async (settings: ProjectSettings = { tables: FAST }): Promise<World> => {
  const world = await startWorld(settings)
  open.push(world)
  return world
}

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

test('50 parallel calls on a budget of 10: exactly 10 reach the upstream', async () => {
  const world = await begin()
  const lease = await takeLease(world.client, { budgets: { max_calls: 10 } })
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => executeRaw(world.client, lease, 'http_fetch', PARAMS)),
  )
  const codes = answers.map((answer) => (answer.status === 200 ? 'ok' : answer.json()['error']))
  expect(codes.filter((code) => code === 'ok')).toHaveLength(10)
  expect(codes.filter((code) => code === 'budget_exhausted')).toHaveLength(40)
  expect(world.upstream.requests).toHaveLength(10)
})

test('a budget of zero is budget_exhausted at once; a budget without a limit has none', async () => {
  const world = await begin()
  const none = await takeLease(world.client, { budgets: { max_calls: 0 } })
  const refused = await executeRaw(world.client, none, 'http_fetch', PARAMS)
  expect([refused.status, refused.json()]).toEqual([
    403,
    {
      error: 'budget_exhausted',
      message: 'The lease has no calls left.',
      trace_id: expect.any(String),
    },
  ])
  expect(decisionOf(world, refused)).toMatchObject({
    principal: 'agent-test',
    decision: 'deny',
    code: 'budget_exhausted',
  })
  const cost = await takeLease(world.client, { budgets: { max_cost_usd_cents: 5 } })
  expect((await executeRaw(world.client, cost, 'http_fetch', PARAMS)).status).toBe(200)
})

test('a call that never left the gate is given back to the budget', async () => {
  const world = await begin({ tables: FAST, resolve: { 'httpbin.org:443': '127.0.0.1:1' } })
  const lease = await takeLease(world.client, { budgets: { max_calls: 1 } })
  const refused = await executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://httpbin.org/',
  })
  expect(refused.json()).toMatchObject({ error_type: 'upstream_unreachable', outcome: 'not_sent' })
  expect(decisionOf(world, refused)).toMatchObject({ outcome: 'not_sent', refund: true })
  expect((await executeRaw(world.client, lease, 'http_fetch', PARAMS)).status).toBe(200)
  expect((await executeRaw(world.client, lease, 'http_fetch', PARAMS)).status).toBe(403)
})

test('a session over its rate is 429 with Retry-After, and its neighbour is not', async () => {
  const world = await begin({ tables: '[rate_limits]\nexecute_rps_per_session = 3' })
  const lease = await takeLease(world.client)
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => executeRaw(world.client, lease, 'http_fetch', PARAMS)),
  )
  const limited = answers.filter((answer) => answer.status === 429)
  expect(limited.length).toBeGreaterThanOrEqual(4)
  expect([limited[0]?.headers['retry-after'], limited[0]?.json()]).toEqual([
    '1',
    {
      error: 'rate_limited',
      message: 'Too many calls; wait and repeat.',
      trace_id: expect.any(String),
    },
  ])
  const other = await takeLease(world.client)
  expect((await executeRaw(world.client, other, 'http_fetch', PARAMS)).status).toBe(200)
})

test('garbage is limited by peer before any cryptography, and does not lock out a known lease', async () => {
  const world = await begin({ tables: '[rate_limits]\nexecute_rps_anonymous = 2' })
  const lease = await takeLease(world.client)
  expect((await executeRaw(world.client, lease, 'http_fetch', PARAMS)).status).toBe(200)
  const path = '/v1/actions/http_fetch/execute'
  const headers = { authorization: 'DPoP a.b.c', dpop: 'x' }
  const statuses: number[] = []
  for (let i = 0; i < 6; i += 1) {
    statuses.push((await world.client.send({ method: 'POST', path, headers, body: '{}' })).status)
  }
  expect(statuses.slice(-3)).toEqual([429, 429, 429])
  expect((await executeRaw(world.client, lease, 'http_fetch', PARAMS)).status).toBe(200)
})

test('beyond the slots and the wait a call is 503 overloaded, and has used up nothing', async () => {
  const world = await begin({
    tables: `${FAST}\n[limits]\nmax_in_flight = 2\nqueue_ms = 50`,
  })
  world.upstream.on('GET', '/hold', async () => {
    await sleep(500)
    return { body: 'x' }
  })
  const lease = await takeLease(world.client, { budgets: { max_calls: 100 } })
  const url = 'https://api.github.com/hold'
  const clients = [0, 1, 2].map(() => new RawClient({ socket: world.gate.project.socket }))
  const answers = await Promise.all(
    clients.map((client) => executeRaw(client, lease, 'http_fetch', { url })),
  )
  for (const client of clients) await client.close()
  const overloaded = answers.filter((answer) => answer.status === 503)
  expect(overloaded).toHaveLength(1)
  expect(overloaded[0]?.headers['retry-after']).toBe('1')
  expect(overloaded[0]?.json()).toEqual({
    error: 'overloaded',
    message: 'Too many calls are running; nothing was done.',
    trace_id: expect.any(String),
  })
  expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(98)
  const [refused] = overloaded
  if (refused === undefined) throw new Error('nobody was refused')
  expect(decisionOf(world, refused)).toMatchObject({
    principal: 'agent-test',
    decision: 'error',
    code: 'overloaded',
  })
  const types = leavesOf(world, refused.json()['trace_id']).map(({ type }) => type)
  expect(types, 'no intent').toEqual(['decision'])
})

test.each(['unknown', 'answered'])(
  'a call whose request left is not given back, however it ended: %s',
  async (outcome) => {
    const world = await begin()
    world.upstream.on('GET', '/', (_request, wire) => {
      if (outcome === 'unknown') wire.reset()
      else wire.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort')
      return undefined
    })
    const lease = await takeLease(world.client, { budgets: { max_calls: 2 } })
    const answer = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
    expect([answer.status, answer.json()['outcome']], answer.text).toEqual([502, outcome])
    expect(decisionOf(world, answer)).toMatchObject({
      outcome,
      refund: false,
      budgets_before: { calls_remaining: 2 },
      budgets_after: { calls_remaining: 1 },
    })
    expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(1)
  },
)

test('an agent that opens connections for ever is refused some, and the operator is not', async () => {
  const world = await begin()
  const held: Socket[] = []
  const refused: Socket[] = []
  try {
    for (let opened = 0; opened < 5000 && refused.length === 0; opened += 1) {
      const socket = connect(world.gate.project.socket)
      socket.on('error', () => undefined).once('close', () => refused.push(socket))
      await once(socket, 'connect')
      held.push(socket)
    }
    expect(refused, `of ${held.length} connections`).not.toEqual([])
    const path = '/v1/admin/status'
    const headers = operatorHeaders(world.gate.project, 'GET', path)
    expect((await world.admin.send({ method: 'GET', path, headers })).status).toBe(200)
  } finally {
    for (const socket of held) socket.destroy()
  }
}, 60_000)
