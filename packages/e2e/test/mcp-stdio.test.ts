import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import {
  type CallToolResult,
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { afterEach, expect, test } from 'vitest'
import { CREATED, issue, startApprovalWorld, until } from '../src/harness/approval-world.js'
import { approveCall, asOperator, denyCall } from '../src/harness/approvals.js'
import { type ProjectSettings, startTestGate } from '../src/harness/gate.js'
import type { World } from '../src/harness/world.js'

const BIN = fileURLToPath(new URL('../../../mcp/bin/latchgate-mcp.js', import.meta.url))

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
  const client = new Client({ name: 'test', version: '1' }, { capabilities })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [BIN, 'serve', '--gate-socket', at.gate.project.socket, ...flags],
    stderr: 'pipe',
  })
  await client.connect(transport)
  cleanups.push(() => client.close())
  return client
}

async function call(client: Client, name: string, args: object): Promise<CallToolResult> {
  return (await client.callTool({
    name,
    arguments: args as Record<string, unknown>,
  })) as CallToolResult
}

function textOf(result: CallToolResult): string {
  return result.content.map((one) => (one.type === 'text' ? one.text : '')).join('\n')
}

function bodyOf(result: CallToolResult): Record<string, unknown> {
  expect(result.isError).toBe(true)
  return JSON.parse(textOf(result)) as Record<string, unknown>
}

async function pendingIds(at: World): Promise<readonly string[]> {
  const answer = await asOperator(at, 'GET', '/v1/approvals?status=pending')
  const { approvals } = answer.json() as { approvals: { approval_id: string }[] }
  return approvals.map((one) => one.approval_id)
}

async function oneHeld(at: World): Promise<string> {
  for (;;) {
    const [id] = await pendingIds(at)
    if (id !== undefined) return id
  }
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
  const result = await call(client, 'http_fetch', { url: 'https://api.github.com/data' })
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
  expect(textOf(await call(client, 'latchgate_my_pending', {}))).toContain(id)
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
  const held = bodyOf(await call(first, 'github_create_issue', issue()))
  expect(held).toMatchObject({ code: 'pending_approval', action_id: 'github_create_issue' })
  const args = { approval_id: held['approval_id'] }
  expect(bodyOf(await call(first, 'latchgate_result', args))['code']).toBe('pending_approval')
  await approveCall(at, String(held['approval_id']))
  // Of another process: the handle outlives the one that gave it.
  const second = await connect(at)
  for (const client of [first, second]) {
    const result = await call(client, 'latchgate_result', args)
    expect(textOf(result)).toContain('/acme/rocket/issues/7')
  }
  expect(at.upstream.requests).toHaveLength(1)
})

test('a call that an operator denies says so, with his reason', async () => {
  const at = await world()
  const client = await connect(at)
  const running = call(client, 'github_create_issue', issue())
  const id = await oneHeld(at)
  await denyCall(at, id, { body: { reason: 'not on a Friday' } })
  const body = bodyOf(await running)
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
  const running = call(client, 'github_create_issue', issue())
  const id = await oneHeld(at)
  await until(() => seen.length === 1)
  expect(seen[0]).toContain(`latchgate approvals approve ${id}`)
  expect(await pendingIds(at)).toEqual([id])
  expect(at.upstream.requests).toHaveLength(0)
  await denyCall(at, id)
  bodyOf(await running)
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
  const result = await call(client, 'latchgate_result', { approval_id: id })
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
  const wrong = bodyOf(await call(client, 'http_fetch', { nonsense: 1 }))
  expect(wrong).toMatchObject({ code: 'schema_validation', action_id: 'http_fetch' })
  expect(bodyOf(await call(client, 'latchgate_approve', { approval_id: 'x' }))).toMatchObject({
    code: 'action_not_found',
    action_id: 'latchgate_approve',
  })
  const denied = bodyOf(await call(client, 'http_delete', { url: 'https://api.github.com/x' }))
  expect(denied['code']).toBe('policy_denied')
  expect(denied['trace_id']).toMatch(/^[0-9a-z_-]{30,}$/)
  expect(bodyOf(await call(client, '../leases', {}))['code']).toBe('schema_validation')
  expect(bodyOf(await call(client, 'latchgate_result', { approval_id: '../x' }))['code']).toBe(
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

function raw(
  at: World,
  flags: readonly string[] = [],
): {
  readonly child: ChildProcess
  readonly lines: AsyncIterator<string>
} {
  const args = [BIN, '--gate-socket', at.gate.project.socket, ...flags]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  cleanups.push(() => void child.kill())
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return { child, lines }
}

test('garbage is answered and skipped; the end of the input is exit code 0', async () => {
  const at = await world()
  const { child, lines } = raw(at)
  const next = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value))
  const parse = {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32700, message: 'not a JSON-RPC message' },
  }
  child.stdin!.write('{"jsonrpc"\n\n')
  expect(await next()).toEqual(parse)
  child.stdin!.write(Buffer.from([0xff, 0xfe, 0x0a]))
  expect(await next()).toEqual(parse)
  child.stdin!.write('{"id":7,"method":"ping"}\n')
  expect(await next()).toMatchObject({ id: 7, error: { code: -32600 } })
  child.stdin!.write(`"${'x'.repeat(16 * 1024 * 1024)}"\n`)
  expect(await next()).toMatchObject({ id: null, error: { code: -32700 } })
  child.stdin!.write('{"jsonrpc":"2.0","id":8,"method":"no/such"}\n')
  expect(await next()).toMatchObject({ id: 8, error: { code: -32601 } })
  const exit = new Promise((resolve) => child.once('exit', resolve))
  // The last line has no newline, and is answered all the same.
  child.stdin!.end('{"jsonrpc":"2.0","id":9,"method":"ping"}')
  expect(await next()).toEqual({ jsonrpc: '2.0', id: 9, result: {} })
  expect(await exit).toBe(0)
})

test('a gate that is away is a tool error with a remedy, and found again when it is back', async () => {
  const at = await world()
  const client = await connect(at)
  await at.gate.close()
  const body = bodyOf(await call(client, 'http_fetch', { url: 'https://api.github.com/data' }))
  expect(body['code']).toBe('gate_unavailable')
  expect(String(body['message'])).toContain('latchgate up')
  await expect(client.listTools()).rejects.toMatchObject({ code: -32603 })
  const again = await startTestGate(at.gate.project)
  cleanups.push(() => again.close())
  expect((await client.listTools()).tools.length).toBeGreaterThan(2)
})
