import { setTimeout as sleep } from 'node:timers/promises'
import { verifyLedgerFile } from '@latchgate/gate'
import { createTestCa, sqliteFaultAt, startUpstream, type Upstream } from '@latchgate/testkit'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  CREATED,
  EXECUTED,
  GITHUB_ENV,
  issue,
  NO_RATES,
  recordsOf,
} from '../src/harness/approval-world.js'
import {
  approveCall,
  asAgent,
  asOperator,
  denyCall,
  holdCall,
  type OperatorDesk,
} from '../src/harness/approvals.js'
import {
  ALL_ACTIONS,
  ALL_SINKS,
  createTestProject,
  type ProjectSettings,
  startTestGate,
  type TestProject,
} from '../src/harness/gate.js'
import { executeRaw, type HeldLease, RawClient, takeLease } from '../src/harness/raw-client.js'
import { type SpawnedGate, spawnGate } from '../src/harness/spawned-gate.js'

let upstream: Upstream
let caPem: string

beforeAll(async () => {
  const ca = await createTestCa()
  caPem = ca.caPem
  upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
  upstream.on('POST', '/repos/acme/rocket/issues', () => ({ status: 201, body: CREATED }))
})

beforeEach(() => upstream.clear())

afterAll(() => upstream.close())

const project = (settings: ProjectSettings = {}): Promise<TestProject> =>
  createTestProject({
    ...settings,
    caPem,
    resolve: { 'api.github.com:443': upstream.address },
    tables: `${NO_RATES}\n[approvals]\nmax_pending_per_principal = 1000`,
  })

/** A gate in a process of its own whose database dies as planned, with both of its sockets. */
async function spawned(
  given: TestProject,
  fault?: Parameters<typeof sqliteFaultAt>[0],
): Promise<OperatorDesk & { readonly process: SpawnedGate; readonly client: RawClient }> {
  const planned = fault === undefined ? { execArgv: [], env: {} } : sqliteFaultAt(fault)
  const process = await spawnGate(given, {
    execArgv: planned.execArgv,
    env: { ...planned.env, ...GITHUB_ENV },
  })
  const admin = new RawClient({ socket: given.adminSocket })
  return { process, client: process.client, admin, gate: { project: given } }
}

/** The gate again, on what the crash left. */
async function restarted(
  given: TestProject,
): Promise<OperatorDesk & { readonly client: RawClient; readonly close: () => Promise<void> }> {
  const gate = await startTestGate(given, { env: GITHUB_ENV })
  const client = new RawClient({ socket: given.socket })
  const admin = new RawClient({ socket: given.adminSocket })
  const close = async (): Promise<void> => {
    await client.close()
    await admin.close()
    expect(verifyLedgerFile({ path: given.ledger }).findings).toEqual([])
    await gate.close()
    given.remove()
  }
  return { gate, client, admin, close }
}

const CLAIM = "UPDATE approvals SET state = 'claimed'"
const SEAL = 'UPDATE intents SET outcome = ?'
const END = 'UPDATE approvals SET state = ?, end_leaf = ?\n      WHERE approval_id'

/** Holds a call and decides on it; the gate dies in the middle. */
async function killedWhile(
  fault: { readonly statement: string; readonly when: 'before' | 'after' },
  act: (desk: OperatorDesk, id: string) => Promise<unknown>,
  settings: ProjectSettings = {},
): Promise<{ readonly given: TestProject; readonly lease: HeldLease; readonly id: string }> {
  const given = await project(settings)
  const desk = await spawned(given, { ...fault, action: 'kill' })
  const lease = await takeLease(desk.client, { budgets: { max_calls: 5 } })
  const { id } = await holdCall(desk, lease, 'github_create_issue', issue())
  await expect(act(desk, id)).rejects.toThrow()
  expect((await desk.process.ended).signal).toBe('SIGKILL')
  await desk.process.kill()
  await desk.admin.destroy()
  return { given, lease, id }
}

test('kill -9 before the commit of a hold: nothing is held, and the call can be made again', async () => {
  const given = await project()
  const desk = await spawned(given, {
    statement: 'INSERT INTO approvals\n',
    when: 'before',
    action: 'kill',
  })
  const lease = await takeLease(desk.client)
  const params = issue()
  await expect(executeRaw(desk.client, lease, 'github_create_issue', params)).rejects.toThrow()
  expect((await desk.process.ended).signal).toBe('SIGKILL')
  await desk.process.kill()
  await desk.admin.destroy()
  const again = await restarted(given)
  const list = await asOperator(again, 'GET', '/v1/approvals')
  expect(list.json()).toEqual({ approvals: [], count: 0 })
  const { id } = await holdCall(again, lease, 'github_create_issue', params)
  expect((await approveCall(again, id)).status).toBe(200)
  expect(upstream.requests).toHaveLength(1)
  await again.close()
})

