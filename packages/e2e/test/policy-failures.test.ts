import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '@latchgate/protocol'
import { expect, onTestFinished, test } from 'vitest'
import { asOperator } from '../src/harness/approvals.js'
import { createTestProject, type ProjectSettings, type TestProject } from '../src/harness/gate.js'
import { takeLedgerAway } from '../src/harness/ledger-lock.js'
import { policyRecords } from '../src/harness/policy-records.js'
import { executeRaw, type RawAnswer, RawClient, takeLease } from '../src/harness/raw-client.js'
import { type SpawnedGate, spawnGate } from '../src/harness/spawned-gate.js'
import { startWorld, type World } from '../src/harness/world.js'

const RATES = '[rate_limits]\noperator_read_rps = 1000\noperator_write_rps = 1000\nlease_rps = 1000'
const TRACE = expect.stringMatching(/^[0-9a-f-]{36}$/)
const GRANT = { principal: 'agent-test', actions: ['http_post'] }
const DATA = {
  policy_version: 'team-1',
  acl: { 'agent-test': { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] } },
}
const OWN_ACTION = `
action_id: tickets_read
version: 1.0.0
description: Reads a ticket.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http]
risk_level: low
declared_side_effects: [http_read]
egress: { profile: proxy_allowlist, allowed_domains: [api.example.com] }
io:
  request_schema:
    type: object
    additionalProperties: false
    properties: { id: { type: string } }
    required: [id]
template: { method: GET, url_template: 'https://api.example.com/tickets/{{id}}' }
`

async function begin(settings: ProjectSettings = {}): Promise<World> {
  const world = await startWorld({ tables: RATES, data: DATA, ...settings })
  onTestFinished(() => world.close())
  return world
}

const dataFile = (project: TestProject): string => join(project.root, 'policies', 'data.json')
const onDisk = (project: TestProject): JsonObject =>
  JSON.parse(readFileSync(dataFile(project), 'utf8')) as JsonObject
const ask = (world: World, path: string, body?: unknown): Promise<RawAnswer> =>
  asOperator(world, 'POST', `/v1/admin${path}`, { body })

test('without a policy file reads and edits say so, and a reload is told an empty version', async () => {
  const world = await begin()
  const { project, services } = world.gate
  rmSync(dataFile(project))
  const edit = await ask(world, '/policy/grant', GRANT)
  expect([edit.status, edit.json()]).toEqual([
    500,
    {
      error: 'policy_write_error',
      detail: 'data.json not found',
      message:
        'there is no policies/data.json: write one, {"policy_version": "v1", "acl": {}}, then run `latchgate policy reload`',
      trace_id: TRACE,
    },
  ])
  expect((await ask(world, '/reload')).json()).toMatchObject({ ok: true, policy_version: '' })
  const read = await asOperator(world, 'GET', '/v1/admin/policy')
  expect([read.status, read.json()]).toEqual([
    500,
    {
      error: 'policy_read_error',
      detail: 'data.json not found',
      message: 'data.json not found',
      trace_id: TRACE,
    },
  ])
  expect(policyRecords(project).at(-1)).toMatchObject({
    event_type: 'policy_loaded',
    detail: { version: '', digest: services.policy.dataDigest },
  })
  const lease = await takeLease(world.client)
  const call = await executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://api.github.com/',
  })
  expect(call.json()['error']).toBe('policy_denied')
})

test('a file that cannot be written keeps the old rights, and a second record says so', async () => {
  const world = await begin()
  const { project, services } = world.gate
  // A link to a name so long that no other name beside it can be made, not even by root.
  const target = join(project.root, 'policies', 'x'.repeat(240))
  renameSync(dataFile(project), target)
  symlinkSync(target, dataFile(project))
  const before = services.policy.dataDigest
  const answer = await ask(world, '/policy/grant', GRANT)
  const detail =
    'policies/data.json cannot be written (ENAMETOOLONG); what was in force before still is'
  expect([answer.status, answer.json()]).toEqual([
    500,
    { error: 'policy_write_error', detail, message: detail, trace_id: TRACE },
  ])
  expect([onDisk(project), services.policy.dataDigest]).toEqual([DATA, before])
  expect(policyRecords(project).slice(-2)).toMatchObject([
    { event_type: 'policy_grant', detail: { digest_before: before, version_after: 'team-2' } },
    {
      event_type: 'policy_edit_failed',
      operator: 'operator',
      text: 'event=policy_grant principal=agent-test actions=http_post total=2',
      detail: { event: 'policy_grant', digest_before: before, digest_in_force: before },
    },
  ])
})

