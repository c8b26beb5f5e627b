import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { type TempDir, tempDir } from '@latchgate/testkit'
import type { ClientOptions, ReceiptKey } from 'latchgate'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../src/harness/free-port.js'
import { ALL_ACTIONS, ALL_SINKS } from '../../src/harness/gate.js'
import {
  type DriverOptions,
  type GateDriver,
  startGateDriver,
} from '../../src/harness/gate-driver.js'
import type { Failure, Said, Task } from '../../src/runtimes/agent.js'
import { type Runtime, runAgent } from '../../src/runtimes/runtime-agent.js'

/** The SDK in one runtime after the other, against real gates; `npm run test:runtimes` says which. */
const RUNTIMES = JSON.parse(process.env['TEST_RUNTIMES'] ?? '[]') as readonly Runtime[]

const SECRETS = { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' }
const RIGHTS = { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS }

let directory: TempDir
let onTcp: GateDriver
let onSocket: GateDriver
let silentTcp: Server
let silentSocket: Server

beforeAll(async () => {
  directory = tempDir()
  const key = await DPoPKeyPair.generate()
  writeFileSync(directory.file('agent.pem'), key.exportPem(), { mode: 0o600 })
  mkdirSync(directory.file('latchgate'), { mode: 0o700 })
  onTcp = await startDriver({ tcp: true, tables: agentTable(key), data: rights('dev:anonymous') })
  onSocket = await startDriver({ socketDirectory: directory.file('latchgate') })
  silentTcp = await listen({ port: 0, host: '127.0.0.1' })
  silentSocket = await listen({ path: directory.file('silent.sock') })
})

afterAll(async () => {
  silentTcp.close()
  silentSocket.close()
  await Promise.all([onTcp.close(), onSocket.close()])
  directory.remove()
})

const CASES = RUNTIMES.map((runtime) => [runtime.name, runtime] as const)

describe.each(CASES)('%s', (name, runtime) => {
  test('works over TCP: is held, approved, answered, and checks its receipts', async () => {
    const ending = await work(runtime, onTcp, { baseUrl: urlOf(onTcp) })
    expect(ending).toEqual(workedAs('dev:anonymous'))
  })

  test('works over the default socket without any configuration', async () => {
    const ending = await work(runtime, onSocket, {})
    expect(ending).toEqual(workedAs(onSocket.greeting.principal))
  })

  test('is the agent that the gate has registered its key file for', async () => {
    const keyFile = directory.file('agent.pem')
    const ending = await work(runtime, onTcp, { baseUrl: urlOf(onTcp), keyFile })
    expect(ending).toEqual(workedAs('key-agent'))
  })

  test.each([
    ['over TCP', () => ({ baseUrl: `http://127.0.0.1:${portOf(silentTcp)}` })],
    ['over a socket', () => ({ socket: directory.file('silent.sock') })],
  ] as const)('does not hang with a gate that hangs, %s', async (_, options) => {
    const ending = await run(runtime, { act: 'call', options: { ...options(), timeoutMs: 500 } })
    const { message } = typedError(ending, 'LatchGateTransportError')
    expect(message).toMatch(/^transport error: no answer within 500 ms/)
  })

  test.each([
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ['closed', (socket: Socket) => socket.destroy()],
  ] as const)(
    'sends a call whose connection is %s once, and does not know its end',
    async (_, end) => {
      const calls: string[] = []
      const gate = createHttpServer((request, response) => {
        if (request.url === '/v1/leases') {
          const expires_at = new Date(Date.now() + 300_000).toISOString()
          response.end(JSON.stringify({ lease_jwt: 'a.b.c', expires_at }))
          return
        }
        calls.push(String(request.url))
        end(request.socket)
      })
      await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve))
      const baseUrl = `http://127.0.0.1:${portOf(gate)}`
      const ending = await run(runtime, { act: 'call', options: { baseUrl } })
      gate.close()
      typedError(ending, 'LatchGateTransportError')
      expect(calls).toEqual(['/v1/actions/http_fetch/execute'])
    },
  )

  test('says where no gate is, and what to do', async () => {
    const baseUrl = `http://127.0.0.1:${await freePort()}`
    const tcp = await run(runtime, { act: 'call', options: { baseUrl } })
    const { message } = typedError(tcp, 'LatchGateTransportError')
    expect(message).toContain(`transport error: no gate answers on ${baseUrl} (`)
    expect(message).toMatch(/LATCHGATE_URL or the option 'baseUrl'$/)
    for (const socket of [directory.file('nothing.sock'), directory.file('agent.pem')]) {
      const ending = await run(runtime, { act: 'call', options: { socket } })
      expect(typedError(ending, 'LatchGateTransportError').message).toMatch(
        /^transport error: no gate answers on .* start one with `latchgate up`/,
      )
    }
  })

  test('refuses a default socket in a directory that others can enter', async () => {
    mkdirSync(directory.file(name, 'latchgate'), { recursive: true })
    chmodSync(directory.file(name, 'latchgate'), 0o755)
    const env = { XDG_RUNTIME_DIR: directory.file(name) }
    const ending = await runAgent(runtime, { act: 'call' }, env)
    expect(typedError(ending, 'LatchGateTransportError').message).toMatch(
      /^transport error: refusing the gate socket .* has mode 0755, not 0700/,
    )
  })

  test('gives up a token that does not come, and a wait that its caller has ended', async () => {
    const token = await run(runtime, { act: 'hangingToken', options: { timeoutMs: 300 } })
    expect(typedError(token, 'LatchGateAuthError').code).toBe('identity_token_unusable')
    const wait = await run(runtime, { act: 'abandonedWait' })
    expect(typedError(wait, 'LatchGateTransportError').message).toMatch(
      /aborted by the caller; the approval stays as it is$/,
    )
  })
})

