import { afterEach, expect, test } from 'vitest'
import { assertSound, startApprovalWorld, until } from '../src/harness/approval-world.js'
import { approveCall, asAgent, asOperator, holdCall } from '../src/harness/approvals.js'
import { ALL_ACTIONS, ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, type HeldLease, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const ACL = { 'agent-test': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } }
const RULE = { action_id: 'http_fetch', domain: 'api.example.com' }
const URL_OF_RULE = 'https://api.example.com/'

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) {
    assertSound(world)
    await world.close()
  }
})

async function begin(
  settings: Parameters<typeof startApprovalWorld>[0],
): Promise<{ readonly world: World; readonly lease: HeldLease }> {
  const world = await startApprovalWorld(settings)
  open.push(world)
  world.upstream.on('GET', '/', () => ({ status: 200, body: 'hello' }))
  return { world, lease: await takeLease(world.client) }
}

/** The answer to a call that waits for a slot while an operator does something. */
async function whileWaiting(
  url: string,
  before: (world: World) => Promise<unknown>,
  act: (world: World) => Promise<RawAnswer>,
): Promise<{ readonly world: World; readonly answer: RawAnswer }> {
  const { world, lease } = await begin({ tables: '[limits]\nmax_in_flight = 1\nqueue_ms = 60000' })
  await before(world)
  const release = await world.gate.services.slots.acquire('somebody')
  const waiting = executeRaw(world.client, lease, 'http_fetch', { url })
  await until(() => world.gate.services.slots.queued === 1)
  const done = await act(world)
  expect(done.status, done.text).toBe(200)
  release()
  return { world, answer: await waiting }
}

const nothing = (): Promise<void> => Promise.resolve()

test('a right that is taken away is gone for a call that waits for its slot', async () => {
  const { world, answer } = await whileWaiting('https://httpbin.org/', nothing, (gate) =>
    asOperator(gate, 'POST', '/v1/admin/policy/revoke', {
      body: { principal: 'agent-test', actions: ['http_fetch'] },
    }),
  )
  expect([answer.status, answer.json()]).toMatchObject([
    403,
    {
      error: 'policy_denied',
      deny_reason: "principal 'agent-test' is not authorised for action 'http_fetch'",
    },
  ])
  expect(world.upstream.requestsStarted).toBe(0)
})

test('a call that waits for its slot is not executed once its action needs an approval', async () => {
  const { world, answer } = await whileWaiting('https://httpbin.org/', nothing, (gate) =>
    asOperator(gate, 'POST', '/v1/admin/policy/require-approval', {
      body: { action_id: 'http_fetch', principal: '*' },
    }),
  )
  expect([answer.status, answer.json()]).toEqual([
    409,
    {
      error: 'policy_changed',
      message:
        'the call needs an approval since the policy was changed: nothing was done, repeat it',
      trace_id: expect.any(String),
    },
  ])
  expect(world.upstream.requestsStarted).toBe(0)
})

test('a call that waits for its slot does not go to a host that was removed', async () => {
  const { world, answer } = await whileWaiting(
    URL_OF_RULE,
    (gate) => asOperator(gate, 'POST', '/v1/admin/domains', { body: RULE }),
    (gate) => asOperator(gate, 'DELETE', '/v1/admin/domains', { body: RULE }),
  )
  expect([answer.status, answer.json()['error']]).toEqual([409, 'policy_changed'])
  expect(world.upstream.requestsStarted).toBe(0)
})

test('an edit that leaves a waiting call its rights leaves it alone', async () => {
  const { world, answer } = await whileWaiting('https://httpbin.org/', nothing, (gate) =>
    asOperator(gate, 'POST', '/v1/admin/policy/grant', {
      body: { principal: 'somebody', actions: ['http_fetch'] },
    }),
  )
  expect(answer.status, answer.text).toBe(200)
  expect(world.upstream.requestsStarted).toBe(1)
})

test('approving a call that was held for a rule does not open a host that was removed since', async () => {
  const { world, lease } = await begin({
    data: {
      policy_version: 'test-1',
      acl: ACL,
      latchgate: { require_approval: { http_fetch: { '*': true } } },
    },
  })
  await asOperator(world, 'POST', '/v1/admin/domains', { body: RULE })
  const { id } = await holdCall(world, lease, 'http_fetch', { url: URL_OF_RULE })
  await asOperator(world, 'DELETE', '/v1/admin/domains', { body: RULE })
  const refused = await approveCall(world, id)
  expect([refused.status, refused.json()]).toEqual([
    409,
    {
      error: 'policy_changed',
      message:
        "'api.example.com' was taken off the allow list since the call was held: nothing was done, repeat the call",
      trace_id: expect.any(String),
    },
  ])
  expect(world.upstream.requestsStarted).toBe(0)
  // Held anew, the plan says that the host is on no list: whoever approves that has seen it.
  const { id: again } = await holdCall(world, lease, 'http_fetch', { url: URL_OF_RULE })
  expect((await approveCall(world, again)).status).toBe(200)
  expect(world.upstream.requestsStarted).toBe(1)
})

test('a host that is added while a call waits for its approval does not end the approval', async () => {
  const { world, lease } = await begin({})
  const { id } = await holdCall(world, lease, 'http_fetch', { url: URL_OF_RULE })
  await asOperator(world, 'POST', '/v1/admin/domains', { body: RULE })
  expect((await approveCall(world, id)).status).toBe(200)
})

test('however many hosts an action has learned, its calls are held, shown and executed', async () => {
  const { world, lease } = await begin({})
  const long = Array.from({ length: 3 }, () => 'a'.repeat(60)).join('.')
  for (let count = 0; count < 100; count += 1) {
    const domain = `h${count}.${long}.example`
    const body = { action_id: 'http_fetch', domain }
    const added = await asOperator(world, 'POST', '/v1/admin/domains', { body })
    expect(added.status, added.text).toBe(200)
  }
  const { id } = await holdCall(world, lease, 'http_fetch', { url: URL_OF_RULE })
  const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
  const { plan } = detail.json() as { plan: { egress: string[] } }
  expect(plan.egress.filter((entry) => entry.endsWith('.example'))).toEqual([])
  expect(plan.egress.at(-1)).toBe('=api.example.com')
  expect((await approveCall(world, id)).status).toBe(200)
  await asOperator(world, 'POST', '/v1/admin/domains', { body: RULE })
  expect((await executeRaw(world.client, lease, 'http_fetch', { url: URL_OF_RULE })).status).toBe(
    200,
  )
  const poll = await asAgent(world, lease, `/v1/approvals/${id}/poll`)
  expect(poll.json()['status']).toBe('approved')
})