test('however many rights an entry has, all of them can be taken away at once', async () => {
  const many = Array.from({ length: 400 }, (_, i) => `action_${i}_${'x'.repeat(80)}`)
  const entry = { allowed_actions: many, allowed_sinks: ['http_read'] }
  const world = await begin({ data: { ...DATA, acl: { 'agent-test': entry } } })
  const { project, services } = world.gate
  const all = { principal: 'agent-test', actions: [], remove_principal: true }
  const answer = await ask(world, '/policy/revoke', all)
  expect([answer.status, answer.json()]).toMatchObject([200, { principal_removed: true }])
  expect(services.policyStore.inForce?.acl).toEqual({})
  const { detail } = policyRecords(project).at(-1) as { detail: JsonObject }
  const named = detail['actions'] as string[]
  // The record says as much as it has room for, and how much it leaves out.
  expect(named.length).toBeGreaterThan(90)
  expect(named).toEqual([...many].sort().slice(0, named.length))
  expect(detail['actions_left_out']).toBe(400 - named.length)
  expect(detail['principal_removed']).toBe(true)
})

test('a link is followed: the file that it leads to is edited, and the link stays', async () => {
  const world = await begin()
  const { project } = world.gate
  const target = join(project.root, 'policies', 'team.json')
  renameSync(dataFile(project), target)
  symlinkSync(target, dataFile(project))
  expect((await ask(world, '/policy/grant', GRANT)).status).toBe(200)
  expect(JSON.parse(readFileSync(target, 'utf8'))).toMatchObject({ policy_version: 'team-2' })
  expect(readdirSync(join(project.root, 'policies')).sort()).toEqual(['data.json', 'team.json'])
})

test('an engine that cannot take an edit keeps the old document, and so does the file', async () => {
  const world = await begin()
  const { project, services } = world.gate
  const before = services.policy.dataDigest
  const bytes = readFileSync(dataFile(project), 'utf8')
  await services.policy.close()
  const answer = await ask(world, '/policy/grant', GRANT)
  const detail = 'the engine cannot take the document; what was in force before still is'
  expect([answer.status, answer.json()]).toEqual([
    500,
    { error: 'policy_write_error', detail, message: detail, trace_id: TRACE },
  ])
  expect([readFileSync(dataFile(project), 'utf8'), services.policy.dataDigest]).toEqual([
    bytes,
    before,
  ])
  expect(policyRecords(project).at(-1)).toMatchObject({
    event_type: 'policy_edit_failed',
    detail: { digest_in_force: before },
  })
})

test('a document that crashes the engine is not loaded: the old one stays in force', async () => {
  const world = await begin()
  const { project, services } = world.gate
  const before = services.policy.dataDigest
  // More than fits into the evaluator's 64 MiB.
  const actions = Array.from({ length: 1_200_000 }, (_, at) => `action_${at}`)
  const acl = { ...DATA.acl, many: { allowed_actions: actions, allowed_sinks: [] } }
  writeFileSync(dataFile(project), JSON.stringify({ ...DATA, acl }), { mode: 0o600 })
  const answer = await ask(world, '/reload')
  expect([answer.status, answer.json()]).toEqual([
    500,
    {
      error: 'reload_failed',
      detail: 'the engine cannot take policies/data.json',
      message: 'The reload failed; nothing has changed.',
      trace_id: TRACE,
    },
  ])
  expect(services.policy.dataDigest).toBe(before)
  expect(policyRecords(project).at(-1)).toMatchObject({
    event_type: 'admin_reload_failed',
    detail: { digest_in_force: before },
  })
  const lease = await takeLease(world.client)
  world.upstream.on('GET', '/', () => ({ body: 'ok' }))
  const call = await executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://api.github.com/',
  })
  expect(call.status, call.text).toBe(200)
}, 60_000)

test('without a ledger nothing is edited: a right without a record is none', async () => {
  const world = await begin()
  const { project } = world.gate
  onTestFinished(takeLedgerAway(world.gate))
  const answer = await ask(world, '/policy/grant', GRANT)
  expect([answer.status, answer.json()['error']]).toEqual([503, 'store_unavailable'])
  expect(onDisk(project)).toEqual(DATA)
})

test('a file that others may write is neither edited nor loaded', async () => {
  const world = await begin()
  const { project } = world.gate
  chmodSync(dataFile(project), 0o666)
  const edit = await ask(world, '/policy/grant', GRANT)
  expect([edit.status, edit.json()['error'], edit.json()['detail']]).toEqual([
    500,
    'policy_read_error',
    "policies/data.json or its directory can be written by somebody else: the gate's log says how to mend it",
  ])
  const reload = await ask(world, '/reload')
  expect([reload.status, reload.json()['detail']]).toEqual([
    500,
    "manifests, policy data or the configuration can be written by somebody else, or agents or issuers contradict each other: the gate's log says how to mend it",
  ])
  expect(edit.text + reload.text).not.toContain(project.root)
  expect(JSON.stringify(world.gate.logs)).toContain('chmod go-w')
})

