import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import {
  assertSound,
  GITHUB_ENV,
  issue,
  recordsOf,
  startApprovalWorld,
} from '../src/harness/approval-world.js'
import { approveCall, asAgent, holdCall } from '../src/harness/approvals.js'
import { ALL_ACTIONS, ALL_SINKS, startTestGate } from '../src/harness/gate.js'
import { type HeldLease, RawClient, takeLease } from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const ROUNDS = process.env['SLOW'] === '1' ? 100 : 12

const DATA = {
  policy_version: 'test-1',
  acl: { 'agent-test': { allowed_actions: ALL_ACTIONS, allowed_sinks: ALL_SINKS } },
  latchgate: { quorum: { github_create_issue: { '*': 2 } } },
}

/** Alice has two credentials, for two machines of hers. */
const OPERATORS = { alice: null, 'alice-laptop': 'alice', bob: null } as const

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) {
    assertSound(world)
    await world.close()
  }
})

async function begin(): Promise<{ readonly world: World; readonly lease: HeldLease }> {
  const world = await startApprovalWorld({ data: DATA, operators: OPERATORS })
  open.push(world)
  return { world, lease: await takeLease(world.client) }
}

test('one person with two credentials is one approval of two', async () => {
  const { world, lease } = await begin()
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  expect((await approveCall(world, id, { as: 'alice' })).status).toBe(202)
  const again = await approveCall(world, id, { as: 'alice-laptop' })
  expect([again.status, again.json()]).toEqual([
    403,
    {
      error: 'approver_not_eligible',
      message:
        "operator 'alice-laptop' is the person who has approved this call as 'alice': somebody else must",
      trace_id: expect.any(String),
    },
  ])
  expect(world.upstream.requestsStarted).toBe(0)
  const done = await approveCall(world, id, { as: 'bob' })
  expect([done.status, world.upstream.requestsStarted]).toEqual([200, 1])
})

test('one person who approves under two names at one moment is one approval of two', async () => {
  const { world, lease } = await begin()
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = world.upstream.requestsStarted
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    const answers = await Promise.all(
      ['alice', 'alice-laptop', 'alice', 'alice-laptop'].map((as) =>
        approveCall(world, id, { as }),
      ),
    )
    for (const { status, text } of answers) expect([202, 403], text).toContain(status)
    expect(answers.filter(({ status }) => status === 202).map((one) => one.json())).toContainEqual(
      expect.objectContaining({ status: 'pending', approvals: 1, required: 2 }),
    )
    expect(world.upstream.requestsStarted).toBe(before)
    const poll = await asAgent(world, lease, `/v1/approvals/${id}/poll`)
    expect(poll.json()['status']).toBe('pending')
    // Whatever was recorded of hers: the second person is what it takes.
    expect((await approveCall(world, id, { as: 'bob' })).status).toBe(200)
    expect(world.upstream.requestsStarted).toBe(before + 1)
    expect(recordsOf(world.gate.project.ledger, id)).not.toContain('approval failed')
  }
})

test('the approval of an operator who was taken out of the configuration counts no more', async () => {
  const { world, lease } = await begin()
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  expect((await approveCall(world, id, { as: 'alice' })).status).toBe(202)
  const { project } = world.gate
  await world.gate.close()
  const text = readFileSync(project.configFile, 'utf8')
  const without = text.replaceAll('[operator_credentials.alice]', '[operator_credentials.carol]')
  writeFileSync(project.configFile, without.replaceAll('owner = "alice"', ''))
  const gate = await startTestGate(project, { env: GITHUB_ENV })
  const client = new RawClient({ socket: project.socket })
  const admin = new RawClient({ socket: project.adminSocket })
  const again: World = { ...world, gate, client, admin }
  try {
    const bob = await approveCall(again, id, { as: 'bob' })
    expect([bob.status, bob.json()]).toMatchObject([202, { approvals: 1, required: 2 }])
    expect(world.upstream.requestsStarted).toBe(0)
    const done = await approveCall(again, id, { as: 'alice-laptop' })
    expect([done.status, world.upstream.requestsStarted]).toEqual([200, 1])
  } finally {
    await client.close()
    await admin.close()
    await gate.close()
  }
})
