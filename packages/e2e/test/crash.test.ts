import { setTimeout as sleep } from 'node:timers/promises'
import { verifyLedgerFile } from '@latchgate/gate'
import { createTestCa, sqliteFaultAt, startUpstream, type Upstream } from '@latchgate/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestProject, startTestGate, type TestProject } from '../src/harness/gate.js'
import { executeRaw, type HeldLease, RawClient, takeLease } from '../src/harness/raw-client.js'
import { spawnGate } from '../src/harness/spawned-gate.js'

const PARAMS = { url: 'https://api.github.com/' }

let upstream: Upstream
let caPem: string

beforeAll(async () => {
  const ca = await createTestCa()
  caPem = ca.caPem
  upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
})

afterAll(async () => {
  await upstream.close()
})

const project = (): Promise<TestProject> =>
  createTestProject({ caPem, resolve: { 'api.github.com:443': upstream.address } })

/** Starts the gate again on what the crash left, and reads what it finds. */
async function afterwards(
  given: TestProject,
  lease: HeldLease,
): Promise<{
  readonly unknown: number
  readonly left: number | null | undefined
  readonly findings: number
}> {
  const gate = await startTestGate(given)
  try {
    const intents = await gate.services.ledger.openIntents()
    return {
      unknown: intents.filter((intent) => intent.outcome === 'unknown').length,
      left: await gate.services.ledger.callsRemaining(lease.sessionId),
      findings: verifyLedgerFile({ path: given.ledger }).findings.length,
    }
  } finally {
    await gate.close()
    given.remove()
  }
}

const STATEMENTS = {
  intent: 'INSERT INTO intents',
  seal: 'UPDATE intents SET outcome = ?',
} as const

const POINTS = [
  // when, which commit, requests at the upstream, unknown intents, calls left of 5
  ['before', 'intent', 0, 0, 5],
  ['after', 'intent', 0, 1, 4],
  ['before', 'seal', 1, 1, 4],
  ['after', 'seal', 1, 0, 4],
] as const

test.each(POINTS)(
  'kill -9 %s the commit of the %s: %i requests, %i unknown, %i calls left',
  async (when, commit, sent, unknown, left) => {
    upstream.clear()
    const given = await project()
    const statement = STATEMENTS[commit]
    const gate = await spawnGate(given, sqliteFaultAt({ statement, when, action: 'kill' }))
    const lease = await takeLease(gate.client, { budgets: { max_calls: 5 } })
    await expect(executeRaw(gate.client, lease, 'http_fetch', PARAMS)).rejects.toThrow()
    expect((await gate.ended).signal).toBe('SIGKILL')
    await gate.kill()
    expect(upstream.requests).toHaveLength(sent)
    expect(await afterwards(given, lease)).toEqual({ unknown, left, findings: 0 })
    expect(upstream.requests, 'nothing is repeated by itself').toHaveLength(sent)
  },
)

test('kill -9 while the upstream works: the call is unknown, never repeated, never lost', async () => {
  upstream.clear()
  upstream.on('GET', '/slow', async () => {
    await sleep(5000)
    return { body: 'late' }
  })
  const given = await project()
  const gate = await spawnGate(given)
  const lease = await takeLease(gate.client, { budgets: { max_calls: 5 } })
  const started = upstream.requestsStarted
  const call = executeRaw(gate.client, lease, 'http_fetch', { url: 'https://api.github.com/slow' })
  const failed = call.then(
    () => 'answered',
    () => 'cut off',
  )
  while (upstream.requestsStarted === started) await sleep(10)
  await gate.kill()
  expect(await failed).toBe('cut off')
  expect(await afterwards(given, lease)).toEqual({ unknown: 1, left: 4, findings: 0 })
})

test('kill -9 under load: after it every answered call has its receipt, and the ledger is whole', async () => {
  upstream.clear()
  const given = await createTestProject({
    caPem,
    resolve: { 'api.github.com:443': upstream.address },
    tables: '[rate_limits]\nexecute_rps_per_session = 10000\nexecute_rps_per_principal = 10000',
  })
  const gate = await spawnGate(given)
  const lease = await takeLease(gate.client)
  const answered: string[] = []
  const caller = async (): Promise<void> => {
    for (;;) {
      const answer = await executeRaw(gate.client, lease, 'http_fetch', PARAMS)
      answered.push(String(answer.json()['receipt_id']))
    }
  }
  const callers = Array.from({ length: 8 }, () => caller().catch(() => 'cut off'))
  await sleep(700)
  await gate.kill()
  await Promise.all(callers)
  expect(answered.length).toBeGreaterThan(5)
  const again = await startTestGate(given)
  for (const id of answered) {
    expect(await again.services.ledger.receipt(id), id).toBeDefined()
  }
  expect(verifyLedgerFile({ path: given.ledger }).findings).toEqual([])
  await again.close()
  given.remove()
})

test('SIGTERM lets a call in flight finish, and its client gets the answer', async () => {
  upstream.clear()
  upstream.on('GET', '/short', async () => {
    await sleep(400)
    return { body: 'in time' }
  })
  const given = await project()
  const gate = await spawnGate(given)
  const lease = await takeLease(gate.client)
  const started = upstream.requestsStarted
  const call = executeRaw(gate.client, lease, 'http_fetch', { url: 'https://api.github.com/short' })
  while (upstream.requestsStarted === started) await sleep(10)
  gate.child.kill('SIGTERM')
  expect((await call).status).toBe(200)
  expect((await gate.ended).code).toBe(0)
  await gate.stop()
  const late = new RawClient({ socket: given.socket })
  await expect(late.send({ method: 'GET', path: '/healthz' })).rejects.toThrow()
  await late.destroy()
  given.remove()
})
