import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type ExampleWorld, ROOT, startExampleWorld } from '../src/harness/example-world.js'
import { freePort } from '../src/harness/free-port.js'
import { readGuide, withoutIds } from '../src/harness/guide.js'
import type { Program, ProgramEnd } from '../src/harness/observed-program.js'

const { text: GUIDE, blocks, block, table } = readGuide('docs/mcp.md')
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const HELD = new RegExp(`waits for approval (${UUID})\\.\n`)

let at: ExampleWorld
const files: string[] = []
const clients: Client[] = []

beforeAll(async () => {
  const rights = {
    allowed_actions: ['http_fetch', 'http_post'],
    allowed_sinks: ['http_read', 'http_write'],
  }
  at = await startExampleWorld({
    principal: 'you',
    data: { policy_version: 'guide', acl: { you: rights } },
  })
  at.upstream.on('GET', '/zen', () => ({ body: 'Keep it logically awesome.' }))
  at.upstream.on('GET', '/', () => ({ body: '<h1>Example Domain</h1>' }))
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const file of files.splice(0)) rmSync(file, { force: true })
})

afterAll(() => at?.close())

function shell(script: string, input?: string): Program {
  return at.start('bash', ['-euo', 'pipefail', '-c', script], input)
}

/** What a block of commands printed; throws when one of them failed. */
async function printed(script: string, input?: string): Promise<string> {
  const end: ProgramEnd = await shell(script, input).done
  if (end.code !== 0) throw new Error(`${script} ended with ${end.code}: ${end.out}${end.err}`)
  return end.out
}

/** Runs a block of JavaScript as a module below a package that has the SDK. */
function runModule(code: string): Program {
  const file = `${ROOT}packages/e2e/dist/mcp-guide-${process.pid}-${files.length}.mjs`
  writeFileSync(file, code)
  files.push(file)
  return at.run([file])
}

