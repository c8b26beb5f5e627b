import { DPoPKeyPair } from '@latchgate/protocol/node'
import { resetBeforeAnswer } from '@latchgate/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiDocument, type ListenerName } from '../src/harness/api-document.js'
import { approveCall, asAgent, asOperator, denyCall, holdCall } from '../src/harness/approvals.js'
import { operatorHeaders } from '../src/harness/operator.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type RawAnswer,
  RawClient,
  takeLease,
} from '../src/harness/raw-client.js'
import { exchange } from '../src/harness/raw-socket.js'
import { startWorld, type World } from '../src/harness/world.js'

// Every answer that a client here gets is held against the document: status, headers and body.
const API = new ApiDocument()
const UNKNOWN = '0196a1b2-0000-7000-8000-000000000003'
const ISSUES = '/repos/acme/rocket/issues'
const CREATED = '{"id":1,"number":7,"html_url":"https://github.com/acme/rocket/issues/7"}'
const FETCH = { url: 'https://api.github.com/' }
const SECOND = await DPoPKeyPair.generate()
const SECOND_API_KEY = 'key-second-0123456789abcdef0123456789abcdef'
const TABLES = [
  '[approvals]',
  'max_pending_per_principal = 40',
  '[rate_limits]',
  'lease_rps = 1000',
  'execute_rps_anonymous = 1000',
  'execute_rps_per_session = 1000',
  'execute_rps_per_principal = 1000',
  'operator_read_rps = 1000',
  'operator_write_rps = 1000',
  '[operator_credentials.second]',
  `api_key = "${SECOND_API_KEY}"`,
  `dpop_jkt = "${SECOND.thumbprint}"`,
].join('\n')

let world: World
let checked: Record<ListenerName, RawClient> & Pick<World, 'gate'>
let lease: HeldLease
let title = 0

