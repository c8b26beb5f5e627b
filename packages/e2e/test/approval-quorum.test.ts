import { openDatabase } from '@latchgate/gate'
import { afterEach, expect, test } from 'vitest'
import {
  approvalLeaves,
  EXECUTED,
  findingsOf,
  issue,
  recordsOf,
  startApprovalWorld,
} from '../src/harness/approval-world.js'
import { approveCall, asAgent, asOperator, denyCall, holdCall } from '../src/harness/approvals.js'
import { ALL_ACTIONS, ALL_SINKS, startTestGate } from '../src/harness/gate.js'
import { type HeldLease, type RawAnswer, RawClient, takeLease } from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const ROUNDS = process.env['SLOW'] === '1' ? 100 : 12

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

const DATA = {
  policy_version: 'test-1',
  acl: { 'agent-test': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } },
  latchgate: { quorum: { github_create_issue: { '*': 2 } } },
}

async function begin(): Promise<{ readonly world: World; readonly lease: HeldLease }> {
  const world = await startApprovalWorld({ data: DATA, operators: ['alice', 'bob', 'carol'] })
  open.push(world)
  return { world, lease: await takeLease(world.client) }
}

const kindOf = ({ status, json }: RawAnswer): string =>
  `${status} ${String(json()['decision'] ?? json()['status'] ?? json()['error'])}`

const votesIn = (world: World, id: string): readonly string[] => {
  const db = openDatabase(world.gate.project.ledger, { readOnly: true })
  try {
    const rows = db
      .prepare('SELECT operator FROM approval_votes WHERE approval_id = ? ORDER BY operator')
      .all(id) as { operator: string }[]
    return rows.map(({ operator }) => operator)
  } finally {
    db.close()
  }
}

const VOTED = ['hold pending_approval', 'approval vote']

test('one approval of two does nothing, however often the same operator gives it', async () => {
  const { world, lease } = await begin()
  const { id, answer } = await holdCall(world, lease, 'github_create_issue', issue())
  for (let again = 0; again < 3; again += 1) {
    const voted = await approveCall(world, id, { as: 'alice' })
    expect([voted.status, voted.json()]).toEqual([
      202,
      {
        status: 'pending',
        approval_id: id,
        approvals: 1,
        required: 2,
        trace_id: answer.json()['trace_id'],
      },
    ])
  }
  const many = await Promise.all(
    Array.from({ length: 8 }, () => approveCall(world, id, { as: 'alice' })),
  )
  expect(new Set(many.map(kindOf))).toEqual(new Set(['202 pending']))
  expect(votesIn(world, id)).toEqual(['alice'])
  expect(world.upstream.requestsStarted).toBe(0)
  const poll = await asAgent(world, lease, `/v1/approvals/${id}/poll`)
  expect(poll.json()['status']).toBe('pending')
  const detail = await asOperator(world, 'GET', `/v1/approvals/${id}`)
  expect(detail.json()).toMatchObject({ approvals: 1, required: 2, approved_by: ['alice'] })

  const done = await approveCall(world, id, { as: 'bob' })
  expect([done.status, done.json()]).toMatchObject([
    200,
    { decision: 'executed', approval: { approved_by: 'bob' } },
  ])
  expect(world.upstream.requestsStarted).toBe(1)
  const receipt = approvalLeaves(world.gate.project.ledger, id).find(
    ({ type }) => type === 'receipt',
  )
  expect(receipt?.body['approval']).toMatchObject({
    approval_id: id,
    decisions: [{ operator: 'alice' }, { operator: 'bob' }],
  })
  expect(findingsOf(world)).toEqual([])
})

