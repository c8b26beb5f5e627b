import { rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'
import { issue, startApprovalWorld } from '../src/harness/approval-world.js'
import { approveCall, asOperator } from '../src/harness/approvals.js'
import { ALL_ACTIONS, ALL_SINKS } from '../src/harness/gate.js'
import { McpLines, type Message } from '../src/harness/mcp-lines.js'
import { callTool, connectStdio, errorOf, oneHeld, textOf } from '../src/harness/mcp-session.js'
import type { World } from '../src/harness/world.js'

const LONG = `read_${'very_'.repeat(20)}long`
const LIST = '/v1/permitted-actions'
const FETCH = { url: 'https://api.github.com/data' }

function manifest(id: string, description = 'Reads one thing.', more: string[] = []): string {
  const sent = ['id', 'note', ...more].map((name) => `${name}: "{{${name}}}"`)
  return `# Risk rationale: read-only.
action_id: ${id}
version: "1.0.0"
description: ${description}
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: ["=api.example.com"] }
template:
  method: GET
  url_template: https://api.example.com/thing
  query: { ${sent.join(', ')} }
io:
  request_schema:
    type: object
    additionalProperties: false
    required: [id]
    properties:
      id: { type: integer }
      note: { type: string }
${more.map((name) => `      ${name}: { type: integer }\n`).join('')}`
}

function grants(...more: readonly string[]): object {
  const allowed_actions = [...ALL_ACTIONS, ...more]
  return {
    policy_version: 'p',
    acl: { 'agent-test': { allowed_actions, allowed_sinks: ALL_SINKS } },
  }
}

async function begin(...given: Parameters<typeof startApprovalWorld>): Promise<World> {
  const at = await startApprovalWorld(...given)
  onTestFinished(() => at.close())
  return at
}

async function connect(
  socket: string,
  flags: readonly string[] = [],
  capabilities: object = {},
): Promise<Client> {
  const client = await connectStdio(socket, flags, capabilities)
  onTestFinished(() => client.close())
  return client
}

async function reload(at: World): Promise<void> {
  expect((await asOperator(at, 'POST', '/v1/admin/reload', { body: {} })).status).toBe(200)
}

test('an id that clients refuse, and one of a tool of the adapter, have other names and can be called', async () => {
  const ids = [LONG, `${LONG}er`, 'latchgate_result']
  const manifests = Object.fromEntries(ids.map((id, n) => [`${n}.yaml`, manifest(id)]))
  const at = await begin({ manifests, data: grants(...ids) })
  at.upstream.on('GET', '/thing', () => ({ status: 200, headers: {}, body: 'the thing' }))
  const client = await connect(at.gate.project.socket)
  const { tools } = await client.listTools()
  const names = tools.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
  for (const id of ids) {
    const tool = tools.find(({ description = '' }) => description.includes(`Action id: ${id}.`))
    expect(tool?.name).toMatch(/_[0-9a-f]{16}$/)
    const result = await callTool(client, String(tool?.name), { id: 1 })
    expect(result.isError, textOf(result)).toBe(false)
    expect(textOf(result)).toContain('the thing')
  }
  // The adapter's own tool is still the adapter's.
  expect(errorOf(await callTool(client, 'latchgate_result', {}))['code']).toBe('schema_validation')
  const again = await connect(at.gate.project.socket)
  expect((await again.listTools()).tools).toEqual(tools)
})

test('a manifest that comes, changes and goes is announced each time', async () => {
  const at = await begin({ data: grants('thing_read') })
  const client = await connect(at.gate.project.socket, ['--poll-seconds', '1'])
  let heard: () => void = () => undefined
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => heard())
  const described = async (): Promise<string | undefined> =>
    (await client.listTools()).tools.find(({ name }) => name === 'thing_read')?.description
  const file = join(at.gate.project.root, 'manifests', 'thing.yaml')
  const change = async (edit: () => void): Promise<string | undefined> => {
    const told = new Promise<void>((resolve) => {
      heard = resolve
    })
    edit()
    await reload(at)
    await told
    return described()
  }
  expect(await described()).toBeUndefined()
  const write = (text: string): void => writeFileSync(file, manifest('thing_read', text))
  expect(await change(() => write('First words.'))).toContain('First words.')
  // Not a name has changed.
  expect(await change(() => write('Other words.'))).toContain('Other words.')
  expect(await change(() => rmSync(file))).toBeUndefined()
})

test('a client that says twice that it is ready is told once of a change', async () => {
  const at = await begin({ data: grants('thing_read') })
  const session = new McpLines(['--gate-socket', at.gate.project.socket, '--poll-seconds', '1'])
  onTestFinished(async () => {
    await session.end()
  })
  await session.initialize()
  for (let time = 0; time < 3; time += 1) session.send({ method: 'notifications/initialized' })
  await session.ask('tools/list')
  writeFileSync(join(at.gate.project.root, 'manifests', 'thing.yaml'), manifest('thing_read'))
  await reload(at)
  const isNews = (one: Message): boolean => one['method'] === 'notifications/tools/list_changed'
  await session.find(isNews)
  await session.ask('ping')
  expect(session.received.filter(isNews)).toHaveLength(1)
})

