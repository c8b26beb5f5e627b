import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import {
  type CallToolResult,
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { afterEach, expect, test } from 'vitest'
import { CREATED, issue, startApprovalWorld, until } from '../src/harness/approval-world.js'
import { approveCall, asOperator, denyCall } from '../src/harness/approvals.js'
import { type ProjectSettings, startTestGate } from '../src/harness/gate.js'
import {
  callTool,
  connectStdio,
  errorOf,
  oneHeld,
  pendingIds,
  textOf,
} from '../src/harness/mcp-session.js'
import type { World } from '../src/harness/world.js'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function world(settings: ProjectSettings = {}): Promise<World> {
  const made = await startApprovalWorld(settings)
  cleanups.push(() => made.close())
  return made
}

async function connect(
  at: World,
  flags: readonly string[] = [],
  capabilities: object = {},
): Promise<Client> {
  const client = await connectStdio(at.gate.project.socket, flags, capabilities)
  cleanups.push(() => client.close())
  return client
}

test('an agent lists its tools with their hints, and calls one', async () => {
  const at = await world()
  at.upstream.on('GET', '/data', () => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: '{"answer":42}',
  }))
  const client = await connect(at)
  const { tools } = await client.listTools()
  expect(tools.map((tool) => tool.name)).toEqual(
    expect.arrayContaining(['http_fetch', 'latchgate_result', 'latchgate_my_pending']),
  )
  const fetch = tools.find((tool) => tool.name === 'http_fetch')
  expect(fetch?.annotations).toEqual({
    readOnlyHint: false,
    destructiveHint: false,
    openWorldHint: true,
  })
  expect(tools.find((tool) => tool.name === 'http_delete')?.annotations?.destructiveHint).toBe(true)
  const result = await callTool(client, 'http_fetch', { url: 'https://api.github.com/data' })
  expect(result.isError).toBe(false)
  expect(textOf(result)).toContain('42')
  const receipt = String(result._meta?.['latchgate/receipt_id'])
  expect(receipt).toMatch(/^[0-9a-f-]{36}$/)
  expect(textOf(result)).not.toContain(receipt)
})

test('a held call that is approved while the tool waits returns its result', async () => {
  const at = await world()
  const client = await connect(at)
  const progress: (string | undefined)[] = []
  const running = client.callTool({ name: 'github_create_issue', arguments: issue() }, undefined, {
    onprogress: ({ message }) => progress.push(message),
  }) as Promise<CallToolResult>
  const id = await oneHeld(at)
  // Other requests are served meanwhile.
  await client.ping()
  expect(textOf(await callTool(client, 'latchgate_my_pending', {}))).toContain(id)
  expect((await approveCall(at, id)).status).toBe(200)
  const result = await running
  expect(result.isError).toBe(false)
  expect(textOf(result)).toContain((JSON.parse(CREATED) as { html_url: string }).html_url)
  expect([...new Set(progress)]).toEqual([
    `The call of 'github_create_issue' waits for approval ${id}.`,
  ])
})

test('a held call that nobody decides in time is a handle, and the handle gives the result', async () => {
  const at = await world()
  const first = await connect(at, ['--approval-wait', '0'])
  const held = errorOf(await callTool(first, 'github_create_issue', issue()))
  expect(held).toMatchObject({ code: 'pending_approval', action_id: 'github_create_issue' })
  const args = { approval_id: held['approval_id'] }
  expect(errorOf(await callTool(first, 'latchgate_result', args))['code']).toBe('pending_approval')
  await approveCall(at, String(held['approval_id']))
  // Of another process: the handle outlives the one that gave it.
  const second = await connect(at)
  for (const client of [first, second]) {
    const result = await callTool(client, 'latchgate_result', args)
    expect(textOf(result)).toContain('/acme/rocket/issues/7')
  }
  expect(at.upstream.requests).toHaveLength(1)
})

test('a call that an operator denies says so, with his reason', async () => {
  const at = await world()
  const client = await connect(at)
  const running = callTool(client, 'github_create_issue', issue())
  const id = await oneHeld(at)
  await denyCall(at, id, { body: { reason: 'not on a Friday' } })
  const body = errorOf(await running)
  expect(body).toMatchObject({ code: 'policy_denied', approval_id: id })
  expect(String(body['message'])).toContain('not on a Friday')
})

