import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TempDir, tempDir } from '@latchgate/testkit'
import * as sdk from 'latchgate'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { approveCall, asOperator, denyCall, holdCall } from '../src/harness/approvals.js'
import { ALL_ACTIONS, ALL_SINKS, type ProjectSettings } from '../src/harness/gate.js'
import { takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'
import { oracle } from '../src/index.js'

/** Both behave as the contract says; the oracle as the published 0.2.0 client does. */
const CLIENTS = [
  ['the 0.2.0 client', oracle],
  ['the SDK', sdk],
] as const

const open: World[] = []
const runtimes: TempDir[] = []
const saved = { ...process.env }

beforeEach(() => {
  delete process.env['LATCHGATE_URL']
})

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
  for (const directory of runtimes.splice(0)) directory.remove()
  process.env = { ...saved }
})

async function begin(settings: ProjectSettings = {}): Promise<World> {
  const world = await startWorld(settings)
  open.push(world)
  return world
}

/** A gate on the socket path that unconfigured clients look at. */
async function onDefaultSocket(): Promise<World> {
  const directory = tempDir()
  runtimes.push(directory)
  const runtime = directory.path
  mkdirSync(join(runtime, 'latchgate'), { mode: 0o700 })
  process.env['XDG_RUNTIME_DIR'] = runtime
  const world = await startWorld({ socketDirectory: join(runtime, 'latchgate') })
  open.push(world)
  return world
}

const TCP: ProjectSettings = {
  keys: ['listen_http_addr = "127.0.0.1:0"', 'unsafe_expose_http = true'].join('\n'),
  identity: 'none',
  data: {
    policy_version: 't',
    acl: { 'dev:anonymous': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } },
  },
}

const URL_PARAMS = { url: 'https://api.github.com/data' }

test.each(CLIENTS)(
  '%s works over the default Unix socket with no configuration',
  async (_name, { LatchGateClient }) => {
    const world = await onDefaultSocket()
    const client = new LatchGateClient({ agentId: 'my-agent' })
    const result = await client.execute('http_fetch', URL_PARAMS)
    expect(result.receiptId).toMatch(/^[0-9a-f-]{36}$/)
    expect(result.output).toMatchObject({ ok: true, data: { status_code: 200 } })
    expect(world.upstream.requests).toHaveLength(1)
    await client.close()
  },
)

test.each(CLIENTS)('%s works over TCP', async (_name, { LatchGateClient }) => {
  const world = await begin(TCP)
  const baseUrl = world.gate.addresses.http ?? ''
  const client = new LatchGateClient({
    baseUrl,
    publicBaseUrl: 'http://localhost:3000',
    agentId: 'my-agent',
  })
  const result = await client.execute('http_fetch', URL_PARAMS)
  expect(result.verification).toMatchObject({ is_fully_successful: true })
  const receipt = await client.getReceipt(result.receiptId)
  expect(receipt.providerModule).toBe('builtin:http_api')
  await client.close()
})

test.each(CLIENTS)(
  '%s reads its receipt, an action, and maps every refusal',
  async (_name, api) => {
    const world = await begin({
      data: {
        policy_version: 't',
        acl: {
          'agent-test': {
            allowed_actions: ALL_ACTIONS.filter((one) => one !== 'http_put'),
            allowed_sinks: ALL_SINKS,
          },
        },
      },
    })
    const client = new api.LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
    const result = await client.execute('http_fetch', URL_PARAMS)
    const receipt = await client.getReceipt(result.receiptId)
    expect(api.isFullySuccessful(receipt as never)).toBe(true)
    expect((await client.getActionEgress('http_fetch')).allowedDomains).toContain('api.github.com')

    await expect(client.execute('http_put', { ...URL_PARAMS, body: 'x' })).rejects.toThrow(
      "action 'http_put' denied by policy: policy_denied: principal 'agent-test' is not authorised for action 'http_put'",
    )
    await expect(client.execute('http_fetch', { url: 'http://10.0.0.1/' })).rejects.toThrow(
      /^action 'http_fetch' denied by policy: policy_denied: egress_denied: /,
    )
    await expect(client.execute('http_fetch', {})).rejects.toBeInstanceOf(api.LatchGateDenied)
    await expect(client.execute('nope')).rejects.toThrow(
      'gateway unavailable: unexpected_status_404: action_not_found',
    )
    await expect(client.getReceipt('nope')).rejects.toThrow("receipt 'nope' not found")
    await client.close()
  },
)

test.each(CLIENTS)('%s raises the budget error when the last call is spent', async (_name, api) => {
  const world = await begin()
  const client = new api.LatchGateClient({ socket: world.gate.project.socket })
  await client.connect({ maxCalls: 1 })
  await client.execute('http_fetch', URL_PARAMS)
  await expect(client.execute('http_fetch', URL_PARAMS)).rejects.toBeInstanceOf(
    api.LatchGateBudgetExhausted,
  )
  await client.close()
})

