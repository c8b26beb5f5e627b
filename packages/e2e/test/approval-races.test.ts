import { ManualClock } from '@latchgate/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  assertSound,
  EXECUTED,
  findingsOf,
  issue,
  recordsOf,
  startApprovalWorld,
} from '../src/harness/approval-world.js'
import { approveCall, asAgent, asOperator, denyCall, holdCall } from '../src/harness/approvals.js'
import { payloadOf } from '../src/harness/compact-jws.js'
import { type HeldLease, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

/** Rounds of each race; which side wins one is a matter of luck. */
const ROUNDS = process.env['SLOW'] === '1' ? 200 : 25
/** Rounds after which a side that has not won once is taken for one that cannot. */
const MOST_ROUNDS = 1000
const clock = new ManualClock(Date.now())

let world: World
let lease: HeldLease

beforeAll(async () => {
  world = await startApprovalWorld({ operators: ['alice', 'bob'] })
})

beforeEach(async () => {
  lease = await takeLease(world.client)
})

afterEach(() => assertSound(world))

afterAll(() => world.close())

/** What an answer to a decision claims. */
function claimOf({ status, text, json }: RawAnswer): string {
  const { decision, error } = json()
  if (status === 200) return String(decision)
  if (status === 409) return `409 ${String(error)}`
  throw new Error(`not a documented answer: ${status} ${text}`)
}

async function stateOf(id: string, given = { world, lease }): Promise<string> {
  const answer = await asOperator(given.world, 'GET', `/v1/approvals/${id}`)
  return String(answer.json()['status'])
}

/** Either of two gets a head start in half of the rounds: both must have a chance. */
async function race<T>(
  round: number,
  one: () => Promise<T>,
  other: () => Promise<T>,
): Promise<T[]> {
  const turns = round % 4
  const first = round % 2 === 0 ? one : other
  const second = round % 2 === 0 ? other : one
  const begun = first()
  for (let turn = 0; turn < turns; turn += 1) await new Promise((done) => setImmediate(done))
  const both = await Promise.all([begun, second()])
  return round % 2 === 0 ? both : both.reverse()
}

test('of eight approvals at one moment one executes, and all the others say so', async () => {
  for (let round = 0; round < 5; round += 1) {
    const before = world.upstream.requestsStarted
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    const answers = await Promise.all(Array.from({ length: 8 }, () => approveCall(world, id)))
    const claims = answers.map(claimOf)
    expect(claims.filter((claim) => claim === 'executed')).toHaveLength(1)
    for (const claim of claims) {
      expect(['executed', 'already_approved', '409 conflict']).toContain(claim)
    }
    const receipts = answers.flatMap((answer) => answer.json()['receipt_id'] ?? [])
    expect(new Set(receipts).size).toBe(1)
    expect(world.upstream.requestsStarted).toBe(before + 1)
    expect(recordsOf(world.gate.project.ledger, id)).toEqual(EXECUTED)
    expect(await stateOf(id)).toBe('approved')
  }
})

test('approving against denying has one outcome, and both answers say which', async () => {
  const seen = new Set<string>()
  for (let round = 0; round < ROUNDS || (seen.size < 2 && round < MOST_ROUNDS); round += 1) {
    const before = world.upstream.requestsStarted
    const { id } = await holdCall(world, lease, 'github_create_issue', issue())
    const [approved, denied] = (
      await race(
        round,
        () => approveCall(world, id),
        () => denyCall(world, id),
      )
    ).map(claimOf)
    const records = recordsOf(world.gate.project.ledger, id)
    const state = await stateOf(id)
    seen.add(state)
    if (state === 'approved') {
      expect(approved).toBe('executed')
      expect(['already_approved', '409 conflict']).toContain(denied)
      expect(records).toEqual(EXECUTED)
    } else {
      expect([state, denied]).toEqual(['denied', 'deny'])
      expect(['already_denied', '409 conflict']).toContain(approved)
      expect(records).toEqual(['hold pending_approval', 'approval denied'])
    }
    expect(world.upstream.requestsStarted).toBe(before + (state === 'approved' ? 1 : 0))
  }
  expect([...seen].sort()).toEqual(['approved', 'denied'])
})

test('approving against expiry has one outcome', async () => {
  const timed = await startApprovalWorld(
    { tables: '[approvals]\nttl_seconds = 10\nmax_pending_per_principal = 1000' },
    { now: clock.now },
  )
  try {
    const seen = new Set<string>()
    for (let round = 0; round < ROUNDS || (seen.size < 2 && round < MOST_ROUNDS); round += 1) {
      const own = await takeLease(timed.client)
      const before = timed.upstream.requestsStarted
      const { id } = await holdCall(timed, own, 'github_create_issue', issue())
      clock.advance(9_999)
      const approving = approveCall(timed, id)
      for (let turn = 0; turn < (round * 3) % 40; turn += 1) {
        await new Promise((done) => setImmediate(done))
      }
      clock.advance(1)
      const claim = claimOf(await approving)
      const poll = await asAgent(timed, own, `/v1/approvals/${id}/poll`)
      const records = recordsOf(timed.gate.project.ledger, id)
      seen.add(claim)
      if (claim === 'executed') {
        expect([poll.json()['status'], records]).toEqual(['approved', EXECUTED])
      } else {
        expect([claim, poll.json()['status']]).toEqual(['409 approval_expired', 'expired'])
        expect(records.filter((record) => !/expired/.test(record))).toEqual([
          'hold pending_approval',
        ])
      }
      expect(timed.upstream.requestsStarted).toBe(before + (claim === 'executed' ? 1 : 0))
    }
    expect([...seen].sort()).toEqual(['409 approval_expired', 'executed'])
    expect(findingsOf(timed)).toEqual([])
  } finally {
    await timed.close()
  }
})

test.each(['lease', 'session', 'principal', 'all'])(
  'approving against revoking the %s has one outcome; nothing begins after the revocation was answered',
  async (kind) => {
    for (let round = 0; round < Math.ceil(ROUNDS / 2); round += 1) {
      const own = await takeLease(world.client)
      const before = world.upstream.requestsStarted
      const { id } = await holdCall(world, own, 'github_create_issue', issue())
      const body = {
        lease: { lease_jti: payloadOf(own.jwt)['jti'] },
        session: { session_id: own.sessionId },
        principal: { principal: 'agent-test' },
        all: { all: true },
      }[kind]
      const [approved, revoked] = await race(
        round,
        () => approveCall(world, id),
        () => asOperator(world, 'POST', '/v1/admin/revoke', { body }),
      )
      expect(revoked?.status, revoked?.text).toBe(200)
      const started = world.upstream.requestsStarted
      const records = recordsOf(world.gate.project.ledger, id)
      const state = await stateOf(id)
      expect(records.filter((record) => record === 'intent').length).toBeLessThanOrEqual(1)
      const claim = approved === undefined ? '' : `${approved.status} ${approved.text}`
      if (state === 'approved') {
        expect(claim).toMatch(/^200 \{"decision":"executed"/)
        expect(records).toEqual(EXECUTED)
        expect(started).toBe(before + 1)
      } else if (state === 'revoked') {
        expect(claim).toMatch(/^409 \{"error":"approval_revoked"/)
        expect(records).toEqual(['hold pending_approval'])
        expect(revoked?.json()['approvals_revoked']).toBe(1)
        expect(started).toBe(before)
      } else {
        // The intent was first, the revocation came before the dispatch.
        expect(state).toBe('failed')
        expect(claim).toMatch(/^502 .*"error_type":"revoked".*"outcome":"not_sent"/)
        expect(records).toEqual([...EXECUTED.slice(0, 4), 'decision error'])
        expect(started).toBe(before)
      }
    }
  },
)

test('an operator whose name is the principal that asked may not approve its call', async () => {
  const own = await startApprovalWorld({ principal: 'alice', operators: ['alice', 'bob'] })
  try {
    const mine = await takeLease(own.client)
    const { id } = await holdCall(own, mine, 'github_create_issue', issue())
    const refused = await approveCall(own, id, { as: 'alice' })
    expect([refused.status, refused.json()]).toEqual([
      403,
      {
        error: 'approver_not_eligible',
        message:
          "operator 'alice' may not approve a call of 'alice', his own: another operator must",
        trace_id: expect.any(String),
      },
    ])
    expect(own.upstream.requestsStarted).toBe(0)
    // He may stop it all the same.
    const { id: other } = await holdCall(own, mine, 'github_create_issue', issue())
    expect((await denyCall(own, other, { as: 'alice' })).status).toBe(200)
    expect((await approveCall(own, id, { as: 'bob' })).status).toBe(200)
  } finally {
    await own.close()
  }
})

test.each([
  ['is who the credential belongs to', 'carol', { alice: 'carol', bob: null }],
  ['is what the operator is called', 'alice', { alice: null, bob: null }],
])('an operator may not approve a call whose owner %s', async (_what, owner, operators) => {
  const own = await startApprovalWorld({ owner, operators })
  try {
    const mine = await takeLease(own.client)
    const { id } = await holdCall(own, mine, 'github_create_issue', issue())
    const refused = await approveCall(own, id, { as: 'alice' })
    expect([refused.status, refused.json()]).toEqual([
      403,
      {
        error: 'approver_not_eligible',
        message: `operator 'alice' may not approve a call of '${owner}', his own: another operator must`,
        trace_id: expect.any(String),
      },
    ])
    expect(own.upstream.requestsStarted).toBe(0)
    expect((await approveCall(own, id, { as: 'bob' })).status).toBe(200)
  } finally {
    await own.close()
  }
})
