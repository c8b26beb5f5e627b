import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issue, startApprovalWorld } from '../src/harness/approval-world.js'
import { approveCall, denyCall } from '../src/harness/approvals.js'
import { MCP_BIN } from '../src/harness/mcp-lines.js'
import {
  type HttpAdapter,
  MCP_TOKEN,
  oneHeld,
  startHttpAdapter,
} from '../src/harness/mcp-session.js'
import type { World } from '../src/harness/world.js'

const { TEST_INSPECTOR_NODE = '', TEST_INSPECTOR_SCRIPT = '' } = process.env

let at: World
let adapter: HttpAdapter
let home: string

beforeAll(async () => {
  if (TEST_INSPECTOR_SCRIPT === '') throw new Error('run these tests with: npm run test:inspector')
  at = await startApprovalWorld()
  const json = { 'content-type': 'application/json' }
  at.upstream.on('GET', '/data', () => ({ status: 200, headers: json, body: '{"answer":42}' }))
  const { socket, root } = at.gate.project
  adapter = await startHttpAdapter(socket, root)
  home = join(root, 'home')
  mkdirSync(home)
})

afterAll(async () => {
  await adapter?.stop()
  await at?.close()
})

interface Inspected {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** One run of the inspector's command line: it connects, asks one thing, prints it and ends. */
function inspect(target: readonly string[], ...args: readonly string[]): Promise<Inspected> {
  const child = spawn(TEST_INSPECTOR_NODE, [TEST_INSPECTOR_SCRIPT, '--cli', ...target, ...args], {
    // A home of its own: it keeps a catalogue of servers there.
    env: { PATH: process.env['PATH'], HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    texts.out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    texts.err += chunk
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...texts })))
}

function resultOf({ code, out, err }: Inspected): {
  readonly tools: readonly { readonly name: string; readonly annotations?: object }[]
  readonly content: readonly { readonly text: string }[]
  readonly isError?: boolean
} {
  if (code !== 0 && out === '') throw new Error(`the inspector ended with ${code}: ${err}`)
  return JSON.parse(out)
}

const TRANSPORTS = {
  stdio: (...flags: readonly string[]) => [
    ...[process.execPath, MCP_BIN, 'serve', '--gate-socket', at.gate.project.socket],
    ...flags,
  ],
  'Streamable HTTP': () => [
    ...[adapter.url.href, '--transport', 'http'],
    ...['--header', `Authorization: Bearer ${MCP_TOKEN}`],
  ],
} as const

/** The inspector's option for the arguments of a call. */
function toolArgs(args: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(args).flatMap(([name, value]) => ['--tool-arg', `${name}=${String(value)}`])
}

function call(target: readonly string[], name: string, args: object): Promise<Inspected> {
  const pairs = toolArgs(args as Readonly<Record<string, unknown>>)
  return inspect(target, '--method', 'tools/call', '--tool-name', name, ...pairs)
}

describe.each(Object.entries(TRANSPORTS))('the inspector over %s', (_, targetOf) => {
  test('lists the tools with their hints, and finds nothing in their schemas that clients refuse', async () => {
    const listed = await inspect(targetOf(), '--method', 'tools/list', '--strict')
    expect(listed.code, listed.err).toBe(0)
    const { tools } = resultOf(listed)
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['http_fetch', 'github_create_issue', 'latchgate_result']),
    )
    expect(tools.find(({ name }) => name === 'http_delete')?.annotations).toMatchObject({
      readOnlyHint: false,
      destructiveHint: true,
    })
  })

  test('calls a tool and receives its result', async () => {
    const url = 'https://api.github.com/data'
    const called = await call(targetOf(), 'http_fetch', { url })
    expect(called.code, called.err).toBe(0)
    expect(resultOf(called).content[0]?.text).toContain('42')
  })

  test('is held, is approved while it waits, and receives the result', async () => {
    const before = at.upstream.requests.length
    const running = call(targetOf(), 'github_create_issue', issue())
    const id = await oneHeld(at)
    expect(at.upstream.requests).toHaveLength(before)
    expect((await approveCall(at, id)).status).toBe(200)
    const called = await running
    expect(called.code, called.err).toBe(0)
    expect(resultOf(called).content[0]?.text).toContain('/acme/rocket/issues/7')
    expect(at.upstream.requests).toHaveLength(before + 1)
  })

  test('is told why a call was denied', async () => {
    const running = call(targetOf(), 'github_create_issue', issue())
    const id = await oneHeld(at)
    await denyCall(at, id, { body: { reason: 'not on a Friday' } })
    const { isError, content } = resultOf(await running)
    expect(isError).toBe(true)
    expect(JSON.parse(content[0]?.text ?? '')).toMatchObject({
      code: 'policy_denied',
      approval_id: id,
      message: expect.stringContaining('not on a Friday'),
    })
  })
})

test('a handle that one run was given gives the result in another', async () => {
  const held = resultOf(
    await call(TRANSPORTS.stdio('--approval-wait', '0'), 'github_create_issue', issue()),
  )
  const body = JSON.parse(held.content[0]?.text ?? '') as Record<string, unknown>
  expect(body['code']).toBe('pending_approval')
  const id = String(body['approval_id'])
  expect((await approveCall(at, id)).status).toBe(200)
  const args = { approval_id: id }
  const fetched = await call(TRANSPORTS['Streamable HTTP'](), 'latchgate_result', args)
  expect(resultOf(fetched).content[0]?.text).toContain('/acme/rocket/issues/7')
})