test('elicitation informs and cannot approve: an accepting client changes nothing', async () => {
  const at = await world()
  const client = await connect(at, [], { elicitation: {} })
  const seen: string[] = []
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    seen.push(params.message)
    return { action: 'accept', content: {} }
  })
  const running = callTool(client, 'github_create_issue', issue())
  const id = await oneHeld(at)
  await until(() => seen.length === 1)
  expect(seen[0]).toContain(`latchgate approvals approve ${id}`)
  expect(await pendingIds(at)).toEqual([id])
  expect(at.upstream.requests).toHaveLength(0)
  await denyCall(at, id)
  errorOf(await running)
})

test('a cancelled wait leaves the approval as it is, and the session alive', async () => {
  const at = await world()
  const client = await connect(at)
  const abort = new AbortController()
  const running = client.callTool({ name: 'github_create_issue', arguments: issue() }, undefined, {
    signal: abort.signal,
  })
  const failure = running.then(
    () => null,
    (error: unknown) => error,
  )
  const id = await oneHeld(at)
  abort.abort('enough')
  expect(await failure).toBeInstanceOf(Error)
  expect(await pendingIds(at)).toEqual([id])
  await approveCall(at, id)
  const result = await callTool(client, 'latchgate_result', { approval_id: id })
  expect(textOf(result)).toContain('/acme/rocket/issues/7')
})

test('refusals say why: arguments, an approval tool, an action that policy denies', async () => {
  const allowed = ['http_fetch']
  const at = await world({
    data: {
      policy_version: 'p',
      acl: { 'agent-test': { allowed_actions: allowed, allowed_sinks: ['http_read'] } },
    },
  })
  const client = await connect(at)
  const wrong = errorOf(await callTool(client, 'http_fetch', { nonsense: 1 }))
  expect(wrong).toMatchObject({ code: 'schema_validation', action_id: 'http_fetch' })
  expect(errorOf(await callTool(client, 'latchgate_approve', { approval_id: 'x' }))).toMatchObject({
    code: 'action_not_found',
    action_id: 'latchgate_approve',
  })
  const denied = errorOf(await callTool(client, 'http_delete', { url: 'https://api.github.com/x' }))
  expect(denied['code']).toBe('policy_denied')
  expect(denied['trace_id']).toMatch(/^[0-9a-z_-]{30,}$/)
  expect(errorOf(await callTool(client, '../leases', {}))['code']).toBe('schema_validation')
  expect(errorOf(await callTool(client, 'latchgate_result', { approval_id: '../x' }))['code']).toBe(
    'schema_validation',
  )
})

test('a permission that goes away is announced, and its tool is not listed any more', async () => {
  const at = await world()
  const client = await connect(at, ['--poll-seconds', '1'])
  const before = (await client.listTools()).tools.length
  const changed = new Promise<void>((resolve) => {
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve())
  })
  writeFileSync(
    join(at.gate.project.root, 'policies', 'data.json'),
    JSON.stringify({
      policy_version: 'test-2',
      acl: { 'agent-test': { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] } },
    }),
  )
  expect((await asOperator(at, 'POST', '/v1/admin/reload', { body: {} })).status).toBe(200)
  await changed
  expect((await client.listTools()).tools.length).toBeLessThan(before)
})

test('a gate that is away is a tool error with a remedy, and found again when it is back', async () => {
  const at = await world()
  const client = await connect(at)
  await at.gate.close()
  const body = errorOf(await callTool(client, 'http_fetch', { url: 'https://api.github.com/data' }))
  expect(body['code']).toBe('gate_unavailable')
  expect(String(body['message'])).toContain('latchgate up')
  await expect(client.listTools()).rejects.toMatchObject({ code: -32603 })
  const again = await startTestGate(at.gate.project)
  cleanups.push(() => again.close())
  expect((await client.listTools()).tools.length).toBeGreaterThan(2)
})