test('the SDK keeps session and budget when it renews', async () => {
  const world = await begin({ keys: 'lease_ttl_seconds = 30' })
  const client = new sdk.LatchGateClient({ socket: world.gate.project.socket })
  await client.connect({ maxCalls: 2 })
  const session = client.sessionId
  await client.execute('http_fetch', URL_PARAMS)
  await client.execute('http_fetch', URL_PARAMS)
  expect(client.sessionId).toBe(session)
  await expect(client.execute('http_fetch', URL_PARAMS)).rejects.toBeInstanceOf(
    sdk.LatchGateBudgetExhausted,
  )
  await client.close()
})

test('the SDK lists actions and checks a receipt offline', async () => {
  const world = await begin()
  const client = new sdk.LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
  expect((await client.listActions()).map((action) => action.actionId)).toEqual(ALL_ACTIONS)
  const result = await client.execute('http_fetch', URL_PARAMS)
  const receipt = await client.getReceipt(result.receiptId)
  expect(receipt.isFullySuccessful).toBe(true)
  expect(await client.verifyReceipt(receipt)).toMatchObject({
    signature: 'valid',
    resultHash: 'matches',
    call: 'matches',
    sequence: 'continuous',
    findings: [],
  })
  await client.close()
})

test('a parallel burst through one SDK client is served and keeps the sequence whole', async () => {
  const world = await begin()
  const client = new sdk.LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
  const results = await Promise.all(
    Array.from({ length: 12 }, () => client.execute('http_fetch', URL_PARAMS)),
  )
  expect(new Set(results.map((one) => one.receiptId)).size).toBe(12)
  expect(client.sequenceFindings).toEqual([])
  await client.close()
})

const ISSUE = { owner: 'acme', repo: 'rocket', title: 'Fins fall off' }

async function beginWithToken(): Promise<World> {
  const env = { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' }
  const world = await startWorld({}, { env })
  open.push(world)
  world.upstream.on('POST', '/repos/acme/rocket/issues', () => ({
    status: 201,
    headers: { 'content-type': 'application/json' },
    body: '{"id":1,"number":7,"html_url":"https://github.com/acme/rocket/issues/7"}',
  }))
  return world
}

test.each(CLIENTS)(
  '%s is told that a call is held, polls while it is, and sees it approved or denied',
  async (_name, { LatchGateClient, LatchGateApprovalRequired }) => {
    const world = await beginWithToken()
    const client = new LatchGateClient({
      socket: world.gate.project.socket,
      publicBaseUrl: 'http://localhost:3000',
      agentId: 'a',
    })
    try {
      const ids: string[] = []
      for (const title of ['one', 'two']) {
        const held = await client
          .execute('github_create_issue', { ...ISSUE, title })
          .catch((error: unknown) => error)
        expect(held).toBeInstanceOf(LatchGateApprovalRequired)
        ids.push((held as InstanceType<typeof LatchGateApprovalRequired>).approvalId)
      }
      const [first = '', second = ''] = ids
      expect(await client.getApprovalStatus(first)).toMatchObject({
        approvalId: first,
        actionId: 'github_create_issue',
        status: 'pending',
        retryAfterSeconds: 2,
      })
      // A published client keeps nothing of its session when it connects anew.
      await client.connect()
      const approved = await approveCall(world, first)
      expect(approved.status).toBe(200)
      expect(await client.getApprovalStatus(first)).toMatchObject({
        status: 'approved',
        receiptId: approved.json()['receipt_id'],
      })
      await denyCall(world, second, { body: { reason: 'no' } })
      expect(await client.getApprovalStatus(second)).toMatchObject({
        status: 'denied',
        reason: 'no',
      })
    } finally {
      await client.close()
    }
  },
)

test('the published operator tools decide without a body, and with one', async () => {
  const world = await beginWithToken()
  const lease = await takeLease(world.client)
  const { id } = await holdCall(world, lease, 'github_create_issue', ISSUE)
  // The start-up check, the list and the detail of the MCP adapter, then its empty approval.
  const list = await asOperator(world, 'GET', '/v1/approvals?status=pending')
  expect(list.json()).toMatchObject({ count: 1, approvals: [{ approval_id: id }] })
  const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
  expect(detail.json()).toMatchObject({
    approval_id: id,
    status: 'pending',
    approved_targets: ['http_write'],
    approved_secrets: ['GITHUB_TOKEN'],
    approved_egress: { proxy_allowlist: { allowed_domains: ['api.github.com'] } },
    verifier_kind: 'http_status',
    plan_hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    budget_snapshot: { calls_remaining: null, policy_approved_calls_after: null },
  })
  const approved = await approveCall(world, id)
  expect([approved.status, approved.json()['decision']]).toEqual([200, 'executed'])
  const second = await holdCall(world, lease, 'github_create_issue', { ...ISSUE, title: 'x' })
  const denied = await denyCall(world, second.id)
  expect(denied.json()).toMatchObject({ decision: 'deny', deny_reason: 'operator_denied' })
})