/** A client of the adapter that an entry of settings starts. */
async function connect(entry: {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  const { command, args } = entry
  const env = { ...at.env, ...entry.env }
  await client.connect(new StdioClientTransport({ command, args: [...args], env, stderr: 'pipe' }))
  clients.push(client)
  return client
}

interface Listed {
  readonly name: string
  readonly uri?: string
}

async function errorOf(client: Client, name: string, args: object): Promise<object> {
  const result = (await client.callTool({
    name,
    arguments: args as Record<string, unknown>,
  })) as CallToolResult
  expect(result.isError).toBe(true)
  const [part] = result.content
  return JSON.parse(part?.type === 'text' ? part.text : '') as object
}

test('the guide has this many blocks: none is left out below', () => {
  const counts = ['sh', 'json', 'js'].map((language) => blocks(language).length)
  expect(counts).toEqual([7, 4, 3])
  expect(GUIDE.match(/```/g)).toHaveLength(2 * counts.reduce((sum, count) => sum + count, 0))
})

test('the command that the guide puts into the path is this program, for programs too', async () => {
  const link = block('sh', 'ln -sf')
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string }
  const said = await printed(`cd '${ROOT}'\n${link}"$HOME/.local/bin/latchgate-mcp" --version`)
  expect(said).toBe(`${version}\n`)
  const { out } = await at.start(at.home.file('.local', 'bin', 'latchgate-mcp'), ['--version']).done
  expect(out).toBe(`${version}\n`)
})

test('one command: shown, written as the guide shows it, usable, and taken out again', async () => {
  const file = at.home.file('.cursor', 'mcp.json')
  const install = block('sh', '--client cursor --dry-run')
  const [dryRun = '', real = ''] = install.trim().split('\n')
  expect(await printed(dryRun)).toContain(`would change ${file}`)
  expect(existsSync(file)).toBe(false)
  expect(await printed(real)).toContain('restart Cursor')
  const written = readFileSync(file, 'utf8')
  expect(JSON.parse(written)).toEqual(
    JSON.parse(
      block('json', '"/usr/bin/node"')
        .replace('/usr/bin/node', process.execPath)
        .replace('/home/you/latchgate/', ROOT)
        .replace('/run/user/1000/latchgate/gate.sock', at.gate.project.socket),
    ),
  )
  expect(await printed(real)).toMatch(/^nothing to do/)
  const settings = JSON.parse(written) as {
    mcpServers: { latchgate: { command: string; args: string[]; env: Record<string, string> } }
  }
  const client = await connect(settings.mcpServers.latchgate)
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([
    'http_fetch',
    'http_post',
    'latchgate_result',
    'latchgate_my_pending',
  ])
  expect(await printed(block('sh', 'uninstall'))).toContain('removed')
  expect(existsSync(file)).toBe(false)
})

function fromHome(path = ''): string {
  return path.replace('~', at.home.path)
}

test('every client of the table is one that the program knows, with the file that it writes', async () => {
  const rows = table('`--client`')
  const { err } = await at.start('latchgate-mcp', ['install']).done
  const [, names = ''] = /choose one of (.*)\n/.exec(err) ?? []
  expect(rows.map(([name]) => name)).toEqual(names.split(', '))
  const withFiles = rows.filter(([name]) => name !== 'claude-code')
  await Promise.all(
    withFiles.map(([name]) => printed(`latchgate-mcp install --client ${String(name)}`)),
  )
  const missing = withFiles.filter(([, , file]) => !existsSync(fromHome(file)))
  expect(missing).toEqual([])
  for (const [, , file] of withFiles) rmSync(fromHome(file))
}, 60_000)

test('a gate elsewhere is named in what would be written', async () => {
  const shown = await printed(block('sh', '--gate-url'))
  expect(shown).toContain('would change')
  expect(shown).toContain('"--gate-url", "https://gate.example.com"')
})

test('a program lists tools, calls one, and has output and evidence', async () => {
  const { code, out, err } = await runModule(block('js', 'listTools();')).done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/^http_fetch false\nhttp_post false\nlatchgate_result false\n/)
  expect(out).toContain('Keep it logically awesome.')
  const [, receipt = ''] = new RegExp(`\n(${UUID})\n$`).exec(out) ?? []
  expect(await at.operate('receipts', 'show', receipt)).toContain('http_fetch')
})

test('a program is told that its call is held, and has the result once it is approved', async () => {
  const sent = at.upstream.requests.length
  const agent = runModule(block('js', 'resetTimeoutOnProgress'))
  const [, id = ''] = await agent.said(HELD)
  await at.operate('approvals', 'approve', id, '-y')
  const { code, out, err } = await agent.done
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/\ndone \{.*Example Domain/s)
  expect(at.upstream.requests).toHaveLength(sent + 1)
})

test('the handle in the guide is the answer of a held call, and gives its result', async () => {
  const client = await connect({
    command: 'latchgate-mcp',
    args: ['serve', '--approval-wait', '0'],
  })
  const held = await errorOf(client, 'http_fetch', { url: 'https://example.com/' })
  const shown = JSON.parse(block('json', '"pending_approval"')) as object
  expect(withoutIds(JSON.stringify(held))).toBe(withoutIds(JSON.stringify(shown)))
  const { approval_id } = held as { approval_id: string }
  await at.operate('approvals', 'approve', approval_id, '-y')
  const result = await client.callTool({ name: 'latchgate_result', arguments: { approval_id } })
  expect(JSON.stringify(result)).toContain('Example Domain')
})

test('the denial in the guide is the answer to an action that policy does not grant', async () => {
  const client = await connect({ command: 'latchgate-mcp', args: ['serve'] })
  const denied = await errorOf(client, 'http_delete', { url: 'https://api.github.com/x' })
  const shown = JSON.parse(block('json', '"policy_denied"')) as object
  expect(withoutIds(JSON.stringify(denied))).toBe(withoutIds(JSON.stringify(shown)))
})

test('over HTTP: the token is made, the adapter listens, settings and program connect, others do not', async () => {
  const port = String(await freePort())
  const here = (text: string): string => text.replaceAll('7333', port)
  const lines = here(block('sh', '--http-port')).trim().split('\n')
  await printed(lines.slice(0, -1).join('\n'))
  const adapter = shell(`exec ${String(lines.at(-1))}`)
  const [, address = ''] = await adapter.warned(/listening on (\S+)\n/)
  const json = here(block('json', '"Authorization"'))
  const { url, headers } = (
    JSON.parse(json) as {
      mcpServers: { latchgate: { url: string; headers: { Authorization: string } } }
    }
  ).mcpServers.latchgate
  expect(url).toBe(address)
  const token = readFileSync(at.home.file('.config', 'latchgate', 'mcp.token'), 'utf8').trim()
  const authorization = headers.Authorization.replace('<what is in mcp.token>', token)
  const client = new Client({ name: 'test', version: '1' })
  const requestInit = { headers: { authorization } }
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit })
  await client.connect(transport as Transport)
  clients.push(client)
  expect((await client.listTools()).tools).toHaveLength(4)

  const program = await runModule(here(block('js', 'StreamableHTTPClientTransport('))).done
  expect(program).toEqual({ code: 0, out: '4\n', err: '' })

  const status = async (to: string, more: Record<string, string>): Promise<number> =>
    (await fetch(to, { method: 'POST', body: '{}', headers: more })).status
  expect([
    await status(url, {}),
    await status(url, { authorization, origin: 'http://evil.example' }),
    await status(`${url}/other`, { authorization }),
    await status(url, { authorization, 'mcp-session-id': 'ended' }),
  ]).toEqual([401, 403, 404, 404])
  adapter.child.kill('SIGTERM')
  expect((await adapter.done).code).toBe(0)
})

test('a key of its own makes another principal of a client', async () => {
  await printed(block('sh', 'agents keygen'))
  const { mcpServers } = JSON.parse(readFileSync(at.home.file('.cursor', 'mcp.json'), 'utf8')) as {
    mcpServers: { latchgate: { command: string; args: string[] } }
  }
  const client = await connect(mcpServers.latchgate)
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toEqual([
    'http_fetch',
    'latchgate_result',
    'latchgate_my_pending',
  ])
  expect(
    await errorOf(client, 'http_post', { url: 'https://httpbin.org/post', body: 1 }),
  ).toMatchObject({
    message: "principal 'editor' is not authorised for action 'http_post'",
  })
})

test('an operator session has the tools of the table, and the resources and prompts that are named', async () => {
  const messages = [
    {
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'test', version: '1' },
      },
    },
    { method: 'notifications/initialized' },
    { id: 2, method: 'tools/list' },
    { id: 3, method: 'resources/list' },
    { id: 4, method: 'prompts/list' },
  ]
  const input = messages.map((one) => `${JSON.stringify({ jsonrpc: '2.0', ...one })}\n`).join('')
  const said = await printed(block('sh', 'latchgate-mcp operator'), input)
  const answers = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; result: Record<string, Listed[]> })
  const listed = (id: number, what: string): Listed[] =>
    answers.find((answer) => answer.id === id)?.result[what] ?? []
  expect(listed(2, 'tools').map(({ name }) => name)).toEqual(table('tool').map(([name]) => name))
  const others = [
    ...listed(3, 'resources').map(({ uri }) => uri),
    ...listed(4, 'prompts').map(({ name }) => name),
  ]
  expect(others).toHaveLength(4)
  expect(others.filter((one) => !GUIDE.includes(`\`${one}\``))).toEqual([])
})