/** The way of an agent, with an operator who approves what is held. */
async function work(runtime: Runtime, gate: GateDriver, options: ClientOptions): Promise<Said> {
  const before = await upstreamCalls(gate)
  const task = { act: 'work', options, trustedKeys: await receiptKeys(gate) } as const
  const ending = await run(runtime, task, async (approvalId) => {
    await gate.run({ command: 'approve', approval_id: approvalId })
  })
  expect((await upstreamCalls(gate)) - before).toBe(4)
  return ending
}

function workedAs(principal: string): Said {
  return {
    result: {
      isSameSession: true,
      knowsAction: true,
      mayCall: true,
      isDone: [true, true],
      decision: 'approved',
      principal,
      reports: [
        ['valid', 'matches', 'matches', 'given'],
        // It is not this client that was told of the call, but the one who approved it.
        ['valid', 'matches', 'unknown', 'given'],
      ],
      sequence: [1, 4, 5],
      findings: 0,
    },
  }
}

function run(
  runtime: Runtime,
  task: Task,
  onHeld?: (approvalId: string) => Promise<void>,
): Promise<Said> {
  return runAgent(runtime, task, { XDG_RUNTIME_DIR: directory.path }, onHeld)
}

function typedError(ending: Said, name: string): Failure {
  const { error } = ending
  if (error === undefined) throw new Error(`it did not fail: ${JSON.stringify(ending)}`)
  expect(error, error.message).toMatchObject({ name, isTyped: true })
  return error
}

async function receiptKeys(gate: GateDriver): Promise<readonly ReceiptKey[]> {
  const answer = (await gate.run({
    command: 'operator',
    method: 'GET',
    path: '/v1/receipt-keys',
  })) as { readonly body: { readonly keys: readonly ReceiptKey[] } }
  return answer.body.keys
}

async function upstreamCalls(gate: GateDriver): Promise<number> {
  return ((await gate.run({ command: 'upstream' })) as readonly unknown[]).length
}

async function startDriver(options: DriverOptions): Promise<GateDriver> {
  const driver = await startGateDriver({ env: SECRETS, ...options })
  await driver.run({
    command: 'answer',
    method: 'POST',
    path: '/repos/acme/rocket/issues',
    status: 201,
    body: { id: 7, number: 1, html_url: 'https://github.com/acme/rocket/issues/1' },
  })
  return driver
}

function agentTable(key: DPoPKeyPair): string {
  return `[agents.runtime]\nprincipal = "key-agent"\ndpop_jkt = "${key.thumbprint}"\n`
}

function rights(principal: string): object {
  return { policy_version: 'test-1', acl: { [principal]: RIGHTS, 'key-agent': RIGHTS } }
}

function listen(where: object): Promise<Server> {
  const server = createServer(() => undefined)
  return new Promise((resolve) => server.listen(where, () => resolve(server)))
}

function urlOf({ greeting }: GateDriver): string {
  if (greeting.url === null) throw new Error('this gate does not listen on TCP')
  return greeting.url
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
