import {
  checkReceipt,
  commit,
  leafHash,
  parseLeaf,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from '@latchgate/evidence'
import type { ManualClock } from '@latchgate/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { evidenceCrypto } from '../../src/evidence-crypto.js'
import { LedgerFault } from '../../src/ledger/faults.js'
import type { Ledger } from '../../src/ledger/port.js'
import { approvalContract } from './approval-contract.js'
import { approvalRaceContract } from './approval-race-contract.js'
import {
  call,
  denial,
  intent,
  lease,
  note,
  payload,
  RECEIPT_KEY,
  receiptSigner,
  seal,
} from './entries.js'
import { learningContract } from './learning-contract.js'
import { quotaContract } from './quota-contract.js'
import { revocationContract } from './revocation-contract.js'

/** One ledger of its own, with the receipt key and the origin of `entries.ts`. */
export interface LedgerUnderTest {
  readonly ledger: Ledger
  readonly clock: ManualClock
  readonly vkey: string
  /** Closes it and opens it anew, as another run of a gate. */
  reopen(): Promise<Ledger>
  remove(): Promise<void>
}

const fault = (code: string): object =>
  expect.objectContaining({ name: 'LedgerFault', code }) as object

/** What every implementation of the port `Ledger` must do. */
export function ledgerContract(name: string, create: () => Promise<LedgerUnderTest>): void {
  describe(`${name}: the contract of a ledger`, () => {
    let given: LedgerUnderTest
    let ledger: Ledger

    beforeEach(async () => {
      given = await create()
      ledger = given.ledger
    })

    afterEach(() => given.remove())

    const parts = [
      approvalContract,
      approvalRaceContract,
      learningContract,
      quotaContract,
      revocationContract,
    ]
    for (const part of parts) part(() => given)

    const checkpoint = (of: Ledger = ledger): ReturnType<typeof verifyCheckpoint> =>
      verifyCheckpoint(evidenceCrypto, of.checkpoint(), given.vkey)

    test('announces its keys in its first leaves', async () => {
      const keys = await ledger.keys()
      expect(keys.map(({ purpose, fromIndex }) => [purpose, fromIndex])).toEqual([
        ['log', 0],
        ['receipt', 1],
      ])
      expect(keys[1]).toMatchObject({ kid: RECEIPT_KEY.kid, publicKey: RECEIPT_KEY.publicKey })
      expect(parseLeaf((await ledger.leaf(0))!)).toMatchObject({ type: 'key_added' })
      expect(checkpoint().size).toBe(2)
    })

    test('a record is in the log at the index it was given, as it was entered', async () => {
      const entry = denial('s-1', { code: 'policy_denied' })
      const appended = await ledger.record(entry)
      expect(appended).toEqual({ index: 2, size: 3, sessionSeq: 1 })
      const leaf = parseLeaf((await ledger.leaf(2))!)
      expect(leaf).toMatchObject({
        type: 'decision',
        id: entry.leaf.id,
        log: ledger.origin,
        time: new Date(given.clock.now()).toISOString(),
        body: {
          code: 'policy_denied',
          decision: 'deny',
          session_id: 's-1',
          session_seq: 1,
          trace_id: entry.traceId,
        },
      })
      expect(await ledger.leaf(3)).toBeUndefined()
    })

    test('every leaf is included in the signed checkpoint, which is consistent with every earlier one', async () => {
      const earlier = [checkpoint()]
      for (let i = 0; i < 20; i += 1) {
        await ledger.record(note({ i }))
        earlier.push(checkpoint())
      }
      const { size, root } = checkpoint()
      expect(size).toBe(22)
      for (let index = 0; index < size; index += 1) {
        const hash = leafHash(evidenceCrypto, (await ledger.leaf(index))!)
        const proof = await ledger.inclusionProof(index, size)
        const claim = { index, size, leafHash: hash, root, proof }
        expect(verifyInclusion(evidenceCrypto, claim), `leaf ${index}`).toBe(true)
      }
      for (const one of earlier) {
        const proof = await ledger.consistencyProof(one.size, size)
        const claim = { from: one.size, fromRoot: one.root, to: size, toRoot: root, proof }
        expect(verifyConsistency(evidenceCrypto, claim), `from ${one.size}`).toBe(true)
      }
    })

    test('no proof is given to a size that was never published', async () => {
      await expect(ledger.inclusionProof(0, 3)).rejects.toThrow(RangeError)
      await expect(ledger.inclusionProof(2, 2)).rejects.toThrow(RangeError)
      await expect(ledger.consistencyProof(1, 3)).rejects.toThrow(RangeError)
      await expect(ledger.consistencyProof(2, 1)).rejects.toThrow(RangeError)
    })

    test('a call from intent to receipt: numbers, payloads, receipt', async () => {
      const one = call('s-1')
      const begun = await ledger.intend(intent(one))
      expect(begun).toEqual({
        ok: true,
        value: { index: 2, size: 3, sessionSeq: 1, callsRemaining: null },
      })
      expect(await ledger.openIntents()).toMatchObject([
        { grantId: one.grantId, target: 'GET https://api.example.com/', outcome: 'open' },
      ])
      const entry = seal(one, 1)
      expect(await ledger.seal(entry)).toMatchObject({ index: 3, size: 5 })
      expect(await ledger.openIntents()).toEqual([])
      const stored = await ledger.receipt(entry.receipt.receipt_id)
      expect(stored).toEqual({ receipt: entry.receipt, principal: 'agent-a', index: 3 })
      const [output] = entry.payloads
      expect(await ledger.payload(one.traceId, 'output')).toEqual(output!.bytes)
      expect(
        checkReceipt(stored!.receipt, receiptSigner.publicKey, evidenceCrypto, output),
      ).toEqual({ signature: 'valid', result_hash: 'matches', payload: 'matches' })
      const args = Buffer.from((await ledger.payload(one.traceId, 'arguments'))!).toString()
      expect(args).toBe(`{"of":"${one.traceId}"}`)
      expect(await ledger.receipt('another')).toBeUndefined()
      expect(await ledger.payload('another', 'output')).toBeUndefined()
    })

    test('payloads are not in the log, only their salted commitments', async () => {
      const one = call('s-1')
      const draft = payload('arguments', '{"password":"hunter2-hunter2"}')
      const begun = await ledger.intend(intent(one, { payloads: [draft] }))
      const index = begun.ok ? begun.value.index : -1
      const bytes = (await ledger.leaf(index))!
      expect(Buffer.from(bytes).toString()).not.toContain('hunter2')
      expect(parseLeaf(bytes).body['arguments']).toEqual(
        commit(evidenceCrypto, draft.salt, draft.bytes),
      )
    })

    describe('at most once', () => {
      test('a grant begins once, however many ask at the same time', async () => {
        const one = call('s-1')
        const results = await Promise.all(
          Array.from({ length: 20 }, () => ledger.intend(intent(one))),
        )
        expect(results.filter((result) => result.ok)).toHaveLength(1)
        for (const result of results) {
          if (!result.ok) expect(result.error).toEqual({ code: 'grant_consumed' })
        }
        expect(checkpoint().size).toBe(3)
      })

      test('a grant stays consumed after it was sealed, and after a new start', async () => {
        const one = call('s-1')
        await ledger.intend(intent(one))
        await ledger.seal(seal(one, 1))
        expect(await ledger.intend(intent(one))).toEqual({
          ok: false,
          error: { code: 'grant_consumed' },
        })
        const again = await given.reopen()
        expect(await again.intend(intent(one))).toEqual({
          ok: false,
          error: { code: 'grant_consumed' },
        })
      })

      test('a token opens one lease of all that ask at once, also after a new start', async () => {
        const identityToken = { hash: 'a', expiresAt: given.clock.now() + 60_000 }
        const used = { ok: false, error: { code: 'identity_token_used' } }
        const results = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            ledger.issueLease(lease(`s-${i}`, { identityToken, maxCalls: 1 })),
          ),
        )
        expect(results.filter((result) => result.ok)).toHaveLength(1)
        expect(results.filter((result) => !result.ok)).toEqual(
          Array.from({ length: 9 }, () => used),
        )
        // Only the winner has a budget; the losers have left nothing.
        const budgets = await Promise.all(results.map((_, i) => ledger.callsRemaining(`s-${i}`)))
        expect(budgets.filter((left) => left === 1)).toHaveLength(1)
        const proof = { jkt: 'k', jti: 'j', forgetAfter: given.clock.now() + 120_000 }
        // In one commit with what succeeds: a refusal leaves the proof usable.
        const together = await Promise.all([
          ledger.record(note()),
          ledger.issueLease(lease('s-1', { identityToken, proof })),
          ledger.record(note()),
        ])
        expect(together[1]).toEqual(used)
        const other = { ...identityToken, hash: 'b' }
        expect((await ledger.issueLease(lease('s-1', { identityToken: other, proof }))).ok).toBe(
          true,
        )
        const again = await given.reopen()
        expect(await again.issueLease(lease('s-1', { identityToken }))).toEqual(used)
      })

      test('a proof is used once by all intents and leases together, also after a new start', async () => {
        const proof = { jkt: 'k', jti: 'j', forgetAfter: given.clock.now() + 120_000 }
        const replayed = { ok: false, error: { code: 'replay_detected' } }
        const results = await Promise.all(
          Array.from({ length: 10 }, () => ledger.intend(intent(call('s-1'), { proof }))),
        )
        expect(results.filter((result) => result.ok)).toHaveLength(1)
        expect(await ledger.issueLease(lease('s-2', { proof }))).toEqual(replayed)
        const other = { ...proof, jkt: 'k2' }
        expect((await ledger.issueLease(lease('s-2', { proof: other }))).ok).toBe(true)
        expect(await ledger.intend(intent(call('s-1'), { proof: other }))).toEqual(replayed)
        const again = await given.reopen()
        expect(await again.intend(intent(call('s-1'), { proof }))).toEqual(replayed)
      })

      test('a refused intent uses nothing up: neither proof, nor grant, nor number', async () => {
        await ledger.issueLease(lease('s-1', { maxCalls: 0 }))
        const one = call('s-1')
        const proof = { jkt: 'k', jti: 'j', forgetAfter: given.clock.now() + 120_000 }
        expect(await ledger.intend(intent(one, { proof, debit: true }))).toEqual({
          ok: false,
          error: { code: 'budget_exhausted' },
        })
        const begun = await ledger.intend(intent(one, { proof }))
        expect(begun).toMatchObject({ ok: true, value: { sessionSeq: 1 } })
        const another = call('s-1')
        const consumed = await ledger.intend(
          intent(another, { grantId: one.grantId, proof: { ...proof, jti: 'j2' } }),
        )
        expect(consumed).toEqual({ ok: false, error: { code: 'grant_consumed' } })
        const retried = await ledger.intend(intent(another, { proof: { ...proof, jti: 'j2' } }))
        expect(retried).toMatchObject({ ok: true, value: { sessionSeq: 2 } })
      })
    })

    describe('budgets', () => {
      test('of 50 intents at once on a budget of 10, exactly 10 begin', async () => {
        await ledger.issueLease(lease('s-1', { maxCalls: 10 }))
        const results = await Promise.all(
          Array.from({ length: 50 }, () => ledger.intend(intent(call('s-1'), { debit: true }))),
        )
        const begun = results.flatMap((result) => (result.ok ? [result.value] : []))
        expect(begun).toHaveLength(10)
        expect(begun.map((one) => one.callsRemaining)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
        expect(begun.map((one) => one.sessionSeq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        expect(results.flatMap((result) => (result.ok ? [] : [result.error.code]))).toEqual(
          Array.from({ length: 40 }, () => 'budget_exhausted'),
        )
        expect(await ledger.callsRemaining('s-1')).toBe(0)
        const again = await given.reopen()
        expect(await again.callsRemaining('s-1')).toBe(0)
        expect(await again.intend(intent(call('s-1'), { debit: true }))).toEqual({
          ok: false,
          error: { code: 'budget_exhausted' },
        })
      })

      test('no budget, no limit and no session are three things', async () => {
        await ledger.issueLease(lease('s-limitless', { maxCalls: null }))
        await ledger.issueLease(lease('s-none'))
        await ledger.record(denial('s-none'))
        expect(await ledger.callsRemaining('s-limitless')).toBeNull()
        expect(await ledger.callsRemaining('s-none')).toBeUndefined()
        expect(await ledger.callsRemaining('s-unknown')).toBeUndefined()
        const limitless = await ledger.intend(intent(call('s-limitless'), { debit: true }))
        expect(limitless).toMatchObject({ ok: true, value: { callsRemaining: null } })
        expect(await ledger.intend(intent(call('s-none'), { debit: true }))).toEqual({
          ok: false,
          error: { code: 'budget_session_not_found' },
        })
      })

      test('a call that sent nothing is given back, once, and only where one was taken', async () => {
        await ledger.issueLease(lease('s-1', { maxCalls: 2 }))
        const one = call('s-1')
        await ledger.intend(intent(one, { debit: true }))
        expect(await ledger.callsRemaining('s-1')).toBe(1)
        const entry = seal(one, 1, { refund: true })
        await ledger.seal(entry)
        expect(await ledger.callsRemaining('s-1')).toBe(2)
        await ledger.seal(entry)
        expect(await ledger.callsRemaining('s-1')).toBe(2)
        const free = call('s-1')
        await ledger.intend(intent(free))
        await ledger.seal(seal(free, 2, { refund: true }))
        expect(await ledger.callsRemaining('s-1')).toBe(2)
      })

      test('a renewal leaves the budget as it is', async () => {
        await ledger.issueLease(lease('s-1', { maxCalls: 3 }))
        await ledger.intend(intent(call('s-1'), { debit: true }))
        await ledger.issueLease(lease('s-1'))
        expect(await ledger.callsRemaining('s-1')).toBe(2)
      })
    })

    test('numbers of a session have no gap, whatever runs at once; sessions do not share them', async () => {
      const entries = Array.from({ length: 30 }, (_, i) => {
        const session = i % 3 === 0 ? 's-2' : 's-1'
        return i % 2 === 0
          ? ledger.record(denial(session))
          : ledger.intend(intent(call(session))).then((result) => {
              if (!result.ok) throw new Error(result.error.code)
              return result.value
            })
      })
      const appended = await Promise.all(entries)
      const of = (rest: boolean): readonly (number | null)[] =>
        appended.filter((_, i) => (i % 3 === 0) === rest).map((one) => one.sessionSeq)
      expect(of(true)).toEqual(Array.from({ length: 10 }, (_, i) => i + 1))
      expect(of(false)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
      const again = await given.reopen()
      expect(await again.record(denial('s-2'))).toMatchObject({ sessionSeq: 11 })
    })

    describe('seal', () => {
      test('of the same receipt again answers the same index and appends nothing', async () => {
        const one = call('s-1')
        await ledger.intend(intent(one))
        const entry = seal(one, 1)
        const first = await ledger.seal(entry)
        const { size } = checkpoint()
        expect((await ledger.seal(entry)).index).toBe(first.index)
        expect(checkpoint().size).toBe(size)
        const again = await given.reopen()
        expect((await again.seal(entry)).index).toBe(first.index)
      })

      test('of another receipt for the same grant is refused', async () => {
        const one = call('s-1')
        await ledger.intend(intent(one))
        await ledger.seal(seal(one, 1))
        const { size } = checkpoint()
        await expect(ledger.seal(seal(one, 1))).rejects.toEqual(fault('already_sealed'))
        expect(checkpoint().size).toBe(size)
      })

      test('without an intent, or of another grant than its receipt, is refused', async () => {
        await expect(ledger.seal(seal(call('s-1'), 1))).rejects.toEqual(fault('intent_not_found'))
        const one = call('s-1')
        await ledger.intend(intent(one))
        const entry = seal(one, 1)
        await expect(ledger.seal({ ...entry, grantId: 'other' })).rejects.toEqual(
          fault('invalid_entry'),
        )
        await expect(ledger.seal({ ...entry, traceId: 'other' })).rejects.toEqual(
          fault('invalid_entry'),
        )
      })
    })

    describe('an entry that no leaf can hold', () => {
      test.each([
        ['too large', { s: 'x'.repeat(16_384) }],
        ['a float', { n: 0.5 }],
        ['an unsafe integer', { n: 2 ** 53 }],
        ['a lone surrogate', { s: '\ud800' }],
      ])('is refused alone: %s', async (_name, body) => {
        const results = await Promise.allSettled([
          ledger.record(denial('s-1')),
          ledger.record(denial('s-1', body)),
          ledger.record(denial('s-1')),
        ])
        expect(results.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
        expect((results[1] as PromiseRejectedResult).reason).toEqual(fault('invalid_entry'))
        expect(checkpoint().size).toBe(4)
        expect(await ledger.record(denial('s-1'))).toMatchObject({ sessionSeq: 3 })
      })

      test('as an intent begins nothing: grant, proof and budget are as before', async () => {
        await ledger.issueLease(lease('s-1', { maxCalls: 1 }))
        const one = call('s-1')
        const entry = intent(one, { debit: true })
        const large = {
          ...entry,
          leaf: { ...entry.leaf, body: { ...entry.leaf.body, s: 'x'.repeat(16_384) } },
        }
        await expect(ledger.intend(large)).rejects.toEqual(fault('invalid_entry'))
        expect(await ledger.callsRemaining('s-1')).toBe(1)
        expect((await ledger.intend(entry)).ok).toBe(true)
      })
    })

    describe('the clock', () => {
      test('more than 5 s behind the latest record denies everything that begins something', async () => {
        given.clock.advance(60_000)
        await ledger.record(note())
        given.clock.advance(-5_000)
        await ledger.record(note())
        given.clock.advance(-1)
        const behind = fault('clock_error')
        await expect(ledger.record(note())).rejects.toEqual(behind)
        await expect(ledger.intend(intent(call('s-1')))).rejects.toEqual(behind)
        await expect(ledger.issueLease(lease('s-1'))).rejects.toEqual(behind)
        given.clock.advance(1)
        await ledger.record(note())
      })

      test('is remembered across a new start', async () => {
        given.clock.advance(60_000)
        await ledger.record(note())
        given.clock.advance(-30_000)
        const again = await given.reopen()
        await expect(again.record(note())).rejects.toEqual(fault('clock_error'))
        given.clock.advance(30_000)
        await again.record(note())
      })

      test('does not keep the receipt of an effect out of the log', async () => {
        const one = call('s-1')
        await ledger.intend(intent(one))
        given.clock.advance(60_000)
        await ledger.record(note())
        given.clock.advance(-60_000)
        await ledger.seal(seal(one, 1))
        expect(await ledger.openIntents()).toEqual([])
      })
    })

    describe('after a new start', () => {
      test('the log goes on where it was: every leaf, the checkpoint, the keys', async () => {
        for (let i = 0; i < 10; i += 1) await ledger.record(note({ i }))
        const before = checkpoint()
        const leaf = await ledger.leaf(7)
        const again = await given.reopen()
        expect(checkpoint(again)).toEqual(before)
        expect(await again.leaf(7)).toEqual(leaf)
        expect(await again.record(note())).toMatchObject({ index: 12, size: 13 })
        expect(await again.keys()).toHaveLength(2)
      })

      test('an intent without an outcome is unknown, stays listed, and can still be sealed', async () => {
        const one = call('s-1')
        await ledger.intend(intent(one))
        const sealed = call('s-1')
        await ledger.intend(intent(sealed))
        await ledger.seal(seal(sealed, 2))
        const again = await given.reopen()
        expect(await again.openIntents()).toMatchObject([
          { grantId: one.grantId, traceId: one.traceId, outcome: 'unknown' },
        ])
        const { size } = checkpoint(again)
        const leaf = parseLeaf((await again.leaf(size - 1))!)
        expect(leaf).toMatchObject({
          type: 'unknown',
          body: {
            grant_id: one.grantId,
            intent_leaf: 2,
            session_seq: 1,
            reason: 'gate_restarted',
          },
        })
        // A second start finds nothing new.
        const third = await given.reopen()
        expect(checkpoint(third).size).toBe(size)
        await third.seal(seal(one, 1))
        expect(await third.openIntents()).toEqual([])
      })
    })

    test('a closed ledger takes nothing, and what was queued before is on the disk', async () => {
      const queued = Array.from({ length: 20 }, () => ledger.record(note()))
      const closing = ledger.close()
      await expect(ledger.record(note())).rejects.toBeInstanceOf(LedgerFault)
      expect(await Promise.all(queued)).toHaveLength(20)
      await closing
      await ledger.close()
      await expect(ledger.record(note())).rejects.toEqual(fault('closed'))
      await expect(ledger.leaf(0)).rejects.toEqual(fault('closed'))
      expect(await ledger.healthy()).toBe(false)
      const again = await given.reopen()
      expect(checkpoint(again).size).toBe(22)
      expect(await again.healthy()).toBe(true)
    })
  })
}