beforeAll(async () => {
  world = await startWorld(
    { tables: TABLES, scopes: ['tools:call', 'audit:read'] },
    { env: { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' } },
  )
  const { gate, upstream } = world
  const { socket, adminSocket } = gate.project
  const client = (name: ListenerName, path: string): RawClient =>
    new RawClient({ socket: path }, (request, answer) => API.check(name, request, answer))
  checked = { gate, client: client('client', socket), admin: client('admin', adminSocket) }
  lease = await takeLease(checked.client)
  const json = { 'content-type': 'application/json' }
  upstream.on('POST', ISSUES, () => ({ status: 201, headers: json, body: CREATED }))
  upstream.on('POST', '/repos/acme/broken/issues', resetBeforeAnswer())
  upstream.on('GET', '/broken', resetBeforeAnswer())
})

afterAll(async () => {
  await checked.client.close()
  await checked.admin.close()
  await world.close()
})

/** Holds a call that no other test has made: identical ones share an approval. */
async function hold(repo = 'rocket'): Promise<string> {
  title += 1
  const params = { owner: 'acme', repo, title: `Fins fall off, ${title}` }
  return (await holdCall(checked, lease, 'github_create_issue', params)).id
}

function statusAndCode(answer: RawAnswer): readonly unknown[] {
  return [answer.status, answer.json()['error']]
}

function postLease(body: unknown, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const request = {
    method: 'POST',
    path: '/v1/leases',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
  return checked.client.send(request)
}

describe('what each listener asks for', () => {
  test.each(
    API.operations.flatMap((operation) =>
      (['client', 'admin'] as const).map(
        (listener) => [operation.method, operation.path, listener, operation] as const,
      ),
    ),
  )('%s %s on the %s listener', async (method, path, listener, { listeners }) => {
    const request = { method, path: path.replace(/\{\w+\}/g, UNKNOWN) }
    const credential = listeners[listener]
    if (credential === undefined) {
      const answer = await world[listener].send(request)
      expect(statusAndCode(answer)).toBeOneOf([
        [404, 'not_found'],
        [405, 'method_not_allowed'],
      ])
      return
    }
    const headers = credentials(lease, method, request.path)
    const anonymous = (await checked[listener].send(request)).status
    const leased = (await checked[listener].send({ ...request, headers })).status
    expect([anonymous === 401, leased === 401]).toEqual([
      credential === 'lease' || credential === 'operator',
      credential === 'operator',
    ])
  })

  const open = API.operations.filter(({ listeners }) => listeners.client === 'none')

  test.each(open.map(({ method, path }) => [method, path] as const))(
    '%s %s is refused to a request with two Host headers',
    async (method, path) => {
      const target = path.replace(/\{\w+\}/g, 'http_fetch')
      const bytes = `${method} ${target} HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n`
      const [wire] = await exchange(world.gate.project.socket, bytes)
      const { status, headers, body: text } = wire ?? { status: 0, headers: {}, body: '' }
      const json = (): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>
      const answer = { status, headers, text, json }
      API.check('client', { method, path: target }, answer)
      expect(statusAndCode(answer)).toEqual([400, 'bad_request'])
    },
  )
})

test.each([
  '/healthz',
  '/readyz',
  '/.well-known/jwks.json',
  '/v1/receipt-keys',
  '/v1/actions',
  '/v1/actions/http_fetch',
  '/v1/actions/github_create_issue',
  '/v1/actions/http_fetch/schema/request',
])('GET %s answers anybody', async (path) => {
  for (const listener of ['client', 'admin'] as const) {
    expect((await checked[listener].send({ method: 'GET', path })).status).toBe(200)
  }
})

test('an agent asks for the actions that it may call', async () => {
  expect((await asAgent(checked, lease, '/v1/permitted-actions')).status).toBe(200)
})

test('a lease is taken, renewed, and refused', async () => {
  const key = await DPoPKeyPair.generate()
  const body = { scopes: ['tools:call'], dpop_jwk: key.publicJwk }
  const budgets = { max_calls: 5, max_cost_usd_cents: 100 }
  const label = { 'x-latchgate-agent': 'a-test' }
  const taken = await postLease({ ...body, budgets, fs_root: null }, label)
  expect(taken.status).toBe(200)
  const held = { jwt: String(taken.json()['lease_jwt']), key, sessionId: '' }
  const proven = credentials(held, 'POST', '/v1/leases')
  expect((await postLease(body, proven)).status).toBe(200)
  expect(statusAndCode(await postLease(body, proven))).toEqual([401, 'replay_detected'])
  for (const [refused, status, code] of [
    [{ ...body, scopes: [] }, 400, 'invalid_request'],
    [{ ...body, scopes: 'x' }, 422, 'invalid_request'],
    [{ ...body, scopes: ['email:send'] }, 403, 'scope_not_permitted'],
    [{ ...body, fs_root: 'x' }, 400, 'invalid_fs_root'],
  ] as const) {
    expect(statusAndCode(await postLease(refused))).toEqual([status, code])
  }
  const untyped = await checked.client.send({ method: 'POST', path: '/v1/leases', body: '{}' })
  expect(statusAndCode(untyped)).toEqual([415, 'unsupported_media_type'])
})

test('an action is executed, held, refused, and fails', async () => {
  expect((await executeRaw(checked.client, lease, 'http_fetch', FETCH)).status).toBe(200)
  expect(await hold()).toMatch(/-/)
  for (const [action, params, status, code] of [
    ['nope', {}, 404, 'action_not_found'],
    ['http_fetch', { link: 'x' }, 422, 'schema_violation'],
    ['http_fetch', '{"url":', 422, 'schema_violation'],
    ['http_bearer_get', FETCH, 403, 'policy_denied'],
    ['http_fetch', { url: 'https://api.github.com/broken' }, 502, 'action_execution_failed'],
  ] as const) {
    const answer = await executeRaw(checked.client, lease, action, params)
    expect(statusAndCode(answer), action).toEqual([status, code])
  }
  const poor = await takeLease(checked.client, { budgets: { max_calls: 0 } })
  const spent = await executeRaw(checked.client, poor, 'http_fetch', FETCH)
  expect(statusAndCode(spent)).toEqual([403, 'budget_exhausted'])
})

test('a receipt is read by its principal and by operators, of calls that went well or not', async () => {
  const calls = [FETCH, { url: 'https://api.github.com/broken' }]
  for (const params of calls) {
    const done = await executeRaw(checked.client, lease, 'http_fetch', params)
    const path = `/v1/receipts/${String(done.json()['receipt_id'])}`
    expect((await asAgent(checked, lease, path)).status).toBe(200)
    expect((await asOperator(checked, 'GET', path)).status).toBe(200)
  }
  const path = `/v1/receipts/${UNKNOWN}`
  expect(statusAndCode(await asAgent(checked, lease, path))).toEqual([404, 'not_found'])
  expect(statusAndCode(await asOperator(checked, 'GET', path))).toEqual([404, 'not_found'])
})

test('an approval is watched from the hold to the result', async () => {
  const id = await hold()
  const path = `/v1/approvals/${id}`
  const ask = async (what: string): Promise<readonly unknown[]> => {
    const { status, json } = await asAgent(checked, lease, `${path}/${what}`)
    return [status, json()['status'] ?? json()['error'] ?? json()['decision']]
  }
  expect(await ask('poll')).toEqual([200, 'pending'])
  expect(await ask('wait?timeout_ms=1')).toEqual([200, 'pending'])
  expect(await ask('wait?timeout_ms=x')).toEqual([400, 'bad_request'])
  expect(await ask('result')).toEqual([409, 'approval_pending'])
  expect((await asOperator(checked, 'GET', path)).json()).toMatchObject({ status: 'pending' })
  const stale = await approveCall(checked, id, { body: { plan_hash: '0'.repeat(64) } })
  expect(statusAndCode(stale)).toEqual([409, 'plan_hash_mismatch'])
  expect((await approveCall(checked, id)).json()).toMatchObject({ approval: { decision: 'allow' } })
  expect((await approveCall(checked, id)).json()).toMatchObject({ decision: 'already_approved' })
  expect(await ask('poll')).toEqual([200, 'approved'])
  expect(await ask('wait')).toEqual([200, 'approved'])
  expect(await ask('result')).toEqual([200, 'executed'])
  expect((await asOperator(checked, 'GET', path)).json()).toMatchObject({ status: 'approved' })
})

test('an approval is denied, and its answers say so', async () => {
  const id = await hold()
  const path = `/v1/approvals/${id}`
  const unknown = await denyCall(checked, id, { body: { why: 'no' } })
  expect(statusAndCode(unknown)).toEqual([422, 'invalid_request'])
  const denied = await denyCall(checked, id, { body: { reason: 'not today' } })
  expect(denied.json()).toMatchObject({ decision: 'deny' })
  expect((await denyCall(checked, id)).json()).toMatchObject({ decision: 'already_denied' })
  const poll = await asAgent(checked, lease, `${path}/poll`)
  expect(poll.json()).toMatchObject({ status: 'denied', reason: 'not today' })
  const result = await asAgent(checked, lease, `${path}/result`)
  expect(statusAndCode(result)).toEqual([403, 'approval_denied'])
  expect((await asOperator(checked, 'GET', path)).json()).toMatchObject({ status: 'denied' })
})

test('an approved call fails with a receipt, for its operator and for its agent', async () => {
  const id = await hold('broken')
  const failed = await approveCall(checked, id)
  expect(statusAndCode(failed)).toEqual([502, 'action_execution_failed'])
  expect(failed.json()).toMatchObject({ approval: { approval_id: id } })
  const path = `/v1/approvals/${id}`
  const result = await asAgent(checked, lease, `${path}/result`)
  expect(statusAndCode(result)).toEqual([502, 'action_execution_failed'])
  expect((await asAgent(checked, lease, `${path}/poll`)).json()).toMatchObject({ status: 'failed' })
  expect((await asOperator(checked, 'GET', path)).json()).toMatchObject({ status: 'failed' })
})

test('an approval that takes two operators is pending after the first', async () => {
  const quorum = async (approvals: number): Promise<RawAnswer> => {
    const body = { action_id: 'github_create_issue', principal: '*', approvals }
    return asOperator(checked, 'POST', '/v1/admin/policy/quorum', { body })
  }
  expect((await quorum(2)).status).toBe(200)
  const id = await hold()
  expect((await approveCall(checked, id)).json()).toMatchObject({ status: 'pending', required: 2 })
  const path = `/v1/approvals/${id}/approve`
  const second = { jwt: SECOND_API_KEY, key: SECOND, sessionId: '' }
  const headers = credentials(second, 'POST', path)
  const last = await checked.admin.send({ method: 'POST', path, headers })
  expect(last.json()).toMatchObject({ approval: { approved_by: 'second' } })
  expect((await quorum(1)).status).toBe(200)
  expect(statusAndCode(await quorum(9))).toEqual([400, 'invalid_input'])
})

test('an approval that is not there is 404 for everybody', async () => {
  const path = `/v1/approvals/${UNKNOWN}`
  for (const what of ['poll', 'wait', 'result']) {
    const answer = await asAgent(checked, lease, `${path}/${what}`)
    expect(statusAndCode(answer)).toEqual([404, 'approval_not_found'])
  }
  for (const answer of [
    await asOperator(checked, 'GET', path),
    await approveCall(checked, UNKNOWN),
    await denyCall(checked, UNKNOWN),
  ]) {
    expect(statusAndCode(answer)).toEqual([404, 'approval_not_found'])
  }
})

test('approvals are listed on both listeners', async () => {
  await hold()
  const list = '/v1/approvals?status=pending&limit=1'
  expect((await asAgent(checked, lease, list)).json()).toMatchObject({ count: 1 })
  expect((await asOperator(checked, 'GET', list)).json()).toMatchObject({ count: 1 })
  const bad = await asOperator(checked, 'GET', '/v1/approvals?status=none')
  expect(statusAndCode(bad)).toEqual([400, 'bad_request'])
})

test('an operator with another key is told what is wrong where a decision is at stake', async () => {
  const key = await DPoPKeyPair.generate()
  const approve = await approveCall(checked, UNKNOWN, { key })
  expect(statusAndCode(approve)).toEqual([401, 'key_binding_failed'])
  const status = await asOperator(checked, 'GET', '/v1/admin/status', { key })
  expect(statusAndCode(status)).toEqual([401, 'unauthorized'])
})

test.each([
  ['domains', { domain: 'api.example.com' }, { value: 'www.example.com' }, { domain: 'x' }],
  ['paths', { path_glob: 'notes/**' }, { value: 'drafts/*' }, { path_glob: '**' }],
] as const)('learned %s are added, listed, removed and cleared', async (name, one, other, bad) => {
  const path = `/v1/admin/${name}`
  const act = (method: string, body: object): Promise<RawAnswer> =>
    asOperator(checked, method, path, { body: { action_id: 'http_fetch', ...body } })
  expect((await act('POST', one)).json()).toMatchObject({ inserted: true })
  expect((await act('POST', { ...other, principal: 'me' })).json()).toMatchObject({
    inserted: true,
  })
  const listed = await asOperator(checked, 'GET', `${path}?action=http_fetch`)
  expect(listed.json()[name]).toHaveLength(2)
  expect((await act('DELETE', one)).json()).toMatchObject({ deleted: true })
  expect((await act('POST', bad)).status).toBe(400)
  expect(statusAndCode(await act('DELETE', { principal: 7 }))).toEqual([422, 'invalid_request'])
  const unknown = await act('POST', { ...one, action_id: 'nope' })
  expect(statusAndCode(unknown)).toEqual([400, 'unknown_action'])
  const cleared = await asOperator(checked, 'DELETE', `${path}/clear?action=http_fetch`)
  expect(cleared.json()).toEqual({ action_id: 'http_fetch', deleted_count: 1 })
  const unnamed = await asOperator(checked, 'DELETE', `${path}/clear`)
  expect(statusAndCode(unnamed)).toEqual([400, 'bad_request'])
  const twice = await asOperator(checked, 'GET', `${path}?action=a&action=b`)
  expect(statusAndCode(twice)).toEqual([400, 'bad_request'])
})

test('the gate tells how it is, and stops and goes on beginning calls', async () => {
  expect((await asOperator(checked, 'GET', '/v1/admin/status')).status).toBe(200)
  expect((await asOperator(checked, 'GET', '/v1/admin/intents')).status).toBe(200)
  const drain = '/v1/admin/drain'
  const id = await hold()
  expect((await asOperator(checked, 'POST', drain)).json()).toMatchObject({ draining: true })
  for (const answer of [
    await executeRaw(checked.client, lease, 'http_fetch', FETCH),
    await postLease({}),
    await approveCall(checked, id),
  ]) {
    expect(statusAndCode(answer)).toEqual([503, 'draining'])
  }
  expect((await asOperator(checked, 'DELETE', drain)).json()).toMatchObject({ draining: false })
})

test('policy is shown and changed, and manifests are loaded again', async () => {
  const base = '/v1/admin/policy'
  const post = (name: string, body: object): Promise<RawAnswer> =>
    asOperator(checked, 'POST', `${base}/${name}`, { body })
  const rights = { principal: 'newcomer', actions: ['http_fetch', 'http_post'] }
  expect((await post('grant', rights)).json()).toMatchObject({ total_actions: 2 })
  expect((await post('revoke', { ...rights, actions: ['http_post'] })).status).toBe(200)
  expect((await asOperator(checked, 'GET', `${base}/newcomer`)).status).toBe(200)
  const bypass = { action_id: 'http_post', agent_id: 'newcomer' }
  const rule = { action_id: 'http_fetch', principal: 'newcomer' }
  const quotas = [{ calls: 100, cost_usd_cents: 5, window_seconds: 60 }]
  expect((await post('allowlist', bypass)).status).toBe(200)
  expect((await post('require-approval', rule)).status).toBe(200)
  expect((await post('quota', { principal: 'newcomer', quotas })).status).toBe(200)
  const shown = await asOperator(checked, 'GET', base)
  expect(shown.json()).toMatchObject({ quotas: { newcomer: quotas } })
  const take = (name: string, body: object): Promise<RawAnswer> =>
    asOperator(checked, 'DELETE', `${base}/${name}`, { body })
  expect((await take('allowlist', bypass)).status).toBe(200)
  expect((await take('require-approval', rule)).status).toBe(200)
  const gone = await post('revoke', { principal: 'newcomer', remove_principal: true })
  expect(gone.json()).toMatchObject({ principal_removed: true })
  expect((await asOperator(checked, 'POST', '/v1/admin/reload')).json()).toMatchObject({ ok: true })
  for (const [answer, status, code] of [
    [await asOperator(checked, 'GET', `${base}/newcomer`), 404, 'principal_not_found'],
    [await post('grant', { ...rights, actions: [] }), 400, 'empty_actions'],
    [await post('grant', { ...rights, actions: ['nope'] }), 400, 'unknown_action'],
    [await post('revoke', { principal: '_x', actions: ['a'] }), 400, 'invalid_principal'],
    [await post('allowlist', { ...bypass, action_id: 'nope' }), 404, 'action_not_found'],
    [await take('allowlist', bypass), 404, 'allowlist_entry_not_found'],
    [await post('require-approval', { ...rule, action_id: '?' }), 400, 'invalid_action_id'],
    [await take('require-approval', rule), 404, 'not_found'],
    [await post('quota', { principal: 'x', quotas: 7 }), 422, 'invalid_request'],
  ] as const) {
    expect(statusAndCode(answer)).toEqual([status, code])
  }
})

test('what happened is listed, paged, followed and verified', async () => {
  for (const path of ['/v1/audit/events', '/v1/audit/recent', '/v1/audit']) {
    const page = await asOperator(checked, 'GET', `${path}?limit=1000`)
    expect([page.status, (page.json()['events'] as object[]).length > 10]).toEqual([200, true])
    const bad = await asOperator(checked, 'GET', `${path}?limit=x`)
    expect(statusAndCode(bad)).toEqual([400, 'bad_request'])
  }
  const first = await asOperator(checked, 'GET', '/v1/audit/events?limit=1')
  const next = String(first.json()['next_cursor'])
  expect((await asOperator(checked, 'GET', `/v1/audit?cursor=${next}`)).status).toBe(200)
  const followed = await asOperator(checked, 'GET', '/v1/audit/events?since_index=-1&decision=deny')
  expect(followed.json()).toMatchObject({ next_since_index: expect.any(Number) })
  const verified = await asOperator(checked, 'GET', '/v1/audit/verify')
  expect(verified.json()).toMatchObject({ intact: true })
})

test('a proof is used up by what an operator does', async () => {
  const path = '/v1/admin/drain'
  const headers = operatorHeaders(world.gate.project, 'DELETE', path)
  const request = { method: 'DELETE', path, headers }
  expect((await checked.admin.send(request)).status).toBe(200)
  expect((await checked.admin.send(request)).status).toBe(401)
})

test('leases are revoked, each by itself and all of them', async () => {
  const path = '/v1/admin/revoke'
  const session = await takeLease(checked.client)
  for (const body of [
    { lease_jti: UNKNOWN, reason: 'lost' },
    { session_id: session.sessionId },
    { principal: 'somebody' },
    { all: true },
  ]) {
    expect((await asOperator(checked, 'POST', path, { body })).status).toBe(200)
  }
  const two = await asOperator(checked, 'POST', path, { body: { all: true, principal: 'x' } })
  expect(statusAndCode(two)).toEqual([422, 'invalid_request'])
  expect((await asOperator(checked, 'POST', '/v1/admin/revoke-all')).status).toBe(200)
  expect((await asOperator(checked, 'GET', '/v1/admin/epoch')).status).toBe(200)
  const late = await executeRaw(checked.client, lease, 'http_fetch', FETCH)
  expect(statusAndCode(late)).toEqual([401, 'lease_revoked'])
})

// The last one: it looks at what all the others have seen.
test('every documented operation has been seen to succeed and to fail', () => {
  const unseen = API.operations.flatMap((operation) =>
    (['success', 'error'] as const)
      .filter((kind) => !API.hasSeen(operation, kind))
      .map((kind) => `${operation.method} ${operation.path}: no ${kind}`),
  )
  expect(unseen).toEqual([])
  expect(API.unseenSuccesses()).toEqual([])
})
