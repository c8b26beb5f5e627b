import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from '@latchgate/gate'
import { afterEach, expect, test } from 'vitest'
import { operatorHeaders } from '../src/harness/operator.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type RawAnswer,
  takeLease,
} from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const EXECUTE = '/v1/actions/http_fetch/execute'
const HOLD = { url: 'https://api.github.com/hold' }
const DRAINING = {
  error: 'draining',
  message: 'The gate is shutting down.',
  trace_id: expect.any(String),
}

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

interface Held {
  readonly world: World
  readonly lease: HeldLease
  /** Lets the upstream answer. */
  readonly release: () => void
}

/** A world whose upstream answers `HOLD` when it is told to. */
async function begin(tables = ''): Promise<Held> {
  const world = await startWorld({ tables })
  open.push(world)
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  world.upstream.on('GET', '/hold', async () => {
    await released
    return { body: 'done' }
  })
  return { world, lease: await takeLease(world.client), release }
}

async function untilStarted(world: World, calls: number): Promise<void> {
  while (world.upstream.requestsStarted < calls) await sleep(5)
}

async function operate(world: World, method: string, path: string): Promise<RawAnswer> {
  const headers = operatorHeaders(world.gate.project, method, path)
  return world.admin.send({ method, path, headers })
}

test('drain lets a running call end, counts it, and turns away what comes after it', async () => {
  const { world, lease, release } = await begin()
  const running = executeRaw(world.client, lease, 'http_fetch', HOLD)
  await untilStarted(world, 1)
  const drained = await operate(world, 'POST', '/v1/admin/drain')
  expect([drained.status, drained.json()]).toEqual([
    200,
    { draining: true, already_draining: false, in_flight_executions: 1 },
  ])
  const late = await executeRaw(world.client, lease, 'http_fetch', HOLD)
  expect([late.status, late.headers['retry-after'], late.json()]).toEqual([503, '5', DRAINING])
  const renewal = await world.client.send({
    method: 'POST',
    path: '/v1/leases',
    headers: {
      ...credentials(lease, 'POST', '/v1/leases'),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: lease.key.publicJwk }),
  })
  expect([renewal.status, renewal.json()]).toEqual([503, DRAINING])
  const status = await operate(world, 'GET', '/v1/admin/status')
  expect(status.json()).toMatchObject({
    status: 'draining',
    draining: true,
    in_flight_executions: 1,
  })
  release()
  const ended = await running
  expect(ended.status, ended.text).toBe(200)
  const receipt = `/v1/receipts/${String(ended.json()['receipt_id'])}`
  const read = await world.client.send({
    method: 'GET',
    path: receipt,
    headers: credentials(lease, 'GET', receipt),
  })
  expect([read.status, read.json()['signature_status']]).toEqual([200, 'valid'])
  expect(world.upstream.requests).toHaveLength(1)
})

test('draining is said first, to strangers and to bodies that are too large', async () => {
  const { world } = await begin()
  await operate(world, 'POST', '/v1/admin/drain')
  for (const path of [EXECUTE, '/v1/leases']) {
    const body = ' '.repeat(1_100_000)
    const answer = await world.client.send({ method: 'POST', path, body })
    expect([answer.status, answer.json()]).toEqual([503, DRAINING])
  }
})

test('drain needs the operator', async () => {
  const { world, lease } = await begin()
  const path = '/v1/admin/drain'
  for (const headers of [{}, credentials(lease, 'POST', path)]) {
    const answer = await world.admin.send({ method: 'POST', path, headers })
    expect([answer.status, answer.json()['error']]).toEqual([401, 'unauthorized'])
  }
  expect((await world.client.send({ method: 'GET', path: '/readyz' })).status).toBe(200)
})

test('a gate that stops answers what runs, says draining on that connection, and leaves no socket', async () => {
  const { world, lease, release } = await begin()
  const body = JSON.stringify(HOLD)
  const request = (): string => {
    const { authorization, dpop } = credentials(lease, 'POST', EXECUTE)
    return `POST ${EXECUTE} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ndpop: ${dpop}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  }
  const { socket: path, adminSocket } = world.gate.project
  const socket = connect(path)
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(request())
  await untilStarted(world, 1)
  const stopping = world.gate.close()
  socket.write(request())
  await expect(world.client.send({ method: 'GET', path: '/healthz' })).rejects.toThrow()
  release()
  await ended
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])
  expect(statuses[0]).toBe('200')
  // The second is answered, or its connection ends before it is read: never half of one.
  expect(statuses.slice(1)).toEqual(text.includes('"draining"') ? ['503'] : [])
  await stopping
  expect([existsSync(path), existsSync(adminSocket)]).toEqual([false, false])
  expect(world.upstream.requests).toHaveLength(1)
})

test('a gate whose ledger cannot be written is not ready and denies; it recovers by itself', async () => {
  const { world, lease, release } = await begin()
  release()
  const ready = async (): Promise<RawAnswer> =>
    world.client.send({ method: 'GET', path: '/readyz' })
  const blocker = openDatabase(world.gate.project.ledger)
  blocker.exec('BEGIN IMMEDIATE')
  const denied = await executeRaw(world.client, lease, 'http_fetch', HOLD)
  expect([denied.status, denied.json()]).toEqual([
    503,
    {
      error: 'store_unavailable',
      message: 'The ledger is unavailable; nothing was dispatched.',
      trace_id: expect.any(String),
    },
  ])
  const answer = await ready()
  expect([answer.status, answer.json()]).toEqual([
    503,
    expect.objectContaining({ status: 'not_ready', ledger: false, approval_store: false }),
  ])
  const status = await operate(world, 'GET', '/v1/admin/status')
  expect(status.json()).toMatchObject({
    status: 'degraded',
    dependencies: { redis: true, opa: true, ledger: false },
  })
  // The operator's stop must not wait for what is broken.
  const drained = await operate(world, 'POST', '/v1/admin/drain')
  expect([drained.status, world.gate.services.drain.active]).toEqual([503, true])
  world.gate.services.drain.active = false
  blocker.exec('ROLLBACK')
  blocker.close()
  for (let tries = 0; (await ready()).status !== 200 && tries < 400; tries += 1) await sleep(25)
  const again = await executeRaw(world.client, lease, 'http_fetch', HOLD)
  expect(again.status, again.text).toBe(200)
  expect(world.upstream.requests).toHaveLength(1)
})
