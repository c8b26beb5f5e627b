import { ManualClock } from '@latchgate/testkit'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'
import { GITHUB_ENV, issue, startApprovalWorld, until } from '../src/harness/approval-world.js'
import { approveCall, asOperator } from '../src/harness/approvals.js'
import { startTestGate } from '../src/harness/gate.js'
import { McpLines } from '../src/harness/mcp-lines.js'
import { callTool, connectStdio, errorOf, oneHeld, textOf } from '../src/harness/mcp-session.js'
import { RawClient } from '../src/harness/raw-client.js'
import { spawnGate } from '../src/harness/spawned-gate.js'
import type { World } from '../src/harness/world.js'

const FETCH = { url: 'https://api.github.com/data' }

async function begin(...given: Parameters<typeof startApprovalWorld>): Promise<World> {
  const at = await startApprovalWorld(...given)
  onTestFinished(() => at.close())
  return at
}

async function connect(at: World, ...flags: readonly string[]): Promise<Client> {
  const client = await connectStdio(at.gate.project.socket, flags)
  onTestFinished(() => client.close())
  return client
}

/** A world whose gate runs in a process of its own, which can be stopped without being ended. */
async function beginSpawned(): Promise<{
  readonly at: World
  readonly hang: () => void
  readonly goOn: () => void
}> {
  const at = await begin()
  await at.gate.close()
  const gate = await spawnGate(at.gate.project)
  onTestFinished(() => gate.kill())
  const goOn = (): void => void gate.child.kill('SIGCONT')
  onTestFinished(goOn)
  return { at, hang: () => void gate.child.kill('SIGSTOP'), goOn }
}

test('a gate that hangs is a tool error within the time that was stated, and pings are served', async () => {
  const { at, hang, goOn } = await beginSpawned()
  const client = await connect(at, '--gate-timeout', '2')
  expect((await client.listTools()).tools.length).toBeGreaterThan(2)
  hang()
  const running = callTool(client, 'http_fetch', FETCH)
  let isAnswered = false
  void running.finally(() => {
    isAnswered = true
  })
  await client.ping()
  await client.readResource({ uri: 'latchgate://status' })
  expect(isAnswered).toBe(false)
  expect(errorOf(await running)).toEqual({
    code: 'gate_unavailable',
    message:
      'the gate did not answer within 2 s, and finishes what it has begun: the call may be executed ' +
      'all the same. Before you repeat it, look whether it is held: latchgate_my_pending.',
    action_id: 'http_fetch',
    outcome: 'unknown',
  })
  goOn()
  await until(() => isAnswered)
  expect((await client.listTools()).tools.length).toBeGreaterThan(2)
})

test('a gate that hangs before the first list makes listing fail in time, and no call hangs', async () => {
  const { at, hang } = await beginSpawned()
  hang()
  const client = await connect(at, '--gate-timeout', '1')
  await expect(client.listTools()).rejects.toMatchObject({
    code: -32603,
    // Its first words are the client's: the adapter must not say them as well.
    message: expect.stringMatching(/^MCP error -32603: the gate cannot list actions: /),
  })
  expect(errorOf(await callTool(client, 'http_fetch', FETCH))['code']).toBe('gate_unavailable')
})

test('a call to a gate that hangs can be cancelled, and the input can end', async () => {
  const { at, hang } = await beginSpawned()
  const session = new McpLines(['--gate-socket', at.gate.project.socket])
  await session.initialize()
  await session.ask('tools/list')
  hang()
  session.send({ id: 1, method: 'tools/call', params: { name: 'http_fetch', arguments: FETCH } })
  session.send({ method: 'notifications/cancelled', params: { requestId: 1, reason: 'enough' } })
  await session.ask('ping')
  session.send({ id: 2, method: 'tools/call', params: { name: 'http_fetch', arguments: FETCH } })
  await session.ask('ping')
  expect(await session.end()).toBe(0)
  expect(session.received.filter((one) => one['id'] === 1)).toEqual([])
})

test('a first list that hangs does not keep a session whose input has ended', async () => {
  const { at, hang } = await beginSpawned()
  hang()
  const session = new McpLines(['--gate-socket', at.gate.project.socket])
  await session.initialize()
  // Before the gate has had its 45 s.
  expect(await session.end()).toBe(0)
})