test('kill -9 after the commit of a hold: the call is held, the same one finds it, and it can be approved', async () => {
  const given = await project()
  const desk = await spawned(given, {
    statement: 'INSERT INTO approvals\n',
    when: 'after',
    action: 'kill',
  })
  const lease = await takeLease(desk.client)
  const params = issue()
  await expect(executeRaw(desk.client, lease, 'github_create_issue', params)).rejects.toThrow()
  await desk.process.kill()
  await desk.admin.destroy()
  const again = await restarted(given)
  const list = await asOperator(again, 'GET', '/v1/approvals?status=pending')
  expect(list.json()).toMatchObject({ count: 1 })
  const { id } = await holdCall(again, lease, 'github_create_issue', params)
  expect(list.json()).toMatchObject({ approvals: [{ approval_id: id }] })
  const approved = await approveCall(again, id)
  expect([approved.status, approved.json()['decision']]).toEqual([200, 'executed'])
  expect(upstream.requests).toHaveLength(1)
  await again.close()
})

test('kill -9 before the commit that begins an approved call: it is still held, and can be approved', async () => {
  const { given, lease, id } = await killedWhile({ statement: CLAIM, when: 'before' }, approveCall)
  expect(upstream.requests).toHaveLength(0)
  const again = await restarted(given)
  const poll = await asAgent(again, lease, `/v1/approvals/${id}/poll`)
  expect(poll.json()).toMatchObject({ status: 'pending' })
  expect(recordsOf(given.ledger, id)).toEqual(['hold pending_approval'])
  const approved = await approveCall(again, id)
  expect([approved.status, approved.json()['decision']]).toEqual([200, 'executed'])
  expect(upstream.requests).toHaveLength(1)
  expect(recordsOf(given.ledger, id)).toEqual(EXECUTED)
  await again.close()
})

test.each([
  ['after the commit that begins an approved call', { statement: CLAIM, when: 'after' }, 0],
  ['before the commit of its receipt', { statement: SEAL, when: 'before' }, 1],
] as const)(
  'kill -9 %s: its outcome is unknown, and it can never be approved again',
  async (_when, fault, sent) => {
    const { given, lease, id } = await killedWhile(fault, approveCall)
    expect(upstream.requests).toHaveLength(sent)
    const again = await restarted(given)
    const records = ['hold pending_approval', 'approval granted', 'intent', 'unknown']
    expect(recordsOf(given.ledger, id)).toEqual(records)
    const path = `/v1/approvals/${id}`
    const poll = await asAgent(again, lease, `${path}/poll`)
    const reason = 'unknown: the gate cannot know whether the call had its effect'
    expect(poll.json()).toMatchObject({ status: 'failed', reason })
    const result = await asAgent(again, lease, `${path}/result`)
    expect([result.status, result.json()]).toEqual([
      502,
      {
        error: 'action_execution_failed',
        outcome: 'unknown',
        message: reason,
        trace_id: expect.any(String),
      },
    ])
    for (const decide of [approveCall, approveCall, denyCall]) {
      const answer = await decide(again, id)
      expect([answer.status, answer.json()]).toMatchObject([
        200,
        { decision: 'already_failed', status: 'failed', error_code: 'outcome_unknown' },
      ])
    }
    const intents = await asOperator(again, 'GET', '/v1/admin/intents')
    expect(intents.json()['intents']).toMatchObject([{ outcome: 'unknown' }])
    expect(upstream.requests).toHaveLength(sent)
    expect(recordsOf(given.ledger, id)).toEqual(records)
    await again.close()
  },
)

test('kill -9 after the commit of the receipt: it is approved, once, and the agent gets what came of it', async () => {
  const { given, lease, id } = await killedWhile({ statement: SEAL, when: 'after' }, approveCall)
  const again = await restarted(given)
  const approved = await approveCall(again, id)
  expect([approved.status, approved.json()['decision']]).toEqual([200, 'already_approved'])
  const result = await asAgent(again, lease, `/v1/approvals/${id}/result`)
  expect([result.status, result.json()]).toMatchObject([
    200,
    { decision: 'executed', receipt_id: approved.json()['receipt_id'], output: { ok: true } },
  ])
  expect(upstream.requests).toHaveLength(1)
  expect(recordsOf(given.ledger, id)).toEqual(EXECUTED)
  await again.close()
})

test('kill -9 before the commit of a denial: it is still held, and can be denied', async () => {
  const { given, id } = await killedWhile({ statement: END, when: 'before' }, denyCall)
  const again = await restarted(given)
  expect((await denyCall(again, id)).json()['decision']).toBe('deny')
  expect((await approveCall(again, id)).json()['decision']).toBe('already_denied')
  expect(upstream.requests).toHaveLength(0)
  await again.close()
})

test('kill -9 after the commit of a denial: it stays denied', async () => {
  const { given, lease, id } = await killedWhile({ statement: END, when: 'after' }, denyCall)
  const again = await restarted(given)
  const approved = await approveCall(again, id)
  expect([approved.status, approved.json()['decision']]).toEqual([200, 'already_denied'])
  const poll = await asAgent(again, lease, `/v1/approvals/${id}/poll`)
  expect(poll.json()).toMatchObject({ status: 'denied', reason: 'operator_denied' })
  expect(upstream.requests).toHaveLength(0)
  await again.close()
})

