import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asOperator } from '../src/harness/approvals.js'
import { ALL_ACTIONS, ALL_SINKS } from '../src/harness/gate.js'
import { operatorHeaders } from '../src/harness/operator.js'
import { policyRecords } from '../src/harness/policy-records.js'
import { executeRaw, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const RATES =
  '[rate_limits]\noperator_read_rps = 1000\noperator_write_rps = 1000\nlease_rps = 1000\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000'
const TRACE = expect.stringMatching(/^[0-9a-f-]{36}$/)
const DATA = {
  _WARNING: 'by hand',
  policy_version: 'team-1',
  acl: {
    '*': { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] },
    'agent-test': { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] },
    grant: { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read', 'by_hand'] },
    'a/b %c': { allowed_actions: [], allowed_sinks: [] },
    heir: { allowed_actions: ['http_fetch'], allowed_sinks: [], inherits_wildcard: true },
  },
}

let world: World

beforeAll(async () => {
  world = await startWorld({ tables: RATES, data: DATA })
  world.upstream.on('GET', '/', () => ({ body: 'ok' }))
})

afterAll(async () => {
  await world.close()
})

const file = (): string => join(world.gate.project.root, 'policies', 'data.json')
const onDisk = (): Record<string, unknown> =>
  JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>
const ask = (method: string, path: string, body?: unknown): Promise<RawAnswer> =>
  asOperator(world, method, `/v1/admin${path}`, { body })
const lastRecord = (): Record<string, unknown> => policyRecords(world.gate.project).at(-1) ?? {}

async function answered(
  method: string,
  path: string,
  body?: unknown,
): Promise<readonly [number, unknown]> {
  const answer = await ask(method, path, body)
  return [answer.status, answer.json()]
}

test('the start records which policy data is in force, without an operator', () => {
  const [record] = policyRecords(world.gate.project)
  const digest = world.gate.services.policy.dataDigest
  expect(record).toEqual({
    event_type: 'policy_loaded',
    trace_id: TRACE,
    operator: null,
    operator_sender_binding: null,
    operator_proof_jti: null,
    text: `policy=team-1 digest=${digest}`,
    detail: { version: 'team-1', digest, digest_before: null },
    dev_mode: true,
  })
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
})

test('GET /v1/admin/policy shows everything that is in force', async () => {
  expect(await answered('GET', '/policy')).toEqual([
    200,
    {
      policy_version: 'team-1',
      acl: DATA.acl,
      allowlist: {},
      require_approval: {},
      quotas: {},
      quorum: {},
    },
  ])
})

test.each([
  ['grant', 'grant'],
  ['a/b %c', 'a%2Fb%20%25c'],
  ['*', '*'],
  ['*', '%2A'],
])(
  'GET /v1/admin/policy/{principal} shows the principal %s, asked for as %s',
  async (principal, written) => {
    const acl = DATA.acl[principal as keyof typeof DATA.acl]
    expect(await answered('GET', `/policy/${written}`)).toEqual([200, { principal, acl }])
  },
)

test('GET of a principal without an entry is 404, also of one named like what objects inherit', async () => {
  for (const principal of ['nobody', 'constructor', '__proto__']) {
    expect(await answered('GET', `/policy/${principal}`)).toEqual([
      404,
      {
        error: 'principal_not_found',
        principal,
        message: `there is no entry of '${principal}': without one a principal has the rights of '*'`,
        trace_id: TRACE,
      },
    ])
  }
})

