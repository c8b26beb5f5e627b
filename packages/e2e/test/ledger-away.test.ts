import { copyFileSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyLedgerFile } from '@latchgate/gate'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { leavesOf } from '../src/harness/evidence.js'
import { takeLedgerAway } from '../src/harness/ledger-lock.js'
import { executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PARAMS = { url: 'https://api.github.com/x' }

let world: World
let lease: HeldLease

beforeEach(async () => {
  world = await startWorld()
  lease = await takeLease(world.client, { budgets: { max_calls: 5 } })
})

afterEach(async () => {
  await world.close()
})

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error(`not in time: ${what}`)
}

const typesOf = (traceId: unknown): readonly string[] =>
  leavesOf(world, traceId).map(({ type }) => type)

test('a ledger that is away while the upstream works: the receipt is kept, stored once, and answered', async () => {
  let giveBack: (() => void) | undefined
  world.upstream.on('GET', '/x', () => {
    giveBack = takeLedgerAway(world.gate)
    return { body: 'done' }
  })
  const call = executeRaw(world.client, lease, 'http_fetch', PARAMS)
  await until('a failed seal', () =>
    world.gate.logs.some(({ msg }) => String(msg).startsWith('the ledger did not take a receipt')),
  )
  giveBack?.()
  const answer = await call
  expect(answer.status, answer.text).toBe(200)
  expect(typesOf(answer.json()['trace_id'])).toEqual(['intent', 'receipt', 'decision'])
  expect(await world.gate.services.ledger.openIntents()).toEqual([])
  expect(world.upstream.requests).toHaveLength(1)
  expect(verifyLedgerFile({ path: world.gate.project.ledger }).findings).toEqual([])
})

test('a ledger that stays away: 500 evidence_persistence_failed, and the receipt is there when it comes back', async () => {
  let giveBack: (() => void) | undefined
  world.upstream.on('GET', '/x', () => {
    giveBack = takeLedgerAway(world.gate)
    return { body: 'done' }
  })
  const answer = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
  expect(answer.status, answer.text).toBe(500)
  expect(answer.json()).toEqual({
    error: 'evidence_persistence_failed',
    message: 'The call may have happened, but its receipt could not be stored.',
    trace_id: expect.any(String),
  })
  expect(answer.text, 'no output without evidence').not.toContain('done')
  giveBack?.()
  const trace = answer.json()['trace_id']
  await until('the receipt', () => typesOf(trace).includes('receipt'))
  expect(typesOf(trace)).toEqual(['intent', 'receipt', 'decision'])
  expect(await world.gate.services.ledger.openIntents()).toEqual([])
  expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(4)
  expect(world.upstream.requests).toHaveLength(1)
  expect(verifyLedgerFile({ path: world.gate.project.ledger }).findings).toEqual([])
}, 60_000)

test('a ledger that is away before the intent: 503, nothing sent, and the next call is served', async () => {
  const giveBack = takeLedgerAway(world.gate)
  const answer = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
  expect(answer.status, answer.text).toBe(503)
  expect(answer.json()).toEqual({
    error: 'store_unavailable',
    message: 'The ledger is unavailable; nothing was dispatched.',
    trace_id: expect.any(String),
  })
  expect(world.upstream.requestsStarted).toBe(0)
  giveBack()
  await until('the ledger', () => world.gate.services.ledger.healthy())
  expect((await executeRaw(world.client, lease, 'http_fetch', PARAMS)).status).toBe(200)
  expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(4)
}, 60_000)

test('a denial that cannot be recorded is not given: 503 instead of 404', async () => {
  const giveBack = takeLedgerAway(world.gate)
  const answer = await executeRaw(world.client, lease, 'no_such_action', {})
  giveBack()
  expect([answer.status, answer.json()['error']]).toEqual([503, 'store_unavailable'])
}, 60_000)

const HIDDEN = '.hidden'

const removals: readonly (readonly [string, (ledger: string) => () => void])[] = [
  ['the file of the ledger is gone', (ledger) => hide(ledger)],
  ['its write-ahead log is gone', (ledger) => hide(`${ledger}-wal`)],
  ['its directory is gone', (ledger) => hide(dirname(ledger))],
  [
    'another file stands in its place',
    (ledger) => {
      copyFileSync(ledger, `${ledger}.copy`)
      const putBack = hide(ledger)
      renameSync(`${ledger}.copy`, ledger)
      return putBack
    },
  ],
]

function hide(path: string): () => void {
  renameSync(path, path + HIDDEN)
  return () => renameSync(path + HIDDEN, path)
}

test.each(removals)(
  'while %s nothing is sent: it would have no evidence',
  async (_what, remove) => {
    remove(world.gate.project.ledger)
    const answer = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
    expect([answer.status, answer.json()['error']]).toEqual([503, 'store_unavailable'])
    expect(world.upstream.requestsStarted).toBe(0)
  },
)