test.each(['before', 'after'] as const)(
  'kill -9 %s the commit of a revocation: all of it holds, or nothing does',
  async (when) => {
    const revoke = (desk: OperatorDesk): Promise<unknown> =>
      asOperator(desk, 'POST', '/v1/admin/revoke', { body: { principal: 'agent-test' } })
    const statement = 'INSERT INTO revocations'
    const { given, lease, id } = await killedWhile({ statement, when }, revoke)
    const again = await restarted(given)
    const approved = await approveCall(again, id)
    const call = await executeRaw(again.client, lease, 'github_create_issue', issue())
    const holds = when === 'after'
    expect([approved.status, approved.json()['error']]).toEqual(
      holds ? [409, 'approval_revoked'] : [200, undefined],
    )
    expect([call.status, call.json()['error']]).toEqual(
      holds ? [401, 'lease_revoked'] : [202, undefined],
    )
    expect(upstream.requests).toHaveLength(holds ? 0 : 1)
    await again.close()
  },
)

test.each([
  ['before', 'the first vote is not there', 'bob', 1],
  ['after', 'it counts, and once', 'alice', 1],
] as const)('kill -9 %s the commit of one vote of two: %s', async (when, _what, next, votes) => {
  const acl = { 'agent-test': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } }
  const latchgate = { quorum: { github_create_issue: { '*': 2 } } }
  const settings = {
    data: { policy_version: 'test-1', acl, latchgate },
    operators: ['alice', 'bob', 'carol'],
  }
  const { given, id } = await killedWhile(
    { statement: 'INSERT INTO approval_votes', when },
    (desk, held) => approveCall(desk, held, { as: 'alice' }),
    settings,
  )
  const again = await restarted(given)
  const voted = await approveCall(again, id, { as: next })
  expect([voted.status, voted.json()]).toMatchObject([202, { approvals: votes, required: 2 }])
  expect(upstream.requests).toHaveLength(0)
  const done = await approveCall(again, id, { as: 'carol' })
  expect([done.status, done.json()['decision']]).toEqual([200, 'executed'])
  expect(upstream.requests).toHaveLength(1)
  await again.close()
})

/** Titles of the issues that the upstream was asked to make. */
function titles(): readonly string[] {
  return upstream.requests.map(({ body }) =>
    String((JSON.parse(body.toString()) as { title: string }).title),
  )
}

// Milliseconds of load before each kill; long runs kill at many more moments.
const LOADS =
  process.env['SLOW'] === '1' ? Array.from({ length: 40 }, (_, i) => 150 + i * 41) : [300, 700]

test.each(LOADS)(
  'kill -9 after %i ms of holding, approving and denying: no effect without its record, none twice',
  async (loadMs) => {
    const given = await project()
    const desk = await spawned(given)
    const lease = await takeLease(desk.client)
    const held = new Map<string, string>()
    const said = new Map<string, string>()
    const work = async (worker: number): Promise<void> => {
      for (let turn = worker; ; turn += 1) {
        const params = issue()
        const { id } = await holdCall(desk, lease, 'github_create_issue', params)
        held.set(id, params.title)
        if (turn % 5 === 4) continue
        const answer = await (turn % 5 === 3 ? denyCall : approveCall)(desk, id)
        said.set(id, String(answer.json()['decision']))
      }
    }
    const workers = Array.from({ length: 6 }, (_, worker) => work(worker).catch(() => 'cut off'))
    await sleep(loadMs)
    await desk.process.kill()
    await Promise.all(workers)
    await desk.admin.destroy()
    expect(held.size).toBeGreaterThan(0)
    const made = titles()
    expect(new Set(made).size, 'no issue twice').toBe(made.length)
    const again = await restarted(given)
    for (const [id, title] of held) {
      const wasMade = made.includes(title)
      const poll = (await asAgent(again, lease, `/v1/approvals/${id}/poll`)).json()
      const records = recordsOf(given.ledger, id)
      if (wasMade) expect(records, title).toContain('intent')
      if (said.get(id) === 'executed') expect([poll['status'], wasMade]).toEqual(['approved', true])
      if (said.get(id) === 'deny') expect([poll['status'], wasMade]).toEqual(['denied', false])
      const decision = (await approveCall(again, id)).json()['decision']
      const expected = {
        pending: 'executed',
        approved: 'already_approved',
        denied: 'already_denied',
        failed: 'already_failed',
      }[String(poll['status'])]
      expect(decision, `${title}: ${records.join(', ')}`).toBe(expected)
      if (poll['status'] === 'pending') expect(wasMade).toBe(false)
    }
    const after = titles()
    expect(new Set(after).size, 'no issue twice').toBe(after.length)
    await again.close()
  },
)
