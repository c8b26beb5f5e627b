import { spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, expect, test } from 'vitest'
import { issue, startApprovalWorld } from '../src/harness/approval-world.js'
import { approveCall, asOperator } from '../src/harness/approvals.js'
import type { World } from '../src/harness/world.js'

const BIN = fileURLToPath(new URL('../../../mcp/bin/latchgate-mcp.js', import.meta.url))
const TOKEN = 'mcp-0123456789abcdef0123456789abcdef'
const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  },
})

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Adapter {
  readonly at: World
  readonly url: URL
  /** Ends it as a service manager would; its exit code. */
  stop(): Promise<number | null>
}

async function start(flags: readonly string[] = []): Promise<Adapter> {
  const at = await startApprovalWorld()
  cleanups.push(() => at.close())
  const file = join(at.gate.project.root, 'mcp.token')
  writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 })
  const args = [BIN, '--gate-socket', at.gate.project.socket, '--http-port', '0']
  const child = spawn(process.execPath, [...args, '--http-token-file', file, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM')
    return ended
  }
  cleanups.push(stop)
  for await (const line of createInterface({ input: child.stderr })) {
    const [, url] = /listening on (\S+)$/.exec(line) ?? []
    if (url !== undefined) return { at, url: new URL(url), stop }
  }
  throw new Error('the adapter ended before it listened')
}

async function connect({ url }: Adapter): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  const headers = { authorization: `Bearer ${TOKEN}` }
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } })
  await client.connect(transport as Transport)
  cleanups.push(() => client.close())
  return client
}

function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
      },
      (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      },
    )
    sent.on('error', reject)
    sent.end(INITIALIZE)
  })
}

test('over HTTP an agent lists, calls, is held, is approved and has the result', async () => {
  const adapter = await start()
  const client = await connect(adapter)
  const { tools } = await client.listTools()
  expect(tools.map((tool) => tool.name)).toContain('github_create_issue')
  const messages: (string | undefined)[] = []
  const running = client.callTool({ name: 'github_create_issue', arguments: issue() }, undefined, {
    onprogress: ({ message }) => messages.push(message),
  })
  let id: string | undefined
  while (id === undefined) {
    const answer = await asOperator(adapter.at, 'GET', '/v1/approvals?status=pending')
    id = (answer.json() as { approvals: { approval_id: string }[] }).approvals[0]?.approval_id
  }
  await client.ping()
  await approveCall(adapter.at, id)
  const result = (await running) as CallToolResult
  expect(JSON.stringify(result.content)).toContain('/acme/rocket/issues/7')
  expect(messages[0]).toContain(id)
  expect(await adapter.stop()).toBe(0)
})

test('without the token, from a page, or for another name: refused', async () => {
  const { url } = await start()
  const authorization = `Bearer ${TOKEN}`
  expect((await post(url, { authorization })).status).toBe(200)
  expect((await post(url, {})).status).toBe(401)
  expect((await post(url, { authorization: `Bearer ${TOKEN}x` })).status).toBe(401)
  const page = { authorization, origin: 'http://evil.example' }
  expect((await post(url, page)).status).toBe(403)
  expect((await post(url, { authorization, origin: 'null' })).status).toBe(403)
  expect((await post(url, { authorization, host: `evil.example:${url.port}` })).status).toBe(403)
  expect((await post(url, { authorization, 'mcp-session-id': 'made-up' })).status).toBe(404)
})

test('a token that others can read, one that is short, and none: no start', async () => {
  const run = (flags: readonly string[], token: string): Promise<readonly [unknown, string]> => {
    const env = { ...process.env, LATCHGATE_MCP_TOKEN: token }
    const child = spawn(process.execPath, [BIN, 'serve', '--http-port', '0', ...flags], { env })
    let text = ''
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
    return new Promise((resolve) => child.once('close', (code) => resolve([code, text])))
  }
  const at = await startApprovalWorld()
  cleanups.push(() => at.close())
  const file = join(at.gate.project.root, 'mcp.token')
  writeFileSync(file, TOKEN)
  chmodSync(file, 0o644)
  const [code, text] = await run(['--http-token-file', file], '')
  expect([code, text]).toEqual([
    1,
    `error: others can read the token in ${file}: chmod 600 ${file}\n`,
  ])
  expect((await run([], ''))[0]).toBe(1)
  const [short, said] = await run([], 'tiny-secret')
  expect(short).toBe(1)
  expect(said).not.toContain('tiny-secret')
})
