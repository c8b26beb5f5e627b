import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createTestCa, ManualClock, startUpstream, type Upstream } from '@latchgate/testkit'
import * as sdk from 'latchgate'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  createTestProject,
  type ProjectSettings,
  startTestGate,
  type TestProject,
} from '../src/harness/gate.js'
import { startWorld, type World } from '../src/harness/world.js'
import { oracle } from '../src/index.js'

const PARAMS = { url: 'https://api.github.com/data' }

const cleanups: (() => Promise<void> | void)[] = []

beforeEach(() => {
  delete process.env['LATCHGATE_URL']
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function begin(settings: ProjectSettings, now: () => number = Date.now): Promise<World> {
  const world = await startWorld(settings, { now })
  cleanups.push(() => world.close())
  return world
}

/** A project whose gate can be stopped and started. */
async function restartable(): Promise<{
  readonly project: TestProject
  readonly upstream: Upstream
}> {
  const ca = await createTestCa()
  const upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
  cleanups.push(() => upstream.close())
  const resolve = { 'api.github.com:443': upstream.address }
  const project = await createTestProject({ caPem: ca.caPem, resolve })
  cleanups.push(() => project.remove())
  return { project, upstream }
}

test('the 0.2.0 client takes a new lease, and so a new session, for every call of a short one', async () => {
  const world = await begin({ keys: 'lease_ttl_seconds = 60' })
  const client = new oracle.LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
  cleanups.push(() => client.close())
  const sessions = new Set<string | null>()
  for (let i = 0; i < 3; i += 1) {
    await client.execute('http_fetch', PARAMS)
    sessions.add(client.sessionId)
  }
  expect(sessions.size).toBe(3)
})

test('the SDK uses one lease of a minute for many calls', async () => {
  const world = await begin({ keys: 'lease_ttl_seconds = 60' })
  const client = new sdk.LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
  cleanups.push(() => client.close())
  const leases = new Set<string | null>()
  for (let i = 0; i < 3; i += 1) {
    await client.execute('http_fetch', PARAMS)
    leases.add(client.leaseJti)
  }
  expect(leases.size).toBe(1)
})

test('calls that meet an expired lease together renew it in one session and all succeed', async () => {
  const clock = new ManualClock(Date.now())
  const world = await begin({ keys: 'lease_ttl_seconds = 30' }, clock.now)
  const client = new sdk.LatchGateClient({ socket: world.gate.project.socket })
  cleanups.push(() => client.close())
  await client.connect({ maxCalls: 6 })
  const { sessionId, leaseJti } = client
  await client.execute('http_fetch', PARAMS)
  // Longer than the lease lives, and not so long that a proof made now is too old.
  clock.advance(40_000)
  const results = await Promise.all(
    Array.from({ length: 5 }, () => client.execute('http_fetch', PARAMS)),
  )
  expect(new Set(results.map((one) => one.receiptId)).size).toBe(5)
  expect(client.sessionId).toBe(sessionId)
  expect(client.leaseJti).not.toBe(leaseJti)
  await expect(client.execute('http_fetch', PARAMS)).rejects.toBeInstanceOf(
    sdk.LatchGateBudgetExhausted,
  )
  expect(world.upstream.requests).toHaveLength(6)
  expect(client.sequenceFindings).toEqual([])
})

test('parallel first calls share one lease', async () => {
  const world = await begin({ tables: '[rate_limits]\nlease_rps = 1' })
  const client = new sdk.LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
  cleanups.push(() => client.close())
  await Promise.all(Array.from({ length: 8 }, () => client.execute('http_fetch', PARAMS)))
  expect(world.upstream.requests).toHaveLength(8)
})

test('both clients survive a restart without noticing: leases outlive the process', async () => {
  const { project } = await restartable()
  const first = await startTestGate(project)
  const clients = [oracle, sdk].map(
    ({ LatchGateClient }) => new LatchGateClient({ socket: project.socket, agentId: 'a' }),
  )
  for (const client of clients) await client.execute('http_fetch', PARAMS)
  const sessions = clients.map((client) => client.sessionId)
  await first.close()
  const second = await startTestGate(project)
  for (const client of clients) await client.execute('http_fetch', PARAMS)
  expect(clients.map((client) => client.sessionId)).toEqual(sessions)
  for (const client of clients) await client.close()
  await second.close()
})

test('a gate with a new lease key: the 0.2.0 client must connect, the SDK does it once by itself', async () => {
  const { project, upstream } = await restartable()
  const first = await startTestGate(project)
  const old = new oracle.LatchGateClient({ socket: project.socket, agentId: 'a' })
  const own = new sdk.LatchGateClient({ socket: project.socket })
  await old.execute('http_fetch', PARAMS)
  await own.connect({ maxCalls: 2 })
  await own.execute('http_fetch', PARAMS)
  const { sessionId } = own
  await first.close()
  rmSync(join(project.root, 'keys', 'lease.pem'))
  const second = await startTestGate(project)

  await expect(old.execute('http_fetch', PARAMS)).rejects.toMatchObject({
    name: 'LatchGateAuthError',
    message: 'authentication failed: invalid_lease',
  })
  await old.connect()
  await old.execute('http_fetch', PARAMS)

  await own.execute('http_fetch', PARAMS)
  expect(own.sessionId).not.toBe(sessionId)
  // One call of two was left, and the new session got no more than that.
  await expect(own.execute('http_fetch', PARAMS)).rejects.toBeInstanceOf(
    sdk.LatchGateBudgetExhausted,
  )
  expect(upstream.requests).toHaveLength(4)
  await Promise.all([old.close(), own.close()])
  await second.close()
})