test('a gate that is away is not asked before its time, and calls say when that is', async () => {
  const at = await begin()
  const client = await connect(at, '--poll-seconds', '3600')
  await client.listTools()
  await at.gate.close()
  const first = errorOf(await callTool(client, 'http_fetch', FETCH))
  expect(first['code']).toBe('gate_unavailable')
  expect(first['message']).toContain('latchgate up')
  const second = errorOf(await callTool(client, 'latchgate_my_pending'))
  expect(second).toEqual({
    code: 'gate_unavailable',
    message: expect.stringMatching(
      /^the gate cannot be reached, it is tried again in [12] s: no gate/,
    ),
    action_id: 'latchgate_my_pending',
    retry_after_seconds: expect.toBeOneOf([1, 2]),
    outcome: 'not_sent',
  })
  expect(JSON.parse(await status(client))).toMatchObject({ gate_healthy: false })
  const again = await startTestGate(at.gate.project)
  onTestFinished(() => again.close())
  // By itself, whatever `--poll-seconds` says: nobody has to make a call for it.
  for (;;) if (JSON.parse(await status(client)).gate_healthy === true) break
  at.upstream.on('GET', '/data', () => ({ status: 200, headers: {}, body: 'there' }))
  expect(textOf(await callTool(client, 'http_fetch', FETCH))).toContain('there')
})

async function status(client: Client): Promise<string> {
  const { contents } = await client.readResource({ uri: 'latchgate://status' })
  const [first] = contents
  return first !== undefined && 'text' in first ? first.text : ''
}

test('a gate that stays away is one warning in the log, not one for each time it is tried', async () => {
  const at = await begin()
  await at.gate.close()
  const { socket } = at.gate.project
  const session = new McpLines(['--gate-socket', socket, '--log-level', 'debug'])
  onTestFinished(async () => {
    await session.end()
  })
  const lines = (level: string): number =>
    session.stderr.split('\n').filter((line) => line.includes(`${level}: cannot list`)).length
  await until(() => lines('debug') > 0)
  expect(lines('warn')).toBe(1)
})

test('a client that was told that there is no list hears when there is one', async () => {
  const at = await begin()
  await at.gate.close()
  const client = await connect(at, '--poll-seconds', '1')
  const changed = new Promise<void>((resolve) => {
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve())
  })
  await expect(client.listTools()).rejects.toMatchObject({ code: -32603 })
  const again = await startTestGate(at.gate.project)
  onTestFinished(() => again.close())
  await changed
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('http_fetch')
})

test('a call whose approval expires while the client waits ends as that, and says what to do', async () => {
  const clock = new ManualClock(Date.now())
  const at = await begin({ tables: '[approvals]\nttl_seconds = 10' }, { now: clock.now })
  const client = await connect(at)
  const running = callTool(client, 'github_create_issue', issue())
  const id = await oneHeld(at)
  clock.advance(9_900)
  // Whether or not the wait has begun: the next look is at most this far away.
  await client.ping()
  clock.advance(101)
  const body = errorOf(await running)
  expect(body).toMatchObject({ code: 'approval_expired', approval_id: id })
  expect(String(body['message'])).toBe('The approval has expired; the call must be repeated.')
  const later = errorOf(await callTool(client, 'latchgate_result', { approval_id: id }))
  expect(later['code']).toBe('approval_expired')
  expect(at.upstream.requests).toEqual([])
})

test('a revoked approval, and one that nobody knows, are errors of their own', async () => {
  const at = await begin()
  const client = await connect(at)
  const running = callTool(client, 'github_create_issue', issue())
  await oneHeld(at)
  expect((await asOperator(at, 'POST', '/v1/admin/revoke', { body: { all: true } })).status).toBe(
    200,
  )
  expect(errorOf(await running)['code']).toBe('revoked')
  const unknown = { approval_id: '0199a1b2-0000-7000-8000-000000000000' }
  const other = await connect(at)
  expect(errorOf(await callTool(other, 'latchgate_result', unknown))).toEqual({
    code: 'action_not_found',
    message: 'There is no such approval.',
    action_id: 'latchgate_result',
    trace_id: expect.any(String),
  })
})

test('a wait outlives a restart of the gate, and its handle one of the adapter', async () => {
  const at = await begin()
  const client = await connect(at)
  const running = callTool(client, 'github_create_issue', issue())
  const id = await oneHeld(at)
  const gone = await connect(at, '--approval-wait', '0')
  const held = errorOf(await callTool(gone, 'github_create_issue', issue()))
  await gone.close()
  await at.gate.close()
  const gate = await startTestGate(at.gate.project, { env: GITHUB_ENV })
  const admin = new RawClient({ socket: gate.project.adminSocket })
  onTestFinished(async () => {
    await admin.destroy()
    await gate.close()
  })
  const handle = String(held['approval_id'])
  for (const one of [id, handle]) {
    const approved = await approveCall({ gate, admin }, one)
    expect(approved.status, approved.text).toBe(200)
  }
  expect(textOf(await running)).toContain('/acme/rocket/issues/7')
  const next = await connect(at)
  expect(textOf(await callTool(next, 'latchgate_result', { approval_id: handle }))).toContain(
    '/acme/rocket/issues/7',
  )
  expect(at.upstream.requests).toHaveLength(2)
})
