import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { asOperator, type OperatorDesk } from './approvals.js'
import { MCP_BIN } from './mcp-lines.js'

/** The bearer token of the adapters that `startHttpAdapter` starts. */
export const MCP_TOKEN = 'mcp-0123456789abcdef0123456789abcdef'

/** A started `latchgate-mcp serve --http-port`. */
export interface HttpAdapter {
  readonly url: URL
  /** Ends it as a service manager would; its exit code. */
  stop(): Promise<number | null>
}

/** A client of the protocol's own library, over stdio, at the gate of that socket. */
export async function connectStdio(
  socket: string,
  flags: readonly string[] = [],
  capabilities: object = {},
): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { capabilities })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MCP_BIN, 'serve', '--gate-socket', socket, ...flags],
    stderr: 'pipe',
  })
  await client.connect(transport)
  return client
}

/** Starts an adapter that listens; its token's file is written into `directory`. */
export async function startHttpAdapter(
  socket: string,
  directory: string,
  flags: readonly string[] = [],
): Promise<HttpAdapter> {
  const file = join(directory, 'mcp.token')
  writeFileSync(file, `${MCP_TOKEN}\n`, { mode: 0o600 })
  const args = [MCP_BIN, '--gate-socket', socket, '--http-port', '0', '--http-token-file', file]
  const child = spawn(process.execPath, [...args, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM')
    return ended
  }
  const lines = createInterface({ input: child.stderr })
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const [, url] = /listening on (\S+)$/.exec(line) ?? []
      if (url !== undefined) resolve({ url: new URL(url), stop })
    })
    void ended.then((code) => reject(new Error(`the adapter ended with ${code}`)))
  })
}

/** A client of the protocol's own library over HTTP. */
export async function connectHttp(
  { url }: HttpAdapter,
  capabilities: object = {},
): Promise<{ readonly client: Client; readonly transport: StreamableHTTPClientTransport }> {
  const client = new Client({ name: 'test', version: '1' }, { capabilities })
  const headers = { authorization: `Bearer ${MCP_TOKEN}` }
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } })
  await client.connect(transport as Transport)
  return { client, transport }
}

/** Calls a tool. */
export async function callTool(
  client: Client,
  name: string,
  args: object = {},
): Promise<CallToolResult> {
  const params = { name, arguments: args as Record<string, unknown> }
  return (await client.callTool(params)) as CallToolResult
}

/** The text of a result. */
export function textOf(result: CallToolResult): string {
  return result.content.map((one) => (one.type === 'text' ? one.text : '')).join('\n')
}

/** The body of a result that has to be an error. */
export function errorOf(result: CallToolResult): Record<string, unknown> {
  if (result.isError !== true) throw new Error(`no error but: ${textOf(result)}`)
  return JSON.parse(textOf(result)) as Record<string, unknown>
}

/** Ids of the approvals that wait for an operator. */
export async function pendingIds(at: OperatorDesk): Promise<readonly string[]> {
  const answer = await asOperator(at, 'GET', '/v1/approvals?status=pending')
  const { approvals } = answer.json() as { approvals: { approval_id: string }[] }
  return approvals.map((one) => one.approval_id)
}

/** The id of a held call, as soon as there is one. */
export async function oneHeld(at: OperatorDesk): Promise<string> {
  for (;;) {
    const [id] = await pendingIds(at)
    if (id !== undefined) return id
  }
}