test('arguments are refused by what the gate takes now, not by what it took', async () => {
  const at = await begin({
    manifests: { 'thing.yaml': manifest('thing_read') },
    data: grants('thing_read'),
  })
  at.upstream.on('GET', '/thing', () => ({ status: 200, headers: {}, body: 'the thing' }))
  const { socket, asked } = await relay(at, false)
  const client = await connect(socket, ['--poll-seconds', '3600'])
  const lists = (): number => asked.filter((one) => one === `GET ${LIST}`).length
  expect(errorOf(await callTool(client, 'thing_read', { id: 1, extra: 2 }))).toEqual({
    code: 'schema_validation',
    message:
      "arguments must NOT have additional properties ('extra'). It takes id (required), note.",
    action_id: 'thing_read',
  })
  const file = join(at.gate.project.root, 'manifests', 'thing.yaml')
  writeFileSync(file, manifest('thing_read', 'Reads.', ['extra']))
  await reload(at)
  // A list that is some seconds old is not asked for again; a call for which it was is not refused.
  const before = lists()
  for (;;) {
    const result = await callTool(client, 'thing_read', { id: 1, extra: 2 })
    if (result.isError !== true) break
    expect([errorOf(result)['code'], lists()]).toEqual(['schema_validation', before])
  }
  expect(lists()).toBe(before + 1)
  const nothing = errorOf(await callTool(client, 'thing_read'))
  expect(nothing['message']).toBe(
    "arguments must have required property 'id'. It takes id (required), note, extra.",
  )
})

test('a null for a parameter that can be left out is for the gate to judge, for a needed one it is not', async () => {
  const at = await begin({
    manifests: { 'thing.yaml': manifest('thing_read') },
    data: grants('thing_read'),
  })
  const client = await connect(at.gate.project.socket)
  const needed = errorOf(await callTool(client, 'thing_read', { id: null, note: null }))
  expect([needed['code'], needed['trace_id']]).toEqual(['schema_validation', undefined])
  at.upstream.on('GET', '/thing', () => ({ status: 200, headers: {}, body: 'the thing' }))
  const optional = await callTool(client, 'thing_read', { id: 1, note: null })
  // Either way it is the gate that has decided: a result, or an error under its trace.
  if (optional.isError === true) expect(errorOf(optional)['trace_id']).toEqual(expect.any(String))
  else expect(textOf(optional)).toContain('the thing')
})

test('a refusal names what could be called instead', async () => {
  const acl = { 'agent-test': { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] } }
  const at = await begin({ data: { policy_version: 'p', acl } })
  const client = await connect(at.gate.project.socket)
  await client.listTools()
  const refused = errorOf(await callTool(client, 'http_delete', FETCH))
  expect(refused).toEqual({
    code: 'policy_denied',
    message: expect.stringMatching(/\S/),
    action_id: 'http_delete',
    trace_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    remediation: expect.stringContaining('latchgate policy grant'),
    permitted_tools: ['http_fetch'],
  })
})

/** Stands before a gate and says what it was asked; `isOlder`: without permitted actions, as 0.2.0. */
async function relay(
  at: World,
  isOlder: boolean,
): Promise<{ readonly socket: string; readonly asked: readonly string[] }> {
  const socket = join(at.gate.project.root, 's', 'relay.sock')
  const asked: string[] = []
  const server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    if (isOlder && incoming.url === LIST) {
      outgoing.writeHead(404, { 'content-type': 'application/json' })
      outgoing.end('{"error":"not_found"}')
      return
    }
    const { method, url: path, headers } = incoming
    const onward = request({ socketPath: at.gate.project.socket, method, path, headers }, (got) => {
      outgoing.writeHead(got.statusCode ?? 500, got.headers)
      got.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { socket, asked }
}

test('at a gate that has no list of permitted actions all actions are tools, with their schemas', async () => {
  const at = await begin()
  at.upstream.on('GET', '/data', () => ({ status: 200, headers: {}, body: 'there' }))
  const older = await relay(at, true)
  const client = await connect(older.socket)
  const { tools } = await client.listTools()
  const modern = await (await connect(at.gate.project.socket)).listTools()
  expect(tools.map(({ name }) => name)).toEqual(modern.tools.map(({ name }) => name))
  const of = (list: typeof tools, name: string): unknown => {
    const { inputSchema, annotations } = list.find((tool) => tool.name === name) ?? {}
    return { inputSchema, annotations }
  }
  expect(of(tools, 'http_delete')).toEqual(of(modern.tools, 'http_delete'))
  expect(textOf(await callTool(client, 'http_fetch', FETCH))).toContain('there')
  expect(older.asked).toContain('GET /v1/actions/http_fetch/schema/request')
})

test('a client that can be asked is told where to decide, and its refusal decides nothing', async () => {
  const at = await begin()
  const client = await connect(at.gate.project.socket, [], { elicitation: {} })
  const told = new Promise<string>((resolve) => {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      resolve(params.message)
      return { action: 'decline' }
    })
  })
  const running = callTool(client, 'github_create_issue', issue())
  const id = await oneHeld(at)
  expect(await told).toContain(`latchgate approvals approve ${id}`)
  await client.ping()
  expect((await approveCall(at, id)).status).toBe(200)
  expect(textOf(await running)).toContain('/acme/rocket/issues/7')
})

test('a client that cannot be asked hears it as a message, unless it wants fewer of them', async () => {
  const at = await begin()
  const client = await connect(at.gate.project.socket)
  const heard: unknown[] = []
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    heard.push(params)
  })
  const hold = async (): Promise<string> => {
    const running = callTool(client, 'github_create_issue', issue())
    const id = await oneHeld(at)
    await approveCall(at, id)
    expect((await running).isError).toBe(false)
    return id
  }
  const id = await hold()
  expect(heard).toEqual([
    {
      level: 'info',
      logger: 'latchgate-mcp',
      data:
        `The call of 'github_create_issue' waits for approval ${id}. ` +
        `To decide, an operator runs: latchgate approvals approve ${id}`,
    },
  ])
  await client.setLoggingLevel('warning')
  await hold()
  expect(heard).toHaveLength(1)
})