test('the table of codes has every code that the program knows, and no other', () => {
  const source = readFileSync(`${ROOT}packages/mcp/src/serve/tool-error.ts`, 'utf8')
  const union = /export type ToolErrorCode =((?:\s*\| '\w+')+)/.exec(source)?.[1] ?? ''
  const known = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code)
  expect(known.length).toBeGreaterThan(10)
  expect(new Set(table('`code`').map(([code]) => code))).toEqual(new Set(known))
})

test('every option that the guide names is one of these programs', async () => {
  const helps = await Promise.all(
    [
      ['latchgate-mcp', 'serve'],
      ['latchgate-mcp', 'install'],
      ['latchgate-mcp', 'operator'],
      ['latchgate-mcp', 'uninstall'],
      ['latchgate', 'agents', 'keygen'],
      ['latchgate', 'agents', 'add'],
    ].map(
      async ([command = '', ...args]) => (await at.start(command, [...args, '--help']).done).out,
    ),
  )
  const named = new Set(GUIDE.match(/(?<![\w-])--[a-z][a-z-]+/g))
  expect(named.size).toBeGreaterThan(10)
  expect([...named].filter((option) => !helps.some((help) => help.includes(`${option} `)))).toEqual(
    [],
  )
})

test('both ways to name a gate at once are refused in the words of the guide', async () => {
  const { code, err } = await at.run(
    [`${ROOT}packages/mcp/bin/latchgate-mcp.js`, 'serve', '--gate-socket', '/s'],
    { LATCHGATE_URL: 'http://127.0.0.1:1' },
  ).done
  expect(code).toBe(1)
  expect(err).toMatch(/both a socket .* and a URL .* of the gate are given/)
  expect(GUIDE).toContain('`both a socket … and a URL … of the gate are given`')
})
