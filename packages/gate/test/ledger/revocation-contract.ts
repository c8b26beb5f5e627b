import { beforeEach, describe, expect, test } from 'vitest'
import type { HoldEntry, LeaseUse, Ledger, Revocation } from '../../src/ledger/port.js'
import { approved, call, decision, freshProof, hold, intent, note, revocation } from './entries.js'
import type { LedgerUnderTest } from './ledger-contract.js'

const refused = (code: string): object => ({ ok: false, error: { code } })

/** What every ledger must do with revocations. */
export function revocationContract(given: () => LedgerUnderTest): void {
  let ledger: Ledger

  beforeEach(() => {
    ledger = given().ledger
  })

  const begin = (
    session: string,
    principal: string,
    lease: LeaseUse,
  ): ReturnType<Ledger['intend']> => ledger.intend(intent(call(session), { principal, lease }))

  describe('revoke', () => {
    const KINDS: readonly (readonly [Revocation['kind'], string | null])[] = [
      ['lease', 'lease-a'],
      ['session', 's-1'],
      ['principal', 'agent-a'],
      ['all', null],
    ]

    test.each(KINDS)(
      '%s ends pending approvals, and stops intents and holds, also after a new start',
      async (kind, value) => {
        const mine = hold('s-1')
        const lapsed = hold('s-1', { expiresAt: given().clock.now() + 1 })
        const other = hold('s-2', {
          principal: 'agent-b',
          lease: { jti: 'lease-b', epoch: 0 },
        })
        const claimed = hold('s-1')
        const denied = hold('s-1')
        for (const entry of [mine, lapsed, other, claimed, denied]) await ledger.hold(entry)
        await ledger.intend(approved(claimed, call('s-1')))
        await ledger.decide(decision(denied, 'denied'))
        given().clock.advance(1)
        const isAll = kind === 'all'
        const done = await ledger.revoke(revocation(kind, value, 1))
        expect(done).toMatchObject({ ok: true, value: { approvals: isAll ? 2 : 1 } })
        const states = async (entries: readonly HoldEntry[]): Promise<readonly unknown[]> =>
          Promise.all(
            entries.map(async (entry) => (await ledger.approval(entry.approvalId))?.state),
          )
        expect(await states([mine, other, claimed, denied])).toEqual([
          'revoked',
          isAll ? 'revoked' : 'pending',
          'claimed',
          'denied',
        ])
        // It had ended before, whether that was on record or not.
        expect(await states([lapsed])).toEqual(['pending'])
        expect((await ledger.approval(mine.approvalId))!.end).toMatchObject({
          type: 'revocation',
          body: { kind, value, epoch: 1 },
        })
        for (let run = 0; run < 2; run += 1) {
          expect(await ledger.decide(decision(mine, 'denied'))).toEqual(refused('approval_revoked'))
          expect(await ledger.intend(approved(mine, call('s-1')))).toEqual(
            refused('approval_revoked'),
          )
          expect(await begin('s-1', 'agent-a', mine.lease)).toEqual(refused('lease_revoked'))
          expect(await ledger.hold(hold('s-1'))).toEqual(refused('lease_revoked'))
          const others = await begin('s-2', 'agent-b', other.lease)
          expect(others.ok).toBe(!isAll)
          ledger = await given().reopen()
        }
        expect(await ledger.revocations()).toEqual([{ kind, value, epoch: 1 }])
      },
    )

    test('a newer lease works after a revocation of principal or all, not of the session', async () => {
      await ledger.revoke(revocation('principal', 'agent-a', 1))
      expect(await begin('s-1', 'agent-a', { jti: 'l', epoch: 0 })).toEqual(
        refused('lease_revoked'),
      )
      expect((await begin('s-1', 'agent-a', { jti: 'l', epoch: 1 })).ok).toBe(true)
      await ledger.revoke(revocation('all', null, 2))
      expect(await begin('s-1', 'agent-a', { jti: 'l', epoch: 1 })).toEqual(
        refused('lease_revoked'),
      )
      expect((await begin('s-1', 'agent-a', { jti: 'l', epoch: 2 })).ok).toBe(true)
      await ledger.revoke(revocation('session', 's-1', 3))
      expect(await begin('s-1', 'agent-a', { jti: 'l', epoch: 3 })).toEqual(
        refused('lease_revoked'),
      )
      expect((await begin('s-2', 'agent-a', { jti: 'l', epoch: 3 })).ok).toBe(true)
    })

    test('a lease of an epoch that never was recorded is refused, also after a new start', async () => {
      const future = { jti: 'lease-a', epoch: 1 }
      expect(await begin('s-1', 'agent-a', future)).toEqual(refused('lease_revoked'))
      expect(await ledger.hold(hold('s-1', { lease: future }))).toEqual(refused('lease_revoked'))
      ledger = await given().reopen()
      expect(await begin('s-1', 'agent-a', future)).toEqual(refused('lease_revoked'))
      await ledger.revoke(revocation('lease', 'other', 1))
      expect((await begin('s-1', 'agent-a', future)).ok).toBe(true)
    })

    test('of one turn reaches what comes after it, and not what came before', async () => {
      const lease = { jti: 'lease-a', epoch: 0 }
      const results = await Promise.all([
        begin('s-1', 'agent-a', lease),
        ledger.revoke(revocation('all', null, 1)),
        begin('s-1', 'agent-a', lease),
        begin('s-1', 'agent-a', { ...lease, epoch: 1 }),
      ])
      expect(results.map((result) => result.ok)).toEqual([true, true, false, true])
    })

    test('the list keeps the order, and every epoch is after the one before', async () => {
      const all = [
        { kind: 'lease', value: 'l', epoch: 1 },
        { kind: 'all', value: null, epoch: 2 },
        { kind: 'all', value: null, epoch: 5 },
        { kind: 'session', value: 's', epoch: 6 },
      ] as const
      for (const { kind, value, epoch } of all) await ledger.revoke(revocation(kind, value, epoch))
      expect(await ledger.revocations()).toEqual(all)
      ledger = await given().reopen()
      expect(await ledger.revocations()).toEqual(all)
    })

    test('uses its proof once; a second attempt revokes nothing', async () => {
      const proof = freshProof()
      await ledger.revoke(revocation('lease', 'l', 1, proof))
      const again = await ledger.revoke(revocation('all', null, 2, proof))
      expect(again).toEqual(refused('replay_detected'))
      expect(await ledger.revocations()).toHaveLength(1)
    })

    test('that does not say whose is no entry, and the ledger goes on', async () => {
      for (const [kind, value] of [
        ['all', 'x'],
        ['lease', null],
      ] as const) {
        await expect(ledger.revoke(revocation(kind, value, 1))).rejects.toMatchObject({
          code: 'invalid_entry',
        })
      }
      await ledger.record(note())
    })

    test('works while the clock is behind, and its time counts as that of a record', async () => {
      await ledger.record(note())
      given().clock.advance(-60_000)
      expect((await ledger.revoke(revocation('all', null, 1))).ok).toBe(true)
      given().clock.advance(120_000)
      expect((await ledger.revoke(revocation('all', null, 2))).ok).toBe(true)
      given().clock.advance(-5_001)
      await expect(ledger.record(note())).rejects.toMatchObject({ code: 'clock_error' })
    })
  })
}
