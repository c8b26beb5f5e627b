import { ManualClock } from '@latchgate/testkit'
import { afterEach, expect, test } from 'vitest'
import {
  approvalLeaves,
  assertSound,
  issue,
  recordsOf,
  startApprovalWorld,
} from '../src/harness/approval-world.js'
import { approveCall, asAgent, denyCall, holdCall } from '../src/harness/approvals.js'
import { decisionOf } from '../src/harness/evidence.js'
import { ALL_ACTIONS, ALL_SINKS } from '../src/harness/gate.js'
import {
  executeRaw,
  type HeldLease,
  type RawAnswer,
  secondsOf,
  takeLease,
} from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const ID = expect.any(String)
const FETCH = { url: 'https://api.github.com/' }
/** Nobody listens there. */
const NOBODY = { resolve: { 'en.wikipedia.org:443': '127.0.0.1:9' } }

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) {
    assertSound(world)
    await world.close()
  }
})

type Quotas = Readonly<Record<string, readonly Readonly<Record<string, number>>[]>>

async function begin(
  quotas: Quotas,
  settings: Parameters<typeof startApprovalWorld>[0] = {},
  options: Parameters<typeof startApprovalWorld>[1] = {},
): Promise<World> {
  const acl = { 'agent-test': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } }
  const data = { policy_version: 'test-1', acl, latchgate: { quotas } }
  const world = await startApprovalWorld({ data, ...settings }, options)
  open.push(world)
  return world
}

const fetchOnce = (world: World, lease: HeldLease, params: unknown = FETCH): Promise<RawAnswer> =>
  executeRaw(world.client, lease, 'http_fetch', params, secondsOf(world.now))

function exhausted(seconds: number): unknown {
  return [
    403,
    String(seconds),
    {
      error: 'quota_exhausted',
      retry_after_seconds: seconds,
      message: `The operator's quota for this principal is used up; the next call fits in ${seconds} s.`,
      trace_id: ID,
    },
  ]
}

const told = (answer: RawAnswer): unknown => [
  answer.status,
  answer.headers['retry-after'],
  answer.json(),
]