test('two operators who approve at one moment make one execution of it', async () => {
  const { world, lease } = await begin()
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = world.upstream.requestsStarted
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    const answers = await Promise.all(['alice', 'bob'].map((as) => approveCall(world, id, { as })))
    expect(answers.map(kindOf).sort()).toEqual(['200 executed', '202 pending'])
    expect(world.upstream.requestsStarted).toBe(before + 1)
    const records = recordsOf(world.gate.project.ledger, id)
    expect(records.filter((record) => record !== 'approval vote')).toEqual(EXECUTED)
    expect(votesIn(world, id)).toEqual(['alice', 'bob'])
  }
  expect(findingsOf(world)).toEqual([])
})

test('three operators at one moment make one execution of it, and nobody is told otherwise', async () => {
  const { world, lease } = await begin()
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = world.upstream.requestsStarted
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    const answers = await Promise.all(
      ['alice', 'bob', 'carol'].map((as) => approveCall(world, id, { as })),
    )
    const kinds = answers.map(kindOf)
    expect(kinds.filter((kind) => kind === '200 executed')).toHaveLength(1)
    for (const kind of kinds) {
      expect(['200 executed', '202 pending', '200 already_approved', '409 conflict']).toContain(
        kind,
      )
    }
    expect(world.upstream.requestsStarted).toBe(before + 1)
    const records = recordsOf(world.gate.project.ledger, id)
    expect(records.filter((record) => record !== 'approval vote')).toEqual(EXECUTED)
  }
  expect(findingsOf(world)).toEqual([])
})

test('one denial ends what others have approved', async () => {
  const { world, lease } = await begin()
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  await approveCall(world, id, { as: 'alice' })
  expect((await denyCall(world, id, { as: 'carol' })).json()['decision']).toBe('deny')
  expect(kindOf(await approveCall(world, id, { as: 'bob' }))).toBe('200 already_denied')
  expect(world.upstream.requestsStarted).toBe(0)
  expect(recordsOf(world.gate.project.ledger, id)).toEqual([...VOTED, 'approval denied'])
  expect(findingsOf(world)).toEqual([])
})

test('a vote survives a restart', async () => {
  const { world, lease } = await begin()
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  await approveCall(world, id, { as: 'alice' })
  const { project } = world.gate
  await world.gate.close()
  const gate = await startTestGate(project, {
    env: { LATCHGATE_SECRET_GITHUB_TOKEN: 'ghp_test_0123456789' },
  })
  const client = new RawClient({ socket: project.socket })
  const admin = new RawClient({ socket: project.adminSocket })
  const again: World = { ...world, gate, client, admin }
  try {
    expect(kindOf(await approveCall(again, id, { as: 'alice' }))).toBe('202 pending')
    expect(kindOf(await approveCall(again, id, { as: 'bob' }))).toBe('200 executed')
    expect(world.upstream.requestsStarted).toBe(1)
    expect(findingsOf(again)).toEqual([])
  } finally {
    await client.close()
    await admin.close()
    await gate.close()
  }
})

test.each([
  ['one approval is made enough', 'UPDATE approvals SET required = 1 WHERE approval_id = ?'],
  [
    'a vote is put in for somebody',
    `INSERT INTO approval_votes SELECT approval_id, 'carol', leaf FROM approvals WHERE approval_id = ?`,
  ],
  [
    'a vote is put in with the record of another',
    `INSERT INTO approval_votes SELECT approval_id, 'carol', leaf FROM approval_votes WHERE approval_id = ?`,
  ],
])('when %s in the file, nothing is done', async (_what, sql) => {
  const { world, lease } = await begin()
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  if (sql.includes('FROM approval_votes')) await approveCall(world, id, { as: 'alice' })
  const db = openDatabase(world.gate.project.ledger)
  expect(Number(db.prepare(sql).run(id).changes)).toBe(1)
  db.close()
  const refused = await approveCall(world, id, { as: 'bob' })
  expect([refused.status, refused.json()['error']]).toEqual([409, 'plan_hash_mismatch'])
  expect(world.upstream.requestsStarted).toBe(0)
  const poll = await asAgent(world, lease, `/v1/approvals/${id}/poll`)
  expect(poll.json()['status']).toBe('failed')
})
