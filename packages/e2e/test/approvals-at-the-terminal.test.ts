import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '@latchgate/protocol'
import { verifyAttestation } from '@latchgate/protocol/node'
import { PseudoTerminal, type TerminalSize } from '@latchgate/testkit'
import { LatchGateApprovalDenied, LatchGateApprovalRequired, LatchGateClient } from 'latchgate'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { leavesOf } from '../src/harness/evidence.js'
import { startWorld, type World } from '../src/harness/world.js'

const BIN = fileURLToPath(new URL('../../../cli/bin/latchgate.js', import.meta.url))

const RIGHT_TO_LEFT = '\u202e'
/** What an agent would write that wants its operator to see something else. */
const HOSTILE = {
  url: 'https://api.example.com/v1/pay?to=mallory',
  body: {
    amount: 100000,
    [`note\u001b[2J\u001b[1;1H${RIGHT_TO_LEFT}`]:
      '\r\n  request      GET https://harmless.example/\u0007\u001b]0;title\u0007',
    padding: `${' '.repeat(400)}end`,
    日本: '送金'.repeat(60),
  },
}

let world: World
let client: LatchGateClient
const terminals: PseudoTerminal[] = []

beforeEach(async () => {
  world = await startWorld({
    tables: '[rate_limits]\noperator_read_rps = 1000\noperator_write_rps = 1000',
  })
  const { operator, root, socket } = world.gate.project
  mkdirSync(join(root, 'operators'), { mode: 0o700 })
  writeFileSync(join(root, 'operators', 'operator.pem'), operator.key.exportPem(), { mode: 0o600 })
  client = new LatchGateClient({ socket, agentId: 'my-agent' })
})