test('a reload brings new manifests, and a call under way keeps the action that it began with', async () => {
  const world = await begin()
  const { project } = world.gate
  const lease = await takeLease(world.client)
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  world.upstream.on('GET', '/hold', async () => {
    await released
    return { body: 'done' }
  })
  const running = executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://api.github.com/hold',
  })
  while (world.upstream.requestsStarted < 1) await sleep(5)
  writeFileSync(join(project.root, 'manifests', 'tickets.yaml'), OWN_ACTION, { mode: 0o600 })
  const held = OWN_ACTION.replace('tickets_read', 'http_fetch').replace('Reads a', 'Another')
  writeFileSync(join(project.root, 'manifests', 'fetch.yaml'), held, { mode: 0o600 })
  const before = world.gate.services.actions().actions.size
  expect((await ask(world, '/reload')).json()).toMatchObject({ ok: true, actions: before + 1 })
  const described = await world.client.send({ method: 'GET', path: '/v1/actions/http_fetch' })
  expect(described.json()['description']).toBe('Another ticket.')
  release()
  const ended = await running
  expect(ended.status, ended.text).toBe(200)
  // Granting needs the new manifest; so does calling.
  expect(
    (await ask(world, '/policy/grant', { principal: 'agent-test', actions: ['tickets_read'] }))
      .status,
  ).toBe(200)
  world.upstream.on('GET', '/tickets/7', () => ({ body: { id: 7 } }))
  const call = await executeRaw(world.client, lease, 'tickets_read', { id: '7' })
  expect(call.status, call.text).toBe(200)
})

test('a rule and a quorum set at run time hold the next call for so many operators', async () => {
  const world = await begin()
  world.upstream.on('GET', '/', () => ({ body: 'ok' }))
  const lease = await takeLease(world.client)
  const params = { url: 'https://api.github.com/' }
  const call = (): Promise<RawAnswer> => executeRaw(world.client, lease, 'http_fetch', params)
  expect((await call()).status).toBe(200)
  const rule = { action_id: 'http_fetch', principal: 'agent-test' }
  expect((await ask(world, '/policy/quorum', { ...rule, approvals: 3 })).status).toBe(200)
  expect((await call()).status).toBe(200)
  expect((await ask(world, '/policy/require-approval', rule)).status).toBe(200)
  const held = await call()
  expect(held.status, held.text).toBe(202)
  const path = `/v1/approvals/${String(held.json()['approval_id'])}`
  const shown = await asOperator(world, 'GET', path)
  expect(shown.json()).toMatchObject({
    quorum: { min: 3, distinct_from_requester: true },
    reasons: [{ code: 'rule', detail: 'latchgate.require_approval.http_fetch.agent-test is set' }],
  })
})

test('a bad manifest keeps the old policy data too, and the answer names the file alone', async () => {
  const world = await begin()
  const { project, services } = world.gate
  writeFileSync(join(project.root, 'manifests', 'bad.yaml'), 'action_id: x\n', { mode: 0o600 })
  writeFileSync(dataFile(project), JSON.stringify({ ...DATA, policy_version: 'hand' }))
  const answer = await ask(world, '/reload')
  expect([answer.status, answer.json()['error'], answer.json()['detail']]).toEqual([
    500,
    'reload_failed',
    expect.stringMatching(
      /^bad\.yaml: version: version is missing .*; bad\.yaml: provider_module_digest: /,
    ),
  ])
  expect(answer.text).not.toContain(project.root)
  expect([services.policy.version, services.actions().actions.has('x')]).toEqual(['team-1', false])
  expect(policyRecords(project)).toHaveLength(1)
})

test('a manifest that raises the risk of what everybody may do is refused with the policy data', async () => {
  const world = await begin({
    data: {
      policy_version: 'v1',
      acl: { '*': { allowed_actions: ['tickets_read'], allowed_sinks: ['http_read'] } },
    },
    manifests: { 'tickets.yaml': OWN_ACTION },
  })
  const { project, services } = world.gate
  const risky = OWN_ACTION.replace(
    'risk_level: low',
    'risk_level: high\nverifier_kind: http_status',
  ).replace(
    'io:\n',
    'io:\n  response_schema: { type: object, properties: { ok: { type: boolean } } }\n',
  )
  writeFileSync(join(project.root, 'manifests', 'tickets.yaml'), risky, { mode: 0o600 })
  const answer = await ask(world, '/reload')
  expect([answer.status, String(answer.json()['detail'])]).toEqual([
    500,
    expect.stringContaining('gives everybody actions of high risk (tickets_read)'),
  ])
  const { manifest } = services.actions().actions.get('tickets_read') ?? {}
  expect(manifest?.risk_level).toBe('low')
})

