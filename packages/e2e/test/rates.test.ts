import { DPoPKeyPair } from '@latchgate/protocol/node'
import { ManualClock } from '@latchgate/testkit'
import { afterEach, expect, test } from 'vitest'
import { operatorHeaders } from '../src/harness/operator.js'
import { credentials, executeRaw, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PARAMS = { url: 'https://api.github.com/' }
const EXECUTE = '/v1/actions/http_fetch/execute'
const TRACE = expect.any(String)

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

/** A world whose time stands still, so that no bucket refills by itself. */
async function begin(
  rates: string,
): Promise<{ readonly world: World; readonly clock: ManualClock }> {
  const clock = new ManualClock(Date.now())
  const world = await startWorld({ tables: `[rate_limits]\n${rates}` }, { now: clock.now })
  open.push(world)
  return { world, clock }
}

async function askLease(world: World): Promise<RawAnswer> {
  const key = await DPoPKeyPair.generate()
  return world.client.send({
    method: 'POST',
    path: '/v1/leases',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: key.publicJwk }),
  })
}

async function statuses(times: number, ask: () => Promise<RawAnswer>): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < times; i += 1) seen.push((await ask()).status)
  return seen
}

test('leases are limited by peer, before the body is looked at, and again after a second', async () => {
  const { world, clock } = await begin('lease_rps = 2')
  expect(await statuses(3, () => askLease(world))).toEqual([200, 200, 429])
  const path = '/v1/leases'
  const limited = await world.client.send({ method: 'POST', path, body: 'no JSON' })
  expect([limited.status, limited.headers['retry-after'], limited.json()]).toEqual([
    429,
    '1',
    {
      error: 'rate_limit_exceeded',
      message: 'Too many requests; wait and repeat.',
      trace_id: TRACE,
    },
  ])
  clock.advance(1000)
  expect(await statuses(3, () => askLease(world))).toEqual([200, 200, 429])
})

test('a principal has one rate over all its sessions', async () => {
  const { world } = await begin('execute_rps_per_principal = 3')
  const [one, two] = [await takeLease(world.client), await takeLease(world.client)]
  const seen = [
    ...(await statuses(2, () => executeRaw(world.client, one, 'http_fetch', PARAMS))),
    ...(await statuses(2, () => executeRaw(world.client, two, 'http_fetch', PARAMS))),
  ]
  expect(seen).toEqual([200, 200, 200, 429])
  expect(world.upstream.requests).toHaveLength(3)
})

test('good calls give nothing back that garbage took: six garbage calls a second stay five', async () => {
  const { world } = await begin('execute_rps_anonymous = 5')
  const lease = await takeLease(world.client)
  const garbage = (): Promise<RawAnswer> => {
    const headers = { authorization: 'DPoP a.b.c', dpop: 'x' }
    return world.client.send({ method: 'POST', path: EXECUTE, headers, body: '{}' })
  }
  // The first call's token is given back, the later ones take none.
  for (let i = 0; i < 3; i += 1) {
    expect((await executeRaw(world.client, lease, 'http_fetch', PARAMS)).status).toBe(200)
  }
  const seen: number[] = []
  for (let i = 0; i < 6; i += 1) {
    seen.push((await garbage()).status)
    expect((await executeRaw(world.client, lease, 'http_fetch', PARAMS)).status).toBe(200)
  }
  expect(seen).toEqual([401, 401, 401, 401, 401, 429])
})

test('garbage for receipts is limited by peer too, and does not lock out a known lease', async () => {
  const { world } = await begin('execute_rps_anonymous = 2')
  const lease = await takeLease(world.client)
  await executeRaw(world.client, lease, 'http_fetch', PARAMS)
  const path = '/v1/receipts/x'
  const headers = { authorization: 'DPoP a.b.c', dpop: 'x' }
  const garbage = (): Promise<RawAnswer> => world.client.send({ method: 'GET', path, headers })
  expect(await statuses(3, garbage)).toEqual([401, 401, 429])
  const limited = await garbage()
  expect([limited.headers['retry-after'], limited.json()]).toEqual([
    '1',
    { error: 'rate_limited', message: 'Too many calls; wait and repeat.', trace_id: TRACE },
  ])
  const known = await world.client.send({
    method: 'GET',
    path,
    headers: credentials(lease, 'GET', path),
  })
  expect(known.status).toBe(404)
})

