import { afterAll, beforeAll, expect, test } from 'vitest'
import { approveCall, asOperator } from '../src/harness/approvals.js'
import { executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const TRACE = expect.any(String) as string

let world: World
let lease: HeldLease

beforeAll(async () => {
  world = await startWorld({ tables: '[rate_limits]\noperator_write_rps = 1000' })
  world.upstream.on('GET', '/', () => ({ status: 200, body: 'hello' }))
  lease = await takeLease(world.client)
})

afterAll(() => world.close())

function fetchExample(): ReturnType<typeof executeRaw> {
  return executeRaw(world.client, lease, 'http_fetch', { url: 'https://api.example.com/' })
}

test('a destination that an operator adds needs no approval any more, until it is removed', async () => {
  expect((await fetchExample()).status).toBe(202)
  const rule = { action_id: 'http_fetch', domain: 'API.example.com.' }
  const added = await asOperator(world, 'POST', '/v1/admin/domains', { body: rule })
  expect([added.status, added.json()]).toEqual([
    200,
    { action_id: 'http_fetch', domain: 'api.example.com', principal: '*', inserted: true },
  ])
  expect((await fetchExample()).status).toBe(200)
  const again = await asOperator(world, 'POST', '/v1/admin/domains', { body: rule })
  expect(again.json()['inserted']).toBe(false)
  const list = await asOperator(world, 'GET', '/v1/admin/domains?action=http_fetch')
  expect(list.json()).toEqual({
    domains: [
      {
        action_id: 'http_fetch',
        domain: 'api.example.com',
        principal: '*',
        added_by: 'operator',
        added_at: expect.stringMatching(/Z$/),
        source: 'api',
        approval_id: null,
      },
    ],
  })
  const removed = await asOperator(world, 'DELETE', '/v1/admin/domains', {
    body: { action_id: 'http_fetch', value: 'api.EXAMPLE.com' },
  })
  expect(removed.json()).toEqual({
    action_id: 'http_fetch',
    domain: 'api.example.com',
    principal: '*',
    deleted: true,
  })
  expect((await fetchExample()).status).toBe(202)
})

test('a rule of one principal is not for another', async () => {
  const path = '/v1/admin/domains'
  const body = { action_id: 'http_fetch', domain: 'api.example.com', principal: 'somebody' }
  await asOperator(world, 'POST', path, { body })
  expect((await fetchExample()).status).toBe(202)
  await asOperator(world, 'POST', path, { body: { ...body, principal: 'agent-test' } })
  expect((await fetchExample()).status).toBe(200)
  const cleared = await asOperator(world, 'DELETE', `${path}/clear?action=http_fetch`)
  expect(cleared.json()).toEqual({ action_id: 'http_fetch', deleted_count: 2 })
  expect((await fetchExample()).status).toBe(202)
})

test.each([
  [
    { action_id: 'http_fetch', domain: 'localhost' },
    'invalid_domain',
    400,
    'localhost is not a public destination',
  ],
  [
    { action_id: 'http_fetch', domain: '10.0.0.1' },
    'invalid_domain',
    400,
    'the address is not public',
  ],
  [
    { action_id: 'http_fetch', domain: '*.com' },
    'invalid_domain',
    400,
    'the wildcard would cover a whole top-level domain',
  ],
  [
    { action_id: 'http_fetch', domain: '*.example.com' },
    'invalid_domain',
    400,
    'the wildcard would cover a whole registered domain',
  ],
  [
    { action_id: 'a b', domain: 'a.example' },
    'invalid_action_id',
    400,
    'action_id must contain only [a-zA-Z0-9_-]',
  ],
  [{ domain: 'a.example' }, 'invalid_action_id', 400, 'action_id must be 1-253 characters'],
  [
    { action_id: 'http_fetch', domain: 'a.example', principal: '' },
    'invalid_principal',
    400,
    'principal must be 1-253 characters',
  ],
  [
    { action_id: 'http_fetch', domain: 'a.example', value: 'a.example' },
    'invalid_request',
    422,
    'name exactly one domain, a string',
    '/domain',
  ],
  [
    { action_id: 'http_fetch', domain: 'a.example', force: true },
    'invalid_request',
    422,
    "unknown member 'force': action_id, principal, domain, path_glob, value",
    '/force',
  ],
  [
    { action_id: 'http_fetch', domain: 'a.example', principal: 'a\u0007' },
    'invalid_principal',
    400,
    'principal must not contain control characters',
  ],
])('the rule %j is refused', async (body, error, status, detail, path?: string) => {
  const answer = await asOperator(world, 'POST', '/v1/admin/domains', { body })
  const at = path === undefined ? {} : { path }
  expect([answer.status, answer.json()]).toEqual([
    status,
    { error, detail, ...at, message: detail, trace_id: TRACE },
  ])
})

test('an action that does not exist is named', async () => {
  const body = { action_id: 'http_fecth', domain: 'a.example' }
  const answer = await asOperator(world, 'POST', '/v1/admin/domains', { body })
  expect([answer.status, answer.json()]).toEqual([
    400,
    {
      error: 'unknown_action',
      action_id: 'http_fecth',
      message: "there is no action 'http_fecth': GET /v1/actions lists what there is",
      trace_id: TRACE,
    },
  ])
})

test('clearing needs an action', async () => {
  const answer = await asOperator(world, 'DELETE', '/v1/admin/paths/clear')
  expect([answer.status, answer.json()]).toEqual([
    400,
    {
      error: 'bad_request',
      message: 'name the action whose rules are to go: ?action=<action_id>',
      trace_id: TRACE,
    },
  ])
})

test('paths are added and removed likewise; at most 50 an action', async () => {
  for (let i = 0; i < 50; i += 1) {
    const body = { action_id: 'http_fetch', path_glob: `docs/${i}/*.md` }
    const added = await asOperator(world, 'POST', '/v1/admin/paths', { body })
    expect(added.json()).toMatchObject({ path_glob: `docs/${i}/*.md`, inserted: true })
  }
  const body = { action_id: 'http_fetch', path_glob: 'more/*.md' }
  const full = await asOperator(world, 'POST', '/v1/admin/paths', { body })
  expect([full.status, full.json()]).toEqual([
    409,
    {
      error: 'conflict',
      message: "the action 'http_fetch' has as many learned path rules as it may have: remove some",
      trace_id: TRACE,
    },
  ])
  const list = await asOperator(world, 'GET', '/v1/admin/paths')
  expect(list.json()['paths']).toHaveLength(50)
})

test.each([
  ['/etc/passwd', 'it must be relative to the root of the session'],
  ['**', 'it would cover everything'],
  ['a/../b', "it has a '..' segment"],
  ['.ssh/id_rsa', "it reaches credentials ('.ssh')"],
  ['a/.ENV', "it reaches credentials ('.ENV')"],
  ['.env.local', "it reaches credentials ('.env.local')"],
  ['.config/latchgate/x', 'it reaches credentials'],
  ['a\nb', 'it has a control character'],
  ['', 'path_glob must be 1-1024 characters'],
])('the path %j is refused', async (path_glob, detail) => {
  const body = { action_id: 'http_fetch', path_glob }
  const answer = await asOperator(world, 'POST', '/v1/admin/paths', { body })
  expect([answer.status, answer.json()]).toEqual([
    400,
    { error: 'invalid_path_glob', detail, message: detail, trace_id: TRACE },
  ])
})

test('an operator is not told that something was learned for which there was no room', async () => {
  const { ledger, learned } = world.gate.services
  const now = Date.now()
  await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      ledger.learn({
        leaf: { type: 'policy', id: `rule-${i}`, body: { operator: 'operator' } },
        change: 'add',
        rule: { kind: 'domain', actionId: 'http_fetch', value: `a${i}.example`, principal: '*' },
        proof: { jkt: 'test', jti: `rule-${i}`, forgetAfter: now + 60_000 },
      }),
    ),
  )
  await learned.refresh()
  const held = await fetchExample()
  expect(held.status).toBe(202)
  const approved = await approveCall(world, String(held.json()['approval_id']), {
    body: { learn: { domain: 'api.example.com' } },
  })
  expect([approved.status, approved.json()['learned_domain']]).toEqual([200, undefined])
  expect((await fetchExample()).status).toBe(202)
})
