import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase, verifyLedgerFile } from '@latchgate/gate'
import { createTestCa, sqliteFaultAt, startUpstream, type Upstream } from '@latchgate/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { leaksOf } from '../src/harness/evidence.js'
import { createTestProject, startTestGate, type TestProject } from '../src/harness/gate.js'
import { executeRaw, type HeldLease, RawClient, takeLease } from '../src/harness/raw-client.js'
import { spawnGate } from '../src/harness/spawned-gate.js'

const PARAMS = { url: 'https://api.github.com/' }
const TOKEN = 'ghp_0123456789abcdefghijklmnop'

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
  readonly records: readonly string[]
  readonly leaks: readonly string[]
}> {
  const leaks = leaksOf({ gate: { project: given, logs: [] } }, [TOKEN], [])
  const gate = await startTestGate(given)
  try {
    const intents = await gate.services.ledger.openIntents()
    return {
      unknown: intents.filter((intent) => intent.outcome === 'unknown').length,
      left: await gate.services.ledger.callsRemaining(lease.sessionId),
      findings: verifyLedgerFile({ path: given.ledger }).findings.length,
      records: recordsOf(given, lease),
      leaks,
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

/** Type and principal of the records of a session, after that of its lease. */
function recordsOf(given: TestProject, lease: HeldLease): readonly string[] {
  const db = openDatabase(given.ledger, { readOnly: true })
  try {
    const rows = db
      .prepare('SELECT type, principal FROM leaves WHERE session_id = ? ORDER BY leaf')
      .all(lease.sessionId) as { type: string; principal: string }[]
    return rows.slice(1).map(({ type, principal }) => `${type} of ${principal}`)
  } finally {
    db.close()
  }
}

const UNKNOWN = ['intent of agent-test', 'unknown of agent-test']
const SEALED = ['intent of agent-test', 'receipt of agent-test', 'decision of agent-test']

const POINTS = [
  // when, which commit, requests at the upstream, unknown intents, calls left of 5, records
  ['before', 'intent', 0, 0, 5, []],
  ['after', 'intent', 0, 1, 4, UNKNOWN],
  ['before', 'seal', 1, 1, 4, UNKNOWN],
  ['after', 'seal', 1, 0, 4, SEALED],
] as const

test.each(POINTS)(
  'kill -9 %s the commit of the %s: %i requests, %i unknown, %i calls left',
  async (when, commit, sent, unknown, left, records) => {
    upstream.clear()
    const given = await project()
    const statement = STATEMENTS[commit]
    const { execArgv, env } = sqliteFaultAt({ statement, when, action: 'kill' })
    const gate = await spawnGate(given, {
      execArgv,
      env: { ...env, LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN },
    })
    const lease = await takeLease(gate.client, { budgets: { max_calls: 5 } })
    await expect(executeRaw(gate.client, lease, 'github_read', { path: 'user' })).rejects.toThrow()
    expect((await gate.ended).signal).toBe('SIGKILL')
    await gate.kill()
    expect(upstream.requests).toHaveLength(sent)
    expect(gate.log()).not.toContain(TOKEN)
    expect(await afterwards(given, lease)).toEqual({
      unknown,
      left,
      findings: 0,
      records,
      leaks: [],
    })
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
  expect(await afterwards(given, lease)).toEqual({
    unknown: 1,
    left: 4,
    findings: 0,
    records: UNKNOWN,
    leaks: [],
  })
})

// Milliseconds of load before each kill; long runs kill at many more moments.
const LOADS =
  process.env['SLOW'] === '1' ? Array.from({ length: 30 }, (_, i) => 400 + i * 37) : [700]

test.each(LOADS)(
  'kill -9 after %i ms of load: every answered call has its receipt, and the ledger is whole',
  async (loadMs) => {
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
    await sleep(loadMs)
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
  },
)

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
