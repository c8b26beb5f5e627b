import { parseLeaf } from '@latchgate/evidence'
import { beforeEach, describe, expect, test } from 'vitest'
import type { HoldEntry, Ledger } from '../../src/ledger/port.js'
import {
  approved,
  approvedSeal,
  call,
  decision,
  denial,
  freshProof,
  hold,
  intent,
  learning,
  lease,
  payload,
  seal,
} from './entries.js'
import type { LedgerUnderTest } from './ledger-contract.js'

const refused = (code: string, more: object = {}): object => ({
  ok: false,
  error: { code, ...more },
})

/** What every ledger must do with calls that wait for a human. */
export function approvalContract(given: () => LedgerUnderTest): void {
  let ledger: Ledger
  let now: number

  beforeEach(() => {
    ledger = given().ledger
    now = given().clock.now()
  })

  const held = async (entry: HoldEntry): Promise<HoldEntry> => {
    const result = await ledger.hold(entry)
    if (!result.ok) throw new Error(result.error.code)
    return entry
  }

  const state = async (of: HoldEntry): Promise<unknown> =>
    (await ledger.approval(of.approvalId))?.state

  const size = async (): Promise<number> => {
    let count = 0
    while ((await ledger.leaf(count)) !== undefined) count += 1
    return count
  }

  describe('hold', () => {
    test('stores what was shown, numbered like a call, and nothing of it is an intent', async () => {
      const plan = payload('plan', '{"what":"was shown"}')
      const entry = hold('s-1', { payloads: [plan], required: 2, expiresAt: now + 5000 })
      expect(await ledger.hold(entry)).toEqual({
        ok: true,
        value: { index: 2, size: 3, sessionSeq: 1 },
      })
      const stored = await ledger.approval(entry.approvalId)
      expect(stored).toMatchObject({
        approvalId: entry.approvalId,
        state: 'pending',
        principal: 'agent-a',
        planHash: entry.planHash,
        expiresAt: now + 5000,
        required: 2,
        grantId: null,
        votes: [],
        end: null,
        hold: { index: 2, time: new Date(now).toISOString() },
      })
      expect(stored!.hold.body).toMatchObject({
        plan_hash: entry.planHash,
        call_hash: entry.callHash,
        session_seq: 1,
        lease_jti: 'lease-a',
        lease_epoch: 0,
      })
      expect(await ledger.heldPlan(entry.approvalId)).toEqual({
        bytes: plan.bytes,
        salt: Uint8Array.from(plan.salt),
      })
      expect(await ledger.openIntents()).toEqual([])
      expect(await ledger.pendingApprovals()).toBe(1)
      expect(await ledger.approval('another')).toBeUndefined()
      expect(await ledger.heldPlan('another')).toBeUndefined()
    })

    test('of a call that waits already is refused with the place of that one; others may wait', async () => {
      const first = hold('s-1', { callHash: 'same' })
      await held(first)
      // From another session: it would do the same.
      expect(await ledger.hold(hold('s-2', { callHash: 'same' }))).toEqual(
        refused('call_pending', { holdIndex: 2 }),
      )
      await held(hold('s-2', { callHash: 'other' }))
      await held(hold('s-3', { callHash: 'same', principal: 'agent-b' }))
      await ledger.decide(decision(first, 'denied'))
      await held(hold('s-1', { callHash: 'same' }))
      expect(await ledger.pendingApprovals()).toBe(3)
    })

    test('of the same call by many at once is held once', async () => {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) => ledger.hold(hold(`s-${i % 3}`, { callHash: 'same' }))),
      )
      expect(results.filter((result) => result.ok)).toHaveLength(1)
      for (const result of results) {
        if (!result.ok) expect(result.error).toEqual({ code: 'call_pending', holdIndex: 2 })
      }
      expect(await size()).toBe(3)
    })

    test('is capped per principal, counting what still waits', async () => {
      const capped = { maxPending: 2, expiresAt: now + 1000 }
      const first = await held(hold('s-1', capped))
      await held(hold('s-2', capped))
      const third = hold('s-1', capped)
      expect(await ledger.hold(third)).toEqual(refused('too_many_pending_approvals'))
      await held(hold('s-3', { ...capped, principal: 'agent-b' }))
      await ledger.decide(decision(first, 'denied'))
      await held(third)
      expect(await ledger.hold(hold('s-1', capped))).toEqual(refused('too_many_pending_approvals'))
      given().clock.advance(1000)
      await held(hold('s-1', { ...capped, expiresAt: now + 5000 }))
    })

    test('of a call whose approval has lapsed records the lapse and holds it anew, in one commit', async () => {
      const lapsed = hold('s-1', { callHash: 'same', expiresAt: now + 1000 })
      await held(lapsed)
      given().clock.advance(999)
      expect(await ledger.hold(hold('s-1', { callHash: 'same' }))).toMatchObject({ ok: false })
      given().clock.advance(1)
      const again = hold('s-1', { callHash: 'same' })
      expect(await ledger.hold(again)).toMatchObject({ ok: true, value: { index: 4, size: 5 } })
      expect(parseLeaf((await ledger.leaf(3))!)).toMatchObject({
        type: 'approval',
        body: {
          approval_id: lapsed.approvalId,
          decision: 'expired',
          plan_hash: lapsed.planHash,
          expired_at: new Date(now + 1000).toISOString(),
        },
      })
      expect(await state(lapsed)).toBe('expired')
      expect(await state(again)).toBe('pending')
    })

    test('uses a proof once, also after a new start; a refused one leaves it usable', async () => {
      const proof = freshProof()
      const waiting = await held(hold('s-1'))
      const { callHash } = waiting
      expect(await ledger.hold(hold('s-1', { callHash, proof }))).toMatchObject(
        refused('call_pending'),
      )
      expect(await ledger.hold(hold('s-1', { maxPending: 1, proof }))).toEqual(
        refused('too_many_pending_approvals'),
      )
      await held(hold('s-1', { proof }))
      const replayed = refused('replay_detected')
      expect(await ledger.hold(hold('s-1', { proof }))).toEqual(replayed)
      expect(await ledger.intend(intent(call('s-1'), { proof }))).toEqual(replayed)
      expect(await ledger.decide(decision(waiting, 'denied', { proof }))).toEqual(replayed)
      const again = await given().reopen()
      expect(await again.hold(hold('s-1', { proof }))).toEqual(replayed)
    })

    test('looks at budget and quotas, and takes nothing of either', async () => {
      const quotas = [{ calls: 1, windowSeconds: 60 }]
      await ledger.issueLease(lease('s-1', { maxCalls: 1 }))
      for (let i = 0; i < 3; i += 1) await held(hold('s-1', { debit: true, quotas }))
      expect(await ledger.callsRemaining('s-1')).toBe(1)
      const begun = await ledger.intend(intent(call('s-1'), { debit: true, quotas }))
      expect(begun.ok).toBe(true)
      expect(await ledger.hold(hold('s-1', { debit: true }))).toEqual(refused('budget_exhausted'))
      expect(await ledger.hold(hold('s-1', { quotas }))).toEqual(
        refused('quota_exhausted', { retryAfterMs: 60_000 }),
      )
      expect(await ledger.hold(hold('s-none', { debit: true }))).toEqual(
        refused('budget_session_not_found'),
      )
    })
  })

  describe('decide', () => {
    test('a vote counts once an operator, however often he gives it', async () => {
      const one = await held(hold('s-1', { required: 3 }))
      const vote = (operator: string): ReturnType<Ledger['decide']> =>
        ledger.decide(decision(one, 'vote', { operator }))
      expect(await vote('olga')).toMatchObject({ ok: true, value: { votes: 1 } })
      expect(await vote('olga')).toMatchObject({ ok: true, value: { votes: 1 } })
      expect(await vote('omar')).toMatchObject({ ok: true, value: { votes: 2 } })
      const stored = await ledger.approval(one.approvalId)
      expect(stored).toMatchObject({ state: 'pending', end: null })
      expect(stored!.votes.map(({ operator, leaf }) => [operator, leaf.body['decision']])).toEqual([
        ['olga', 'vote'],
        ['omar', 'vote'],
      ])
    })

    test.each(['denied', 'failed'] as const)('%s ends it for good, with its record', async (to) => {
      const one = await held(hold('s-1', { required: 2 }))
      expect(await ledger.decide(decision(one, to))).toMatchObject({ ok: true })
      expect(await ledger.approval(one.approvalId)).toMatchObject({
        state: to,
        grantId: null,
        end: { type: 'approval', body: { decision: to, operator: 'olga', reason: 'because' } },
      })
      for (const other of ['vote', 'denied', 'failed'] as const) {
        expect(await ledger.decide(decision(one, other))).toEqual(refused('approval_decided'))
      }
      expect(await ledger.intend(approved(one, call('s-1')))).toEqual(refused('approval_decided'))
      expect(await ledger.pendingApprovals()).toBe(0)
    })

    test('is refused for another plan, for one unknown, and at its last moment', async () => {
      const one = await held(hold('s-1', { expiresAt: now + 1000 }))
      const decide = (more: Parameters<typeof decision>[2]): ReturnType<Ledger['decide']> =>
        ledger.decide(decision(one, 'denied', more))
      const proof = freshProof()
      const before = await size()
      expect(await decide({ planHash: 'other', proof })).toEqual(refused('plan_hash_mismatch'))
      expect(await decide({ approvalId: 'other', proof })).toEqual(refused('approval_not_found'))
      given().clock.advance(1000)
      expect(await decide({ proof })).toEqual(refused('approval_expired'))
      expect(await size()).toBe(before)
      // None of them has used the proof up.
      given().clock.advance(-1)
      expect(await decide({ planHash: null, proof })).toMatchObject({ ok: true })
      expect(await decide({ proof })).toEqual(refused('replay_detected'))
    })

    test('a vote of nobody is no entry, and the ledger goes on', async () => {
      const one = await held(hold('s-1', { required: 2 }))
      const vote = decision(one, 'vote', { operator: null })
      await expect(ledger.decide(vote)).rejects.toMatchObject({ code: 'invalid_entry' })
      expect(await ledger.decide(decision(one, 'vote'))).toMatchObject({ ok: true })
    })

    test('what it is about is in its record whatever the caller wrote there', async () => {
      const one = await held(hold('s-1'))
      const entry = decision(one, 'denied')
      const body = { ...entry.leaf.body, decision: 'granted', approval_id: 'x', operator: 'eve' }
      await ledger.decide({ ...entry, leaf: { ...entry.leaf, body } })
      expect((await ledger.approval(one.approvalId))!.end!.body).toMatchObject({
        decision: 'denied',
        approval_id: one.approvalId,
        operator: 'olga',
      })
    })
  })

  describe('an intent of what was approved', () => {
    test('begins once, decision before intent, however many ask at the same time', async () => {
      const one = await held(hold('s-1'))
      const results = await Promise.all(
        Array.from({ length: 20 }, () => ledger.intend(approved(one, call('s-1')))),
      )
      const begun = results.flatMap((result) => (result.ok ? [result.value] : []))
      expect(begun).toMatchObject([{ index: 4, sessionSeq: 2 }])
      for (const result of results) {
        if (!result.ok) expect(result.error).toEqual({ code: 'approval_decided' })
      }
      const [granted, intended] = [(await ledger.leaf(3))!, (await ledger.leaf(4))!].map(parseLeaf)
      expect(granted).toMatchObject({
        type: 'approval',
        body: {
          approval_id: one.approvalId,
          plan_hash: one.planHash,
          decision: 'granted',
          operator: 'olga',
        },
      })
      expect(intended).toMatchObject({
        type: 'intent',
        body: { approval_id: one.approvalId, plan_hash: one.planHash },
      })
      expect(intended!.body).not.toHaveProperty('proof')
      expect(await ledger.approval(one.approvalId)).toMatchObject({
        state: 'claimed',
        grantId: intended!.id,
        votes: [{ operator: 'olga' }],
        end: { type: 'approval', body: { decision: 'granted' } },
      })
      const again = await given().reopen()
      expect(await again.intend(approved(one, call('s-1')))).toEqual(refused('approval_decided'))
    })

    test('needs every operator that it takes; his own vote before counts once', async () => {
      const one = await held(hold('s-1', { required: 3 }))
      await ledger.decide(decision(one, 'vote', { operator: 'olga' }))
      const begin = (operator: string): ReturnType<Ledger['intend']> =>
        ledger.intend(approved(one, call('s-1'), { operator }))
      expect(await begin('omar')).toEqual(refused('quorum_not_reached'))
      await ledger.decide(decision(one, 'vote', { operator: 'omar' }))
      expect(await begin('olga')).toEqual(refused('quorum_not_reached'))
      expect(await begin('ines')).toMatchObject({ ok: true })
      const { votes } = (await ledger.approval(one.approvalId))!
      expect(votes.map(({ operator }) => operator)).toEqual(['olga', 'omar', 'ines'])
    })

    test('can be begun by the last who voted, without his proof a second time', async () => {
      const one = await held(hold('s-1', { required: 2 }))
      await ledger.decide(decision(one, 'vote', { operator: 'olga' }))
      await ledger.decide(decision(one, 'vote', { operator: 'omar' }))
      const entry = approved(one, call('s-1'), { operator: 'omar', proof: null })
      expect(await ledger.intend(entry)).toMatchObject({ ok: true })
    })

    test('that is refused leaves nothing behind: proof, grant, budget, quota, number and vote', async () => {
      const quotas = [{ calls: 1, windowSeconds: 60 }]
      await ledger.issueLease(lease('s-1', { maxCalls: 1 }))
      const one = await held(hold('s-1', { required: 1 }))
      const two = await held(hold('s-1', { required: 2 }))
      const proof = freshProof()
      const begun = call('s-1')
      const before = await size()
      const debit = { debit: true, quotas, proof }
      const attempt = (of: HoldEntry, more = {}): ReturnType<Ledger['intend']> =>
        ledger.intend(approved(of, begun, { ...debit, ...more }))
      expect(await attempt({ ...one, planHash: 'x' })).toEqual(refused('plan_hash_mismatch'))
      expect(await attempt({ ...one, approvalId: 'x' })).toEqual(refused('approval_not_found'))
      expect(await attempt(two)).toEqual(refused('quorum_not_reached'))
      expect(await attempt(one, { lease: { jti: 'l', epoch: 1 } })).toEqual(
        refused('lease_revoked'),
      )
      expect(await attempt(one, { quotas: [{ calls: 0, windowSeconds: 60 }] })).toEqual(
        refused('quota_exhausted', { retryAfterMs: 60_000 }),
      )
      expect(await attempt(one, { sessionId: 's-none' })).toEqual(
        refused('budget_session_not_found'),
      )
      expect(await size()).toBe(before)
      expect(await ledger.approval(two.approvalId)).toMatchObject({ state: 'pending', votes: [] })
      expect(await attempt(one)).toMatchObject({
        ok: true,
        value: { sessionSeq: 3, callsRemaining: 0 },
      })
      const after = await size()
      expect(await ledger.intend(approved(two, begun))).toEqual(refused('quorum_not_reached'))
      const three = await held(hold('s-2'))
      const consumed = freshProof()
      expect(await ledger.intend(approved(three, begun, { proof: consumed }))).toEqual(
        refused('grant_consumed'),
      )
      expect(await state(three)).toBe('pending')
      expect(await ledger.intend(approved(three, call('s-2'), { proof: consumed }))).toMatchObject({
        ok: true,
      })
      expect(await size()).toBe(after + 3)
    })

    test('of the whole is refused at its last moment, and after it', async () => {
      const one = await held(hold('s-1', { expiresAt: now + 1000 }))
      given().clock.advance(1000)
      expect(await ledger.intend(approved(one, call('s-1')))).toEqual(refused('approval_expired'))
      given().clock.advance(-1)
      expect(await ledger.intend(approved(one, call('s-1')))).toMatchObject({ ok: true })
    })
  })

  describe('seal of what was approved', () => {
    test.each([
      ['approved', { kind: 'success', summary: 'done' }],
      ['failed', { kind: 'timeout' }],
    ] as const)('says what became of it: %s', async (expected, normalized_result) => {
      const one = await held(hold('s-1'))
      const begun = call('s-1')
      await ledger.intend(approved(one, begun))
      const entry = approvedSeal(one, begun, 2, { normalized_result })
      const { index } = await ledger.seal(entry)
      const stored = await ledger.approval(one.approvalId)
      expect(stored).toMatchObject({ state: expected, grantId: begun.grantId })
      expect(stored!.end).toMatchObject({
        type: 'receipt',
        body: { receipt_id: entry.receipt.receipt_id },
      })
      // The same seal again, as after a commit of unknown fate, changes nothing.
      expect((await ledger.seal(entry)).index).toBe(index)
      expect(await state(one)).toBe(expected)
    })

    test('remembers the rules that it brings, after the receipt, and none without', async () => {
      const one = await held(hold('s-1'))
      const begun = call('s-1')
      await ledger.intend(approved(one, begun))
      expect(await ledger.learnedRules()).toEqual([])
      const rule = learning('add', { value: 'x.example.com', principal: 'agent-a' })
      const { index } = await ledger.seal(approvedSeal(one, begun, 2, { learn: [rule] }))
      expect(await ledger.learnedRules()).toMatchObject([
        { kind: 'domain', value: 'x.example.com', principal: 'agent-a', addedBy: 'olga' },
      ])
      expect(parseLeaf((await ledger.leaf(index + 2))!)).toMatchObject({
        type: 'policy',
        body: { rule: { change: 'add', value: 'x.example.com' } },
      })
      const other = call('s-1')
      await ledger.intend(intent(other))
      await ledger.seal(seal(other, 3))
      expect(await ledger.learnedRules()).toHaveLength(1)
    })

    test('gives a quota back when nothing was sent, with a budget or without, and only then', async () => {
      const quotas = [{ calls: 1, windowSeconds: 3600 }]
      for (const session of ['s-1', 's-2']) {
        if (session === 's-1') await ledger.issueLease(lease(session, { maxCalls: 5 }))
        const debit = session === 's-1'
        const one = call(session)
        await ledger.intend(intent(one, { quotas, debit }))
        await ledger.seal(seal(one, 1, { refund: true }))
      }
      const sent = call('s-2')
      expect((await ledger.intend(intent(sent, { quotas }))).ok).toBe(true)
      await ledger.seal(seal(sent, 2))
      expect(await ledger.intend(intent(call('s-2'), { quotas }))).toMatchObject(
        refused('quota_exhausted'),
      )
    })
  })

  test('a claimed approval of a gate that is gone has failed; a late receipt corrects it', async () => {
    const one = await held(hold('s-1'))
    const begun = call('s-1')
    await ledger.intend(approved(one, begun))
    ledger = await given().reopen()
    expect(await ledger.approval(one.approvalId)).toMatchObject({
      state: 'failed',
      grantId: begun.grantId,
      end: { type: 'unknown', body: { reason: 'gate_restarted' } },
    })
    await ledger.seal(approvedSeal(one, begun, 2))
    expect(await ledger.approval(one.approvalId)).toMatchObject({
      state: 'approved',
      end: { type: 'receipt' },
    })
  })

  test('the list is newest first, by state, by principal, and knows what has lapsed', async () => {
    const mine = await held(hold('s-1', { expiresAt: now + 1000 }))
    const theirs = await held(hold('s-2', { principal: 'agent-b' }))
    const denied = await held(hold('s-1'))
    await ledger.decide(decision(denied, 'denied'))
    await ledger.record(denial('s-1'))
    const ids = async (query: Partial<Parameters<Ledger['approvals']>[0]>): Promise<unknown> =>
      (await ledger.approvals({ states: null, principal: null, limit: 10, ...query })).map(
        (one) => one.approvalId,
      )
    expect(await ids({})).toEqual([denied, theirs, mine].map((one) => one.approvalId))
    expect(await ids({ limit: 1 })).toEqual([denied.approvalId])
    expect(await ids({ principal: 'agent-b' })).toEqual([theirs.approvalId])
    expect(await ids({ states: ['pending'] })).toEqual([theirs.approvalId, mine.approvalId])
    expect(await ids({ states: ['denied', 'expired'] })).toEqual([denied.approvalId])
    expect(await ids({ states: [], principal: null })).toEqual([])
    given().clock.advance(1000)
    expect(await ids({ states: ['pending'] })).toEqual([theirs.approvalId])
    expect(await ids({ states: ['expired'] })).toEqual([mine.approvalId])
    expect(await ids({ states: ['expired'], principal: 'agent-b' })).toEqual([])
    expect(await ledger.pendingApprovals()).toBe(1)
  })
}