test('a grant is in the file, in force and recorded; the file keeps its comments', async () => {
  const before = world.gate.services.policy.dataDigest
  const lease = await takeLease(world.client)
  const params = { url: 'https://api.github.com/', body: {} }
  const denied = await executeRaw(world.client, lease, 'http_post', params)
  expect(denied.json()).toMatchObject({
    error: 'policy_denied',
    remediation: 'Run: latchgate policy grant agent-test http_post',
  })
  expect(
    await answered('POST', '/policy/grant', { principal: 'agent-test', actions: ['http_post'] }),
  ).toEqual([
    200,
    {
      principal: 'agent-test',
      granted: ['http_post'],
      total_actions: 2,
      allowed_sinks: ['http_read', 'http_write'],
    },
  ])
  const after = world.gate.services.policy.dataDigest
  expect(onDisk()).toEqual({
    ...DATA,
    policy_version: 'team-2',
    acl: {
      ...DATA.acl,
      'agent-test': {
        allowed_actions: ['http_fetch', 'http_post'],
        allowed_sinks: ['http_read', 'http_write'],
      },
    },
  })
  expect(lastRecord()).toEqual({
    event_type: 'policy_grant',
    trace_id: TRACE,
    operator: 'operator',
    operator_sender_binding: world.gate.project.operator.key.thumbprint,
    operator_proof_jti: expect.any(String),
    proof: { jkt: world.gate.project.operator.key.thumbprint, jti: expect.any(String) },
    text: 'principal=agent-test actions=http_post total=2',
    detail: {
      principal: 'agent-test',
      actions: ['http_post'],
      changed: true,
      version_before: 'team-1',
      version_after: 'team-2',
      digest_before: before,
      digest_after: after,
    },
    dev_mode: true,
  })
  const allowed = await executeRaw(world.client, lease, 'http_post', params)
  expect(allowed.text).not.toContain('is not authorised')
  expect(
    await answered('POST', '/policy/revoke', { principal: 'agent-test', actions: ['http_post'] }),
  ).toEqual([
    200,
    {
      principal: 'agent-test',
      revoked: ['http_post'],
      remaining_actions: 1,
      allowed_sinks: ['http_read'],
      principal_removed: false,
    },
  ])
  expect(lastRecord()).toMatchObject({
    event_type: 'policy_revoke',
    text: 'principal=agent-test actions=http_post remaining=1',
    detail: { digest_before: after, version_after: 'team-3', principal_removed: false },
  })
  const again = await executeRaw(world.client, lease, 'http_post', params)
  expect([again.status, again.json()['deny_reason']]).toEqual([
    403,
    "principal 'agent-test' is not authorised for action 'http_post'",
  ])
})

test('a revoke names what the principal keeps, and removes an entry only when told to', async () => {
  const body = { principal: 'heir', actions: ['http_fetch'] }
  const revoked = {
    principal: 'heir',
    revoked: ['http_fetch'],
    remaining_actions: 0,
    allowed_sinks: [],
    still_allowed: ['http_fetch'],
  }
  expect(await answered('POST', '/policy/revoke', body)).toEqual([
    200,
    { ...revoked, principal_removed: false },
  ])
  expect(await answered('POST', '/policy/revoke', { ...body, remove_principal: true })).toEqual([
    200,
    { ...revoked, principal_removed: true },
  ])
  expect(lastRecord()['detail']).toMatchObject({ principal: 'heir', principal_removed: true })
  expect((await ask('GET', '/policy/heir')).status).toBe(404)
  const detail =
    "without an entry 'a/b %c' would have what '*' gives everybody (http_fetch, http_read): " +
    'leave the entry, which may be empty, or revoke those from `*` first'
  expect(
    await answered('POST', '/policy/revoke', { principal: 'a/b %c', remove_principal: true }),
  ).toEqual([400, { error: 'invalid_input', detail, message: detail, trace_id: TRACE }])
})

test('a revoke for somebody unknown succeeds and changes nothing, and is recorded all the same', async () => {
  const before = readFileSync(file(), 'utf8')
  expect(
    await answered('POST', '/policy/revoke', { principal: 'nobody', actions: ['http_post'] }),
  ).toEqual([
    200,
    {
      principal: 'nobody',
      revoked: ['http_post'],
      remaining_actions: 0,
      allowed_sinks: [],
      principal_removed: false,
    },
  ])
  expect(readFileSync(file(), 'utf8')).toBe(before)
  expect(lastRecord()).toMatchObject({
    event_type: 'policy_revoke',
    text: 'principal=nobody actions=http_post remaining=0',
    detail: { actions: [], changed: false },
  })
})

test.each([
  [
    'POST',
    'allowlist',
    { action_id: 'http_delete', agent_id: 'agent-test' },
    'policy_allowlist_added',
    'action_id=http_delete agent_id=agent-test',
    { allowlist: { http_delete: { 'agent-test': true } } },
  ],
  [
    'DELETE',
    'allowlist',
    { action_id: 'http_delete', agent_id: 'agent-test' },
    'policy_allowlist_removed',
    'action_id=http_delete agent_id=agent-test',
    { allowlist: {} },
  ],
  [
    'POST',
    'require-approval',
    { action_id: 'http_fetch', principal: '*' },
    'policy_require_approval_added',
    'action_id=http_fetch principal=*',
    { require_approval: { http_fetch: { '*': true } } },
  ],
  [
    'POST',
    'quorum',
    { action_id: 'http_fetch', principal: '*', approvals: 2 },
    'policy_quorum_set',
    'action_id=http_fetch principal=* approvals=2',
    { quorum: { http_fetch: { '*': 2 } } },
  ],
  [
    'DELETE',
    'require-approval',
    { action_id: 'http_fetch', principal: '*' },
    'policy_require_approval_removed',
    'action_id=http_fetch principal=*',
    { require_approval: {} },
  ],
  [
    'POST',
    'quota',
    { principal: 'agent-test', quotas: [{ calls: 9, window_seconds: 60 }] },
    'policy_quota_set',
    'principal=agent-test quotas=[{"calls":9,"window_seconds":60}]',
    { quotas: { 'agent-test': [{ calls: 9, window_seconds: 60 }] } },
  ],
])(
  '%s %s answers what it did, bumps the version and is recorded',
  async (method, name, body, event, text, shown) => {
    const { policy_version: before } = onDisk()
    expect(await answered(method, `/policy/${name}`, body)).toEqual([200, { ok: true, ...body }])
    const { policy_version: after } = onDisk()
    expect(Number(String(after).slice(5))).toBe(Number(String(before).slice(5)) + 1)
    expect(lastRecord()).toMatchObject({
      event_type: event,
      text,
      detail: { version_before: before, version_after: after },
    })
    const [, policy] = await answered('GET', '/policy')
    expect(policy).toMatchObject({ policy_version: after, ...shown })
  },
)

