import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LatchGateClient } from 'latchgate'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { asAgent, asOperator } from '../src/harness/approvals.js'
import { credentials, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const RATES =
  '[rate_limits]\nlease_rps = 1000\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000'
const DATA = {
  policy_version: 'team-1',
  acl: {
    'agent-test': {
      allowed_actions: ['github_create_issue', 'http_delete', 'http_fetch'],
      // The sink that http_delete declares is not here.
      allowed_sinks: ['http_read', 'http_write'],
    },
  },
}
const PATH = '/v1/permitted-actions'

let world: World

beforeAll(async () => {
  world = await startWorld({ tables: RATES, data: DATA, scopes: ['tools:call', 'docs:read'] })
})

afterAll(async () => {
  await world.close()
})

async function listed(): Promise<RawAnswer> {
  return asAgent(world, await takeLease(world.client), PATH)
}

function approvals(answer: RawAnswer): Readonly<Record<string, string>> {
  const { actions } = answer.json() as {
    readonly actions: readonly { readonly action_id: string; readonly approval: string }[]
  }
  return Object.fromEntries(actions.map(({ action_id, approval }) => [action_id, approval]))
}

test('an agent sees the actions that policy would not refuse it, and which of them a human decides', async () => {
  const answer = await listed()
  expect(answer.status).toBe(200)
  expect(approvals(answer)).toEqual({ github_create_issue: 'required', http_fetch: 'none' })
})

test('each of them is described as the catalogue describes it', async () => {
  const answer = await listed()
  const fetch = (answer.json()['actions'] as readonly Record<string, unknown>[]).at(-1)
  const of = async (path: string): Promise<Record<string, unknown>> =>
    (await world.client.send({ method: 'GET', path: `/v1/actions/http_fetch${path}` })).json()
  const detail = await of('')
  expect(fetch).toEqual({
    action_id: 'http_fetch',
    version: detail['version'],
    description: detail['description'],
    risk_level: 'low',
    declared_side_effects: ['http_read'],
    egress: detail['egress'],
    approval: 'none',
    request_schema: await of('/schema/request'),
  })
  expect(answer.json()['policy_version']).toBe('team-1')
})

test('a lease without the scope to call sees nothing', async () => {
  const lease = await takeLease(world.client, { scopes: ['docs:read'] })
  const answer = await asAgent(world, lease, PATH)
  expect([answer.status, answer.json()]).toEqual([200, { policy_version: 'team-1', actions: [] }])
})

test('nobody without a lease sees anything', async () => {
  const answer = await world.client.send({ method: 'GET', path: PATH })
  expect([answer.status, answer.json()['error']]).toEqual([401, 'missing_auth_header'])
})

test('the tag stays as long as the answer does, and an edit of the policy changes both', async () => {
  const before = await listed()
  const again = await listed()
  expect(before.headers['etag']).toMatch(/^"[\w-]{43}"$/)
  expect(again.headers['etag']).toBe(before.headers['etag'])
  const file = join(world.gate.project.root, 'policies', 'data.json')
  const rule = { latchgate: { require_approval: { http_fetch: { 'agent-test': true } } } }
  const document = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  writeFileSync(file, JSON.stringify({ ...document, ...rule }))
  expect((await asOperator(world, 'POST', '/v1/admin/reload')).status).toBe(200)
  const after = await listed()
  expect(after.headers['etag']).not.toBe(before.headers['etag'])
  expect(approvals(after)).toEqual({ github_create_issue: 'required', http_fetch: 'required' })
})

test.each([
  ['it', (tag: string) => tag],
  ['its weak form', (tag: string) => `W/${tag}`],
  ['a list with it', (tag: string) => `"other", ${tag}`],
  ['anything there is', () => '*'],
])('who shows the tag as %s is told that nothing has changed, without a body', async (_, form) => {
  const lease = await takeLease(world.client)
  const before = await asAgent(world, lease, PATH)
  const tag = String(before.headers['etag'])
  const answer = await world.client.send({
    method: 'GET',
    path: PATH,
    headers: { ...credentials(lease, 'GET', PATH), 'if-none-match': form(tag) },
  })
  expect([answer.status, answer.text]).toEqual([304, ''])
  expect([answer.headers['etag'], answer.headers['content-type']]).toEqual([tag, undefined])
  expect(answer.headers['content-length'] ?? '0').toBe('0')
})

test.each(['"other"', '', 'no tag', '"'])(
  'a tag like %j is none of ours: the whole list',
  async (tag) => {
    const lease = await takeLease(world.client)
    const answer = await world.client.send({
      method: 'GET',
      path: PATH,
      headers: { ...credentials(lease, 'GET', PATH), 'if-none-match': tag },
    })
    expect(answer.status).toBe(200)
    expect(answer.json()['actions']).toHaveLength(2)
  },
)

test('a tag opens nothing: without a lease it is a 401, with other scopes another list', async () => {
  const before = await listed()
  const headers = { 'if-none-match': String(before.headers['etag']) }
  const anonymous = await world.client.send({ method: 'GET', path: PATH, headers })
  expect([anonymous.status, anonymous.json()['error']]).toEqual([401, 'missing_auth_header'])
  const lease = await takeLease(world.client, { scopes: ['docs:read'] })
  const other = await world.client.send({
    method: 'GET',
    path: PATH,
    headers: { ...credentials(lease, 'GET', PATH), ...headers },
  })
  expect([other.status, other.json()]).toEqual([200, { policy_version: 'team-1', actions: [] }])
})

test('the client of the SDK reads the list', async () => {
  const client = new LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
  const actions = await client.listPermittedActions()
  await client.close()
  expect(actions.map(({ actionId }) => actionId)).toEqual(['github_create_issue', 'http_fetch'])
  expect(actions.at(-1)).toMatchObject({
    riskLevel: 'low',
    declaredSideEffects: ['http_read'],
    egress: { profile: 'proxy_allowlist' },
    requestSchema: { type: 'object' },
  })
})

test('the client of the SDK is told that nothing has changed, and of what has', async () => {
  const own = await startWorld({ tables: RATES, data: DATA })
  const client = new LatchGateClient({ socket: own.gate.project.socket, agentId: 'a' })
  onTestFinished(async () => {
    await client.close()
    await own.close()
  })
  const first = await client.listPermittedActions()
  expect(await client.listPermittedActions()).toBe(first)
  const acl = { 'agent-test': { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] } }
  const file = join(own.gate.project.root, 'policies', 'data.json')
  writeFileSync(file, JSON.stringify({ policy_version: 'team-2', acl }))
  expect((await asOperator(own, 'POST', '/v1/admin/reload')).status).toBe(200)
  const second = await client.listPermittedActions()
  expect(second.map(({ actionId }) => actionId)).toEqual(['http_fetch'])
})

test('without a policy there is no list, and what is broken has its name', async () => {
  const broken = await startWorld({ tables: RATES, data: DATA })
  onTestFinished(() => broken.close())
  const lease = await takeLease(broken.client)
  await broken.gate.services.policy.close()
  const answer = await asAgent(broken, lease, PATH)
  expect([answer.status, answer.json()]).toEqual([
    503,
    {
      error: 'policy_engine_unavailable',
      message: expect.any(String),
      trace_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    },
  ])
})