interface Spawned {
  readonly project: TestProject
  readonly gate: SpawnedGate
  readonly admin: RawClient
}

async function spawned(project: TestProject): Promise<Spawned> {
  const gate = await spawnGate(project)
  onTestFinished(() => gate.kill())
  return { project, gate, admin: new RawClient({ socket: project.adminSocket }) }
}

test('SIGHUP reloads, recorded without an operator; what is wrong is logged and nothing changes', async () => {
  const project = await createTestProject({ tables: RATES, data: DATA })
  onTestFinished(() => project.remove())
  const { gate } = await spawned(project)
  const untilRecorded = async (event: string): Promise<JsonObject> => {
    for (let tries = 0; tries < 400; tries += 1) {
      const found = policyRecords(project).findLast((one) => one['event_type'] === event)
      if (found !== undefined) return found
      await sleep(25)
    }
    throw new Error(`no ${event}: ${gate.log()}`)
  }
  writeFileSync(dataFile(project), JSON.stringify({ ...DATA, policy_version: 'hand-1' }))
  gate.child.kill('SIGHUP')
  expect(await untilRecorded('admin_reload')).toMatchObject({
    operator: null,
    operator_proof_jti: null,
    text: expect.stringMatching(/^actions=\d+ policy=hand-1$/),
  })
  writeFileSync(dataFile(project), '{"policy_version": "hand-2"}')
  gate.child.kill('SIGHUP')
  for (let tries = 0; !gate.log().includes('reload failed') && tries < 400; tries += 1) {
    await sleep(25)
  }
  expect(gate.log()).toContain('`acl` is missing: write {} to deny everything')
  expect((await gate.client.send({ method: 'GET', path: '/readyz' })).status).toBe(200)
  expect(policyRecords(project).at(-1)).toMatchObject({ detail: { version: 'hand-1' } })
  writeFileSync(dataFile(project), JSON.stringify(DATA))
  await gate.stop()
  expect((await gate.ended).code).toBe(0)
}, 60_000)

test('killed around a write the file is the old or a new one, and every right in it was recorded', async () => {
  const project = await createTestProject({ tables: RATES, data: DATA })
  onTestFinished(() => project.remove())
  let granted = 0
  for (const answersBefore of [0, 1, 2, 5, 9]) {
    const { gate, admin } = await spawned(project)
    let answers = 0
    const enough = new Promise<void>((resolve) => {
      if (answersBefore === 0) setImmediate(resolve)
      for (let at = 0; at < 20; at += 1) {
        granted += 1
        const body = { principal: `p${granted}`, actions: ['http_fetch'] }
        asOperator({ admin, gate: { project } }, 'POST', '/v1/admin/policy/grant', { body }).then(
          ({ status }) => {
            if (status === 200) answers += 1
            if (answers >= answersBefore) resolve()
          },
          // Its connection ended with the gate.
          () => undefined,
        )
      }
    })
    await enough
    await gate.kill()
    await admin.destroy()
    const { acl } = onDisk(project) as { acl: Record<string, unknown> }
    expect(Object.keys(acl).length).toBeGreaterThanOrEqual(answers)
  }
  const last = await spawned(project)
  const loaded = policyRecords(project).findLast((one) => one['event_type'] === 'policy_loaded')
  const shown = await asOperator(
    { admin: last.admin, gate: { project } },
    'GET',
    '/v1/admin/policy',
  )
  const { acl, policy_version } = onDisk(project) as {
    acl: Record<string, unknown>
    policy_version: string
  }
  expect(shown.json()).toMatchObject({ acl, policy_version })
  expect(loaded).toMatchObject({ detail: { version: policy_version } })
  const recorded = policyRecords(project)
    .filter((one) => one['event_type'] === 'policy_grant')
    .map((one) => one['detail'] as JsonObject)
  const named = recorded.map((detail) => detail['principal'])
  for (const principal of Object.keys(acl)) {
    if (principal !== 'agent-test') expect(named).toContain(principal)
  }
  // What is in force is the start's document, or the result of a recorded edit.
  const { digest } = (loaded as { detail: { digest: string } }).detail
  if (policy_version !== 'team-1') {
    expect(recorded.map((detail) => detail['digest_after'])).toContain(digest)
  }
  expect(existsSync(dataFile(project))).toBe(true)
  await last.admin.destroy()
}, 120_000)