test.each([
  ['grant', 'x', ['', 'the body must be a JSON object']],
  ['grant', {}, ['/principal', 'principal must be a string']],
  ['grant', { principal: 'a' }, ['/actions', 'actions must be an array of strings']],
  ['grant', { principal: 'a', actions: [1] }, ['/actions', 'actions must be an array of strings']],
  [
    'grant',
    { principal: 'a', actions: ['http_fetch'], remove_principal: true },
    ['/remove_principal', "unknown member 'remove_principal': principal, actions"],
  ],
  [
    'revoke',
    { principal: 'a', actoins: [] },
    ['/actoins', "unknown member 'actoins': did you mean 'actions'?"],
  ],
  [
    'revoke',
    { principal: 'a', remove_principal: 1 },
    ['/remove_principal', 'remove_principal must be true or false'],
  ],
  [
    'quota',
    { principal: 'a', quotas: [{ calls: 1, window: 1 }] },
    [
      '/quotas',
      'quotas must be an array of {calls?, cost_usd_cents?, window_seconds}, all numbers',
    ],
  ],
  [
    'quorum',
    { action_id: '*', principal: '*', approvals: '2' },
    ['/approvals', 'approvals must be a number'],
  ],
])('POST %s of %j is 422', async (name, body, [path, message]) => {
  expect(await answered('POST', `/policy/${name}`, JSON.stringify(body))).toEqual([
    422,
    { error: 'invalid_request', path, message, trace_id: TRACE },
  ])
})

test('a proof changes the policy once: the same request again is refused and changes nothing', async () => {
  const path = '/v1/admin/policy/grant'
  const headers = {
    ...operatorHeaders(world.gate.project, 'POST', path),
    'content-type': 'application/json',
  }
  const send = (actions: readonly string[]): Promise<RawAnswer> =>
    world.admin.send({
      method: 'POST',
      path,
      headers,
      body: JSON.stringify({ principal: 'once', actions }),
    })
  expect((await send(['http_fetch'])).status).toBe(200)
  const again = await send(['http_post'])
  expect([again.status, again.json()['error']]).toEqual([401, 'unauthorized'])
  expect((await ask('GET', '/policy/once')).json()['acl']).toEqual({
    allowed_actions: ['http_fetch'],
    allowed_sinks: ['http_read'],
  })
})

test('policy is read and changed with an operator only, and not on the agents’ socket', async () => {
  const lease = await takeLease(world.client)
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/grant'],
    ['POST', '/grant'],
    ['POST', '/revoke'],
    ['DELETE', '/allowlist'],
    ['POST', '/quorum'],
  ] as const) {
    const target = `/v1/admin/policy${path}`
    const stranger = await world.admin.send({ method, path: target, headers: {} })
    expect([stranger.status, stranger.json()['error']]).toEqual([401, 'unauthorized'])
    const { jwt } = lease
    const agent = await world.client.send({
      method,
      path: target,
      headers: { authorization: `DPoP ${jwt}` },
    })
    expect(agent.status).toBe(404)
  }
})

test('edits at once are all in the result, and all recorded', async () => {
  const names = Array.from({ length: 12 }, (_, at) => `at-once-${at}`)
  const before = Number(String(onDisk()['policy_version']).slice(5))
  const answers = await Promise.all(
    names.map((principal) =>
      ask('POST', '/policy/grant', { principal, actions: ['http_fetch', 'http_post'] }),
    ),
  )
  expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200))
  const { acl, policy_version } = onDisk()
  expect(Object.keys(acl as object)).toEqual(expect.arrayContaining(names))
  expect(policy_version).toBe(`team-${before + 12}`)
  const recorded = policyRecords(world.gate.project).slice(-12)
  expect(recorded.map(({ detail }) => (detail as { principal: string }).principal).sort()).toEqual(
    names.toSorted(),
  )
  // Each began where the one before had ended.
  const details = recorded.map(({ detail }) => detail as Record<string, string>)
  for (const [at, detail] of details.slice(1).entries()) {
    expect(detail['digest_before']).toBe(details[at]?.['digest_after'])
  }
})