function tally(answers: readonly RawAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, json } of answers) {
    const key = status === 200 ? '200' : `${status} ${String(json()['error'])}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

test('of 50 calls at one moment on a lease of 10 exactly 10 are executed', async () => {
  const world = await begin({})
  const lease = await takeLease(world.client, { budgets: { max_calls: 10 } })
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetchOnce(world, lease)))
  expect(tally(answers)).toEqual({ '200': 10, '403 budget_exhausted': 40 })
  expect(world.upstream.requests).toHaveLength(10)
})

test('of 50 calls at one moment over two leases of a principal with a quota of 10 exactly 10 are executed', async () => {
  const world = await begin({ 'agent-test': [{ calls: 10, window_seconds: 3600 }] })
  const leases = [await takeLease(world.client), await takeLease(world.client)]
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => fetchOnce(world, leases[at % 2] as HeldLease)),
  )
  expect(tally(answers)).toEqual({ '200': 10, '403 quota_exhausted': 40 })
  expect(world.upstream.requests).toHaveLength(10)
  const refused = answers.find(({ status }) => status === 403) as RawAnswer
  expect(decisionOf(world, refused)).toMatchObject({ decision: 'deny', code: 'quota_exhausted' })
})

test('the window slides: each call makes room for the next when it has left it', async () => {
  const clock = new ManualClock(Date.now())
  const quota = { 'agent-test': [{ calls: 2, window_seconds: 60 }] }
  const world = await begin(quota, {}, { now: clock.now })
  const lease = await takeLease(world.client)
  expect((await fetchOnce(world, lease)).status).toBe(200)
  clock.advance(20_000)
  expect((await fetchOnce(world, lease)).status).toBe(200)
  expect(told(await fetchOnce(world, lease))).toEqual(exhausted(40))
  clock.advance(39_001)
  expect(told(await fetchOnce(world, lease))).toEqual(exhausted(1))
  clock.advance(998)
  expect(told(await fetchOnce(world, lease))).toEqual(exhausted(1))
  clock.advance(1)
  expect((await fetchOnce(world, lease)).status).toBe(200)
  expect(told(await fetchOnce(world, lease))).toEqual(exhausted(20))
  expect(world.upstream.requests).toHaveLength(3)
})

test('of several quotas each holds', async () => {
  const clock = new ManualClock(Date.now())
  const quotas = [
    { calls: 3, window_seconds: 3600 },
    { calls: 1, window_seconds: 10 },
  ]
  const world = await begin({ 'agent-test': quotas }, {}, { now: clock.now })
  const lease = await takeLease(world.client)
  for (let call = 0; call < 3; call += 1) {
    expect((await fetchOnce(world, lease)).status).toBe(200)
    expect(told(await fetchOnce(world, lease))).toEqual(exhausted(call < 2 ? 10 : 3580))
    clock.advance(10_000)
  }
  expect(told(await fetchOnce(world, lease))).toEqual(exhausted(3570))
})

test('a call that never left the gate is given back to the quota', async () => {
  const world = await begin({ 'agent-test': [{ calls: 1, window_seconds: 3600 }] }, NOBODY)
  const lease = await takeLease(world.client)
  for (let call = 0; call < 3; call += 1) {
    const failed = await fetchOnce(world, lease, { url: 'https://en.wikipedia.org/wiki/Moon' })
    expect([failed.status, failed.json()['outcome']]).toEqual([502, 'not_sent'])
  }
  expect((await fetchOnce(world, lease)).status).toBe(200)
  expect((await fetchOnce(world, lease)).json()['error']).toBe('quota_exhausted')
})

test('a call that its upstream refused counts: it was made', async () => {
  const world = await begin({ 'agent-test': [{ calls: 1, window_seconds: 3600 }] })
  world.upstream.on('GET', '/', () => ({ status: 500, body: 'no' }))
  const lease = await takeLease(world.client)
  expect((await fetchOnce(world, lease)).json()).toMatchObject({ output: { ok: false } })
  expect((await fetchOnce(world, lease)).json()['error']).toBe('quota_exhausted')
})

test('an own entry takes the place of the wildcard, also an empty one', async () => {
  for (const [quotas, allowed] of [
    [{ '*': [{ calls: 1, window_seconds: 60 }] }, 1],
    [
      { '*': [{ calls: 1, window_seconds: 60 }], 'agent-test': [{ calls: 3, window_seconds: 60 }] },
      3,
    ],
    [{ '*': [{ calls: 1, window_seconds: 60 }], 'agent-test': [] }, 4],
    [
      { '*': [{ calls: 3, window_seconds: 60 }], 'agent-test': [{ calls: 0, window_seconds: 60 }] },
      0,
    ],
    [{ another: [{ calls: 0, window_seconds: 60 }] }, 4],
  ] as readonly (readonly [Quotas, number])[]) {
    const world = await begin(quotas)
    const lease = await takeLease(world.client)
    const statuses: number[] = []
    for (let call = 0; call < 4; call += 1) statuses.push((await fetchOnce(world, lease)).status)
    const expected = Array.from({ length: 4 }, (_, at) => (at < allowed ? 200 : 403))
    expect([quotas, statuses]).toEqual([quotas, expected])
  }
})

test('held calls draw on the quota when they are executed, and not before', async () => {
  const world = await begin({ 'agent-test': [{ calls: 2, window_seconds: 3600 }] })
  const lease = await takeLease(world.client)
  const held: string[] = []
  for (let call = 0; call < 4; call += 1) {
    held.push((await holdCall(world, lease, 'github_create_issue', issue())).id)
  }
  const [first, second, third, fourth] = held as [string, string, string, string]
  expect((await denyCall(world, fourth)).status).toBe(200)
  expect((await approveCall(world, first)).status).toBe(200)
  expect((await fetchOnce(world, lease)).status).toBe(200)
  // Nothing is left: a call that could not be made is not held either.
  const late = await executeRaw(world.client, lease, 'github_create_issue', issue())
  expect([late.status, late.json()['error']]).toEqual([403, 'quota_exhausted'])

  const refused = await approveCall(world, second)
  expect([refused.status, refused.headers['retry-after'], refused.json()]).toEqual([
    403,
    expect.stringMatching(/^3(600|59\d)$/),
    {
      error: 'quota_exhausted',
      retry_after_seconds: Number(refused.headers['retry-after']),
      message: expect.stringMatching(/^The operator's quota for this principal is used up; /),
      trace_id: ID,
    },
  ])
  expect(recordsOf(world.gate.project.ledger, second)).toEqual([
    'hold pending_approval',
    'approval failed',
  ])
  expect(approvalLeaves(world.gate.project.ledger, second)[1]?.body).toMatchObject({
    event_type: 'approval_failed',
    code: 'quota_exhausted',
  })
  const poll = await asAgent(world, lease, `/v1/approvals/${second}/poll`)
  expect(poll.json()['status']).toBe('failed')
  expect((await approveCall(world, second)).json()).toMatchObject({
    decision: 'already_failed',
    error_code: 'quota_exhausted',
  })
  expect((await asAgent(world, lease, `/v1/approvals/${third}/poll`)).json()['status']).toBe(
    'pending',
  )
  expect(world.upstream.requests).toHaveLength(2)
})

test('of ten approvals at one moment a quota of three lets three begin', async () => {
  const world = await begin({ 'agent-test': [{ calls: 3, window_seconds: 3600 }] })
  const lease = await takeLease(world.client)
  const held: string[] = []
  for (let call = 0; call < 10; call += 1) {
    held.push((await holdCall(world, lease, 'github_create_issue', issue())).id)
  }
  const answers = await Promise.all(held.map((id) => approveCall(world, id)))
  expect(tally(answers)).toEqual({ '200': 3, '403 quota_exhausted': 7 })
  expect(world.upstream.requests).toHaveLength(3)
})