test('a principal reads receipts at the rate of its calls, apart from them', async () => {
  const { world } = await begin('execute_rps_per_principal = 3')
  const first = await takeLease(world.client)
  const second = await takeLease(world.client)
  const path = '/v1/receipts/x'
  const leases = [first, second, first, second]
  const read = (): Promise<RawAnswer> => {
    const lease = leases.shift() ?? first
    return world.client.send({ method: 'GET', path, headers: credentials(lease, 'GET', path) })
  }
  expect(await statuses(4, read)).toEqual([404, 404, 404, 429])
  expect((await executeRaw(world.client, first, 'http_fetch', PARAMS)).status).toBe(200)
})

test('a principal lists its approvals at a tenth of the rate of its calls, and polls at all of it', async () => {
  const { world } = await begin('execute_rps_per_principal = 11')
  const lease = await takeLease(world.client)
  const read = (path: string) => (): Promise<RawAnswer> =>
    world.client.send({ method: 'GET', path, headers: credentials(lease, 'GET', path) })
  expect(await statuses(3, read('/v1/approvals'))).toEqual([200, 200, 429])
  const polls = await statuses(12, read('/v1/approvals/x/poll'))
  expect(polls).toEqual([...Array.from({ length: 11 }, () => 404), 429])
})

test('an operator is limited after authentication, reading and writing apart', async () => {
  const { world } = await begin('operator_read_rps = 2\noperator_write_rps = 1')
  const ask = (method: string, path: string): Promise<RawAnswer> => {
    const headers = operatorHeaders(world.gate.project, method, path)
    return world.admin.send({ method, path, headers })
  }
  const status = '/v1/admin/status'
  const strangers = await statuses(4, () => world.admin.send({ method: 'GET', path: status }))
  expect(strangers).toEqual([401, 401, 401, 401])
  expect(await statuses(2, () => ask('GET', status))).toEqual([200, 200])
  const limited = await ask('GET', '/v1/admin/intents')
  expect([limited.status, limited.headers['retry-after'], limited.json()]).toEqual([
    429,
    '1',
    {
      error: 'rate_limit_exceeded',
      message: 'Too many requests; wait and repeat.',
      trace_id: TRACE,
    },
  ])
  // Another reading endpoint, the same rate.
  expect((await ask('GET', '/v1/receipts/x')).status).toBe(429)
  expect(await statuses(2, () => ask('POST', '/v1/admin/drain'))).toEqual([200, 429])
})

test('discovery and health are not limited', async () => {
  const { world } = await begin('execute_rps_anonymous = 1\nlease_rps = 1')
  for (const path of ['/healthz', '/readyz', '/v1/actions', '/.well-known/jwks.json']) {
    const seen = await statuses(5, () => world.client.send({ method: 'GET', path }))
    expect(seen).toEqual([200, 200, 200, 200, 200])
  }
})

test('failures without a principal end up in one signed summary, operators apart from agents', async () => {
  const { world } = await begin('lease_rps = 1\nexecute_rps_anonymous = 100')
  await askLease(world)
  await askLease(world)
  const headers = { authorization: 'DPoP a.b.c', dpop: 'x' }
  await world.client.send({ method: 'POST', path: EXECUTE, headers, body: '{}' })
  await world.client.send({ method: 'GET', path: '/v1/receipts/x' })
  await world.admin.send({ method: 'GET', path: '/v1/admin/status' })
  await world.admin.send({ method: 'GET', path: '/v1/receipts/x' })
  expect(world.gate.services.summary.take()).toEqual({
    invalid_lease: 1,
    'lease:rate_limit_exceeded': 1,
    missing_auth_header: 1,
    'operator:unauthorized': 2,
  })
})
