import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from '@latchgate/gate'
import type { JsonObject } from '@latchgate/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { leaksOf } from '../src/harness/evidence.js'
import { credentials, executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PATH = '/v1/actions/github_read/execute'
const BODY = JSON.stringify({ path: 'slow' })
const TOKEN = 'ghp_0123456789abcdefghijklmnop'

let world: World
let lease: HeldLease

beforeEach(async () => {
  world = await startWorld({}, { env: { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN } })
  lease = await takeLease(world.client, { budgets: { max_calls: 5 } })
})

afterEach(async () => {
  await world.close()
})

/** Writes the head of a call and so much of its body. */
function begin(sent: string, length: number = BODY.length): Socket {
  const { authorization, dpop } = credentials(lease, 'POST', PATH)
  const socket = connect(world.gate.project.socket)
  socket.on('error', () => undefined)
  socket.write(
    `POST ${PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\n` +
      `dpop: ${dpop}\r\ncontent-length: ${length}\r\n\r\n${sent}`,
  )
  return socket
}

/** Bodies of the leaves of the session after the lease, by type. */
function records(): readonly (readonly [string, JsonObject])[] {
  const db = openDatabase(world.gate.project.ledger, { readOnly: true })
  try {
    const rows = db
      .prepare(
        "SELECT type, bytes FROM leaves WHERE session_id = ? AND type <> 'lease' ORDER BY leaf",
      )
      .all(lease.sessionId) as { type: string; bytes: Uint8Array }[]
    return rows.map(({ type, bytes }) => {
      const text = Buffer.from(bytes).toString()
      return [type, (JSON.parse(text.slice(text.indexOf('{'))) as { body: JsonObject }).body]
    })
  } finally {
    db.close()
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (holds()) return
    await sleep(10)
  }
  throw new Error(`not in time: ${what}`)
}

test.each(['before', 'after'])(
  'a client that hangs up %s the upstream answers changes nothing: intent, receipt, decision, one request',
  async (when) => {
    let answer: (() => void) | undefined
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    world.upstream.on('GET', '/slow', async () => {
      await held
      return { body: 'done' }
    })
    const socket = begin(BODY)
    await until('the upstream was asked', () => world.upstream.requestsStarted === 1)
    if (when === 'before') {
      socket.destroy()
      await sleep(50)
      answer?.()
    } else {
      answer?.()
      // Not read: the answer waits in the socket that goes away.
      socket.destroy()
    }
    await until('the receipt', () => records().length === 3)
    const [intent, receipt, decision] = records()
    expect([intent?.[0], receipt?.[0], decision?.[0]]).toEqual(['intent', 'receipt', 'decision'])
    expect(receipt?.[1]).toMatchObject({
      principal: 'agent-test',
      outcome: 'answered',
      verification_outcome: { status: 'verified' },
      failure_class: null,
      trace_id: intent?.[1]['trace_id'],
    })
    expect(decision?.[1]).toMatchObject({ decision: 'allow', refund: false })
    expect(await world.gate.services.ledger.openIntents()).toEqual([])
    expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(4)
    expect(world.upstream.requests).toHaveLength(1)
    expect(leaksOf(world, [TOKEN], [])).toEqual([])
    await until('the slot is free', () => world.gate.services.slots.inFlight === 0)
  },
)

test('a client that hangs up in the middle of its body: recorded as a bad request, nothing used up', async () => {
  const socket = begin(BODY.slice(0, 5))
  await sleep(100)
  socket.destroy()
  await until('the record', () => records().length === 1)
  expect(records()).toMatchObject([
    [
      'decision',
      {
        principal: 'agent-test',
        action_id: 'github_read',
        decision: 'deny',
        code: 'bad_request',
        deny_reason: 'the connection ended before the body did',
        request_hash: null,
      },
    ],
  ])
  expect(world.upstream.requestsStarted).toBe(0)
  expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(5)
  const loud = world.gate.logs.filter(({ level }) => level === 'error' || level === 'fatal')
  expect(loud, 'a client alone does not make the gate report errors of its own').toEqual([])
})

test('50 clients that hang up leave the gate as it was for the next one', async () => {
  world.upstream.on('GET', '/slow', () => ({ body: 'done' }))
  lease = await takeLease(world.client)
  const sockets = Array.from({ length: 50 }, () => begin(BODY.slice(0, 3)))
  await sleep(100)
  for (const socket of sockets) socket.destroy()
  lease = await takeLease(world.client)
  const answer = await executeRaw(world.client, lease, 'github_read', { path: 'slow' })
  expect(answer.status, answer.text).toBe(200)
  expect(world.gate.services.slots.inFlight).toBe(0)
})