afterEach(async () => {
  for (const terminal of terminals.splice(0)) {
    try {
      terminal.kill('SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    await terminal.ended
    terminal.close()
  }
  await client.close()
  await world.close()
})

function onTerminal(args: readonly string[], size?: TerminalSize): PseudoTerminal {
  const terminal = PseudoTerminal.start({
    command: process.execPath,
    args: [BIN, '--config', world.gate.project.configFile, ...args],
    env: { PATH: process.env['PATH'], HOME: world.gate.project.root },
    ...(size === undefined ? {} : { size }),
  })
  terminals.push(terminal)
  return terminal
}

async function hold(params: Readonly<Record<string, unknown>> = HOSTILE): Promise<string> {
  const held: unknown = await client.execute('http_post', params).catch((error: unknown) => error)
  if (!(held instanceof LatchGateApprovalRequired)) throw new Error(`not held: ${String(held)}`)
  return held.approvalId
}

test('a hostile call is read, approved, and exactly what was shown leaves, with a signed decision', async () => {
  const id = await hold()
  const result = client.waitForApproval(id, { timeoutMs: 30_000 })
  const terminal = onTerminal(['approvals', 'watch'])
  await terminal.shows(`Approval ${id}`)
  expect(terminal.screen.lines[0]).toBe('LatchGate approvals  1 pending')
  expect(terminal.screen.text).toContain(`  request      POST ${HOSTILE.url}`)
  terminal.type(' ')
  await terminal.shows('space list')
  terminal.type('\u001b[6~')
  await terminal.shows('"amount": 100000')
  terminal.type('\u001b[F')
  await terminal.shows('computed here from what is shown: the same')
  expect(terminal.screen.text.split('\n').filter((line) => /^ {2}request {6}/.test(line))).toEqual(
    [],
  )
  terminal.type('a')
  await terminal.shows('APPROVE http_post of agent-test?')
  terminal.type('y')
  await terminal.shows('approved, and http_post executed; receipt ')
  expect((await result).isFullySuccessful).toBe(true)
  expect(terminal.screen.unknown).toEqual([])
  expect(terminal.raw).not.toContain(RIGHT_TO_LEFT)
  const [sent, ...others] = world.upstream.requests
  expect(others).toEqual([])
  expect([sent?.url, JSON.parse(String(sent?.body))]).toEqual(['/v1/pay?to=mallory', HOSTILE.body])
  terminal.type('q')
  expect(await terminal.ended).toEqual({ code: 0, signal: null })
  const { traceId, receiptId } = await result
  const receipt = leavesOf(world, traceId).find(({ type }) => type === 'receipt')?.body
  expect(receipt?.['receipt_id']).toBe(receiptId)
  const { plan_hash, decisions } = (receipt?.['approval'] ?? {}) as {
    readonly plan_hash: string
    readonly decisions: readonly JsonObject[]
  }
  const verified = verifyAttestation(String(decisions[0]?.['attestation']), {
    audience: 'latchgate-test',
    approvalId: id,
    planHash: plan_hash,
    decision: 'approve',
    jkt: world.gate.project.operator.key.thumbprint,
    nowSeconds: Math.floor(Date.now() / 1000),
  })
  expect(verified).toMatchObject({ ok: true, value: { decision: 'approve', learn: null } })
})

test('a denial with a reason typed at the queue reaches the agent', async () => {
  const id = await hold()
  const outcome = client.waitForApproval(id).catch((error: unknown) => error)
  const terminal = onTerminal(['approvals', 'watch'])
  await terminal.shows(`Approval ${id}`)
  terminal.type('d')
  await terminal.shows('DENY http_post of agent-test.')
  terminal.type('not to mallory')
  await terminal.shows('> not to mallory_')
  terminal.type('\r')
  await terminal.shows('denied http_post')
  const denied = await outcome
  expect(denied).toBeInstanceOf(LatchGateApprovalDenied)
  expect(denied).toMatchObject({ reason: 'not to mallory', approvalId: id })
  expect(world.upstream.requests).toEqual([])
})

test('at the prompt the whole plan is shown; a domain that is remembered needs no approval again', async () => {
  const id = await hold()
  const terminal = onTerminal(['approvals', 'approve', id], { columns: 100, rows: 60 })
  await terminal.shows(
    "Remember 'api.example.com' for later calls of http_post by agent-test? [y/N]",
  )
  terminal.type('y\r')
  await terminal.shows('Type yes:')
  terminal.type('yes\r')
  expect(await terminal.ended).toEqual({ code: 0, signal: null })
  expect(terminal.screen.text).toMatch(/\n {2}remembered +api\.example\.com\n/)
  await client.execute('http_post', { url: 'https://api.example.com/again', body: 1 })
  expect(world.upstream.requests.map(({ url }) => url)).toEqual(['/v1/pay?to=mallory', '/again'])
})

test('a revocation ends what is held, on the screen and at the agent; drain begins and ends', async () => {
  const id = await hold()
  const outcome = client.waitForApproval(id).catch((error: unknown) => error)
  const watch = onTerminal(['approvals', 'watch'])
  await watch.shows(`Approval ${id}`)
  const size = { columns: 110, rows: 30 }
  const revoke = onTerminal(['revoke', '--principal', 'agent-test', '-r', 'laptop lost'], size)
  expect(await revoke.ended).toEqual({ code: 0, signal: null })
  expect(revoke.screen.text).toMatch(/\n {2}held calls +1 ended with it\n/)
  await watch.shows('▸ ended')
  await watch.shows('state        revoked')
  expect(await outcome).toMatchObject({ code: 'lease_revoked' })
  const drain = onTerminal(['drain'], size)
  await drain.ended
  expect(drain.screen.text).toContain('the gate drains')
  const other = new LatchGateClient({ socket: world.gate.project.socket, agentId: 'b' })
  await expect(other.connect()).rejects.toMatchObject({ code: 'draining' })
  const undo = onTerminal(['drain', '--undo'], size)
  await undo.ended
  expect(undo.screen.text).toContain('the gate takes calls again')
  await other.connect()
  await other.close()
})
