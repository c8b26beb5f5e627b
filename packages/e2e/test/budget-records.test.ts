import { afterEach, expect, test, vi } from 'vitest'
import { decisionOf, leavesOf } from '../src/harness/evidence.js'
import { executeRaw, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PARAMS = { url: 'https://httpbin.org/' }
const calls = (left: number) => ({ calls_remaining: left })

const open: World[] = []

async function begin(resolve: Readonly<Record<string, string>> = {}, limits = ''): Promise<World> {
  const tables = `[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000\n${limits}`
  const world = await startWorld({ resolve, tables })
  open.push(world)
  return world
}

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

test('the record of a call that was given back says that it has cost nothing', async () => {
  const world = await begin({ 'httpbin.org:443': '127.0.0.1:1' })
  const lease = await takeLease(world.client, { budgets: { max_calls: 3 } })
  const answer = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
  expect(answer.json()['outcome'], answer.text).toBe('not_sent')
  expect(decisionOf(world, answer)).toMatchObject({
    refund: true,
    budgets_before: calls(3),
    budgets_after: calls(3),
  })
  expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(3)
})

test('the record of a call that finds no budget says that none was left', async () => {
  const world = await begin()
  const lease = await takeLease(world.client, { budgets: { max_calls: 1 } })
  const first = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
  expect(decisionOf(world, first)).toMatchObject({
    budgets_before: calls(1),
    budgets_after: calls(0),
  })
  const second = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
  expect([second.status, second.json()['error']]).toEqual([403, 'budget_exhausted'])
  expect(decisionOf(world, second)).toMatchObject({
    decision: 'deny',
    code: 'budget_exhausted',
    budgets_before: calls(0),
    budgets_after: calls(0),
  })
})

test('any other denial after the budget was read says what was left, before and after', async () => {
  const world = await begin()
  const lease = await takeLease(world.client, { budgets: { max_calls: 5 } })
  const params = { url: 'https://10.0.0.1/' }
  const answer = await executeRaw(world.client, lease, 'http_fetch', params)
  expect(answer.status, answer.text).toBe(403)
  expect(decisionOf(world, answer)).toMatchObject({
    decision: 'deny',
    budgets_before: calls(5),
    budgets_after: calls(5),
  })
})

test('a call that loses the last of the budget to another says that none was left', async () => {
  const world = await begin({}, '[limits]\nmax_in_flight = 1\nmax_in_flight_per_principal = 1')
  let release: (answer: { body: string }) => void = () => undefined
  const held = new Promise<void>((resolve) => {
    world.upstream.on('GET', '/held', () => {
      resolve()
      return new Promise((free) => {
        release = free
      })
    })
  })
  const holder = await takeLease(world.client)
  const holding = executeRaw(world.client, holder, 'http_fetch', { url: `${PARAMS.url}held` })
  await held
  // Both find one call left, and wait for the slot.
  const lease = await takeLease(world.client, { budgets: { max_calls: 1 } })
  const racing = [1, 2].map(() => executeRaw(world.client, lease, 'http_fetch', PARAMS))
  await vi.waitUntil(() => world.gate.services.slots.queued === 2)
  release({ body: 'free' })
  const records = (await Promise.all(racing)).map((answer) => decisionOf(world, answer))
  await holding
  expect(records.find(({ code }) => code === null)).toMatchObject({
    budgets_before: calls(1),
    budgets_after: calls(0),
  })
  expect(records.find(({ code }) => code !== null)).toMatchObject({
    code: 'budget_exhausted',
    budgets_before: calls(0),
    budgets_after: calls(0),
  })
})

test('without a budget the records say nothing of one', async () => {
  const world = await begin()
  const lease = await takeLease(world.client)
  const answer = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
  expect(answer.status, answer.text).toBe(200)
  const leaves = leavesOf(world, answer.json()['trace_id'])
  expect(leaves.map(({ type }) => type)).toEqual(['intent', 'receipt', 'decision'])
  expect(decisionOf(world, answer)).toMatchObject({ budgets_before: null, budgets_after: null })
})
