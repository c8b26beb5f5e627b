import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { issue, recordsOf, startApprovalWorld } from '../src/harness/approval-world.js'
import { holdCall } from '../src/harness/approvals.js'
import { PUBLIC_BASE, takeLease } from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const BIN = fileURLToPath(new URL('../../../mcp/bin/latchgate-mcp.js', import.meta.url))

let world: World
let keyFile: string
const sessions: OperatorSession[] = []

beforeEach(async () => {
  world = await startApprovalWorld()
  const { operator, root } = world.gate.project
  keyFile = join(root, 'mcp-operator.pem')
  writeFileSync(keyFile, operator.key.exportPem(), { mode: 0o600 })
})

afterEach(async () => {
  for (const one of sessions.splice(0)) await one.end()
  await world.close()
})

/** One `latchgate-mcp operator` and its protocol, a JSON text a line. */
class OperatorSession {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<number, (result: Record<string, unknown>) => void>()
  readonly #ended: Promise<unknown[]>
  #last = 0
  stderr = ''

  constructor(token: string) {
    const { adminSocket } = world.gate.project
    this.#child = spawn(
      process.execPath,
      [BIN, 'operator', '--admin-socket', adminSocket, '--operator-key', keyFile],
      { env: { LATCHGATE_OPERATOR_TOKEN: token, LATCHGATE_PUBLIC_URL: PUBLIC_BASE } },
    )
    this.#ended = once(this.#child, 'close')
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { id, ...answer } = JSON.parse(line) as { id: number } & Record<string, unknown>
      this.#waiting.get(id)?.(answer)
    })
    sessions.push(this)
  }

  async initialize(): Promise<void> {
    await this.ask('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    })
    this.#send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  }

  ask(method: string, params: object = {}): Promise<Record<string, unknown>> {
    this.#last += 1
    const id = this.#last
    const answered = new Promise<Record<string, unknown>>((resolve) => {
      this.#waiting.set(id, resolve)
    })
    this.#send({ jsonrpc: '2.0', id, method, params })
    return answered
  }

  /** The JSON text of a tool's result, and whether it is an error. */
  async call(name: string, args: object = {}) {
    const { result } = await this.ask('tools/call', { name, arguments: args })
    const { content, isError } = result as { content: { text: string }[]; isError: boolean }
    return { isError, json: JSON.parse(content[0]?.text ?? '') as Record<string, unknown> }
  }

  /** The exit code once the input has ended. */
  async end(): Promise<unknown> {
    this.#child.stdin.end()
    return (await this.#ended)[0]
  }

  get exit(): Promise<unknown> {
    return this.#ended.then(([code]) => code)
  }

  #send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`)
  }
}

async function openSession(): Promise<OperatorSession> {
  const session = new OperatorSession(world.gate.project.operator.apiKey)
  await session.initialize()
  return session
}

test('an operator lists, shows and denies a held call, which never runs', async () => {
  const lease = await takeLease(world.client)
  const { id: approvalId } = await holdCall(world, lease, 'github_create_issue', issue())
  const session = await openSession()

  const listed = await session.call('latchgate_list_pending')
  expect(listed.isError).toBe(false)
  expect(JSON.stringify(listed.json)).toContain(approvalId)

  const shown = await session.call('latchgate_get_approval', { approval_id: approvalId })
  expect(shown.json).toMatchObject({ approval_id: approvalId, action_id: 'github_create_issue' })

  const denied = await session.call('latchgate_deny', {
    approval_id: approvalId,
    reason: 'not\u001b[2Jnow',
  })
  expect(denied.isError).toBe(false)
  expect(denied.json).toMatchObject({ approval_id: approvalId, decision: 'deny' })
  expect(recordsOf(world.gate.project.ledger, approvalId)).toEqual([
    'hold pending_approval',
    'approval denied',
  ])
  expect(world.upstream.requests).toEqual([])
  expect(await session.end()).toBe(0)
  expect(session.stderr).toBe('')
})

test('no tool of an operator session approves, and none is called under such a name', async () => {
  const session = await openSession()
  const { result } = await session.ask('tools/list')
  const { tools } = result as { tools: { name: string }[] }
  expect(tools.map(({ name }) => name)).toEqual([
    'latchgate_list_pending',
    'latchgate_get_approval',
    'latchgate_deny',
  ])
  for (const name of ['latchgate_approve', 'latchgate_allowlist', 'github_create_issue']) {
    expect(await session.call(name, { approval_id: 'x' })).toEqual({
      isError: true,
      json: {
        code: 'action_not_found',
        message: `there is no tool '${name}'`,
        action_id: name,
      },
    })
  }
})

test.each([
  [{ approval_id: '../v1/leases' }, 'approval_id must be a UUID in lower case'],
  [{}, 'approval_id must be a UUID in lower case'],
  [{ approval_id: '0199a1b2-0000-7000-8000-000000000000', plan: 1 }, "there is no argument 'plan'"],
])('arguments %j are refused before the gate is asked', async (args, message) => {
  const session = await openSession()
  expect(await session.call('latchgate_deny', args)).toEqual({
    isError: true,
    json: { code: 'schema_validation', message, action_id: 'latchgate_deny' },
  })
})

test('a token that the gate does not know ends the session before it begins, unnamed', async () => {
  const session = new OperatorSession('key-of-nobody')
  expect(await session.exit).toBe(1)
  expect(session.stderr).toBe(
    'error: the gate answered 401: check --admin-socket, --operator-key and LATCHGATE_OPERATOR_TOKEN\n',
  )
})

test('a key that others can read is not used', async () => {
  chmodSync(keyFile, 0o644)
  const session = new OperatorSession(world.gate.project.operator.apiKey)
  expect(await session.exit).toBe(1)
  expect(session.stderr).toBe(
    `error: ${keyFile} has mode 0644, others could use it: chmod 600 ${keyFile}\n`,
  )
})