test('a file edited by hand is not overwritten: 409 until it is loaded', async () => {
  const edited = { ...onDisk(), policy_version: 'hand-1' }
  writeFileSync(file(), JSON.stringify(edited), { mode: 0o600 })
  const body = { principal: 'agent-test', actions: ['http_post'] }
  const detail =
    'policies/data.json is not what is in force: run `latchgate policy reload` to put it into force, then repeat the edit'
  expect(await answered('POST', '/policy/grant', body)).toEqual([
    409,
    { error: 'conflict', detail, message: detail, trace_id: TRACE },
  ])
  expect(onDisk()).toEqual(edited)
  const [status, reloaded] = await answered('POST', '/reload')
  expect([status, reloaded]).toEqual([
    200,
    {
      ok: true,
      actions: ALL_ACTIONS.length,
      policy_version: 'hand-1',
      reloaded_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
    },
  ])
  expect(policyRecords(world.gate.project).slice(-2)).toMatchObject([
    {
      event_type: 'admin_reload',
      operator: 'operator',
      text: `actions=${ALL_ACTIONS.length} policy=hand-1`,
      detail: { digest: world.gate.services.policy.dataDigest },
    },
    { event_type: 'policy_loaded', operator: 'operator', detail: { version: 'hand-1' } },
  ])
  expect((await ask('POST', '/policy/grant', body)).status).toBe(200)
  expect(onDisk()['policy_version']).toBe('hand-2')
})

test('comments and white space by hand are no conflict, and are kept', async () => {
  const commented = { _note: 'mine', ...onDisk() }
  writeFileSync(file(), JSON.stringify(commented, null, 8), { mode: 0o600 })
  expect(
    (await ask('POST', '/policy/grant', { principal: 'z', actions: ['http_fetch'] })).status,
  ).toBe(200)
  expect(onDisk()['_note']).toBe('mine')
})

test('a mistake by hand leaves the old rights in force and says what to mend, without a path', async () => {
  const good = readFileSync(file(), 'utf8')
  const broken = good.replace('"allowed_sinks"', '"allowed_sink"')
  writeFileSync(file(), broken, { mode: 0o600 })
  const { dataDigest } = world.gate.services.policy
  const [status, body] = await answered('POST', '/reload')
  expect([status, body]).toEqual([
    500,
    {
      error: 'reload_failed',
      detail: expect.stringMatching(
        /^policies\/data\.json: policy data: `acl\.\*\.allowed_sink` is an unknown key: did you mean `allowed_sinks`\?; `acl\.\*\.allowed_sinks` is missing/,
      ),
      message: 'The reload failed; nothing has changed.',
      trace_id: TRACE,
    },
  ])
  const edit = await ask('POST', '/policy/grant', { principal: 'z', actions: ['http_post'] })
  expect([edit.status, edit.json()['detail']]).toEqual([
    409,
    expect.stringMatching(
      /^policies\/data\.json is not what is in force: .*`acl\.\*\.allowed_sink` is an unknown key.*; correct it, then run `latchgate policy reload`$/,
    ),
  ])
  expect(readFileSync(file(), 'utf8')).toBe(broken)
  expect(world.gate.services.policy.dataDigest).toBe(dataDigest)
  const lease = await takeLease(world.client)
  const call = await executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://api.github.com/',
  })
  expect(call.status, call.text).toBe(200)
  for (const text of [JSON.stringify(body), edit.text]) {
    expect(text).not.toContain(world.gate.project.root)
  }
  writeFileSync(file(), good, { mode: 0o600 })
  expect((await ask('POST', '/reload')).status).toBe(200)
})

test('what everybody may not have is refused by a reload too', async () => {
  const good = readFileSync(file(), 'utf8')
  const everybody = { allowed_actions: ['http_delete'], allowed_sinks: ALL_SINKS }
  const data = JSON.parse(good) as { acl: object }
  writeFileSync(file(), JSON.stringify({ ...data, acl: { ...data.acl, '*': everybody } }))
  const answer = await ask('POST', '/reload')
  expect([answer.status, answer.json()['detail']]).toEqual([
    500,
    'policy data: `acl.*.allowed_actions` gives everybody actions of high risk (http_delete): grant them to principals by name, or set `[posture] acl_insecure = true`',
  ])
  writeFileSync(file(), good, { mode: 0o600 })
})
