import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HoldEntry, Ledger, Revocation } from '../../src/ledger/port.js'
import { approved, call, decision, hold, revocation } from './entries.js'
import type { LedgerUnderTest } from './ledger-contract.js'

/** What somebody does about one approval. */
type Step =
  | { readonly do: 'begin' | 'vote'; readonly who: string; readonly plan: 'shown' | 'other' }
  | { readonly do: 'denied' | 'failed' }
  | { readonly do: 'hold' }
  | { readonly do: 'look' }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'revoke'; readonly kind: Revocation['kind'] }

const TTL_MS = 100

/** One run for each end, whatever chance brings. */
const EACH_END: [number, readonly Step[]][] = [
  [1, [{ do: 'begin', who: 'olga', plan: 'shown' }]],
  [1, [{ do: 'denied' }]],
  [1, [{ do: 'failed' }]],
  [1, [{ do: 'tick', ms: TTL_MS - 1 }, { do: 'tick', ms: 1 }, { do: 'hold' }]],
  [2, [{ do: 'begin', who: 'olga', plan: 'shown' }]],
  [1, [{ do: 'revoke', kind: 'principal' }]],
]

/** One approval, as anybody would describe it: the first who ends it wins. */
class Model {
  state = 'pending'
  votes = new Set<string>()
  /** The same call, held again after the first had lapsed. */
  again: 'none' | 'pending' = 'none'
  isRevoked = false

  readonly required: number
  readonly expiresAt: number

  constructor(required: number, expiresAt: number) {
    this.required = required
    this.expiresAt = expiresAt
  }

  /** Why nobody can decide it; null while somebody can. */
  ended(now: number, plan: 'shown' | 'other'): string | null {
    if (this.state === 'expired' || this.state === 'revoked') return `approval_${this.state}`
    if (this.state !== 'pending') return 'approval_decided'
    if (now >= this.expiresAt) return 'approval_expired'
    return plan === 'other' ? 'plan_hash_mismatch' : null
  }

  step(step: Step, now: number): string {
    switch (step.do) {
      case 'vote': {
        const ended = this.ended(now, step.plan)
        if (ended === null) this.votes.add(step.who)
        return ended ?? `votes ${this.votes.size}`
      }
      case 'denied':
      case 'failed': {
        const ended = this.ended(now, 'shown')
        if (ended === null) this.state = step.do
        return ended ?? `votes ${this.votes.size}`
      }
      case 'begin': {
        const ended = this.ended(now, step.plan)
        if (ended !== null) return ended
        if (new Set([...this.votes, step.who]).size < this.required) return 'quorum_not_reached'
        this.votes.add(step.who)
        this.state = 'claimed'
        return 'begun'
      }
      case 'hold':
        return this.#hold(now)
      case 'revoke':
        this.isRevoked = true
        if (this.state === 'pending' && now < this.expiresAt) this.state = 'revoked'
        return 'revoked'
      default:
        return ''
    }
  }

  #hold(now: number): string {
    if (this.isRevoked) return 'lease_revoked'
    if (this.again === 'pending') return 'call_pending'
    if (this.state === 'pending' && now < this.expiresAt) return 'call_pending'
    if (this.state === 'pending') this.state = 'expired'
    this.again = 'pending'
    return 'held'
  }
}

/** Approving, denying, expiring, revoking: who comes first, wins (design 9). */
export function approvalRaceContract(given: () => LedgerUnderTest): void {
  describe('approving, denying, expiring and revoking', () => {
    const who = fc.constantFrom('olga', 'omar', 'ines')
    const plan = fc.constantFrom<'shown' | 'other'>('shown', 'shown', 'shown', 'other')
    const steps: fc.Arbitrary<readonly Step[]> = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant<'begin'>('begin'), who, plan }),
        fc.record({ do: fc.constant<'vote'>('vote'), who, plan }),
        fc.record({ do: fc.constant<'hold'>('hold') }),
        fc.record({ do: fc.constant<'look'>('look') }),
        fc.record({ do: fc.constantFrom<'denied' | 'failed'>('denied', 'failed') }),
        fc.record({ do: fc.constant<'tick'>('tick'), ms: fc.constantFrom(1, 40, TTL_MS - 1) }),
        fc.record({
          do: fc.constant<'revoke'>('revoke'),
          kind: fc.constantFrom<Revocation['kind']>('lease', 'session', 'principal', 'all'),
        }),
      ),
      { minLength: 1, maxLength: 12 },
    )

    test('the first to be committed wins, in any order and any company, with or without a quorum', async () => {
      const { ledger, clock } = given()
      let epoch = 0
      let run = 0
      const won = new Set<string>()
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 3 }), steps, async (required, todo) => {
          run += 1
          const held = hold(`s-${run}`, {
            principal: `p-${run}`,
            lease: { jti: `l-${run}`, epoch },
            expiresAt: clock.now() + TTL_MS,
            required,
          })
          expect((await ledger.hold(held)).ok).toBe(true)
          const model = new Model(required, held.expiresAt)
          const expected: string[] = []
          const running: Promise<string>[] = []
          const found: string[] = []
          for (const step of todo) {
            if (step.do === 'tick') clock.advance(step.ms)
            // Everything until somebody looks is one turn, and shares its commits.
            if (step.do === 'look') found.push(...(await Promise.all(running.splice(0))))
            if (step.do === 'tick' || step.do === 'look') continue
            if (step.do === 'revoke') epoch += 1
            expected.push(model.step(step, clock.now()))
            running.push(attempt(ledger, held, step, epoch))
          }
          found.push(...(await Promise.all(running)))
          expect(found).toEqual(expected)
          const stored = (await ledger.approval(held.approvalId))!
          expect(stored.state).toBe(model.state)
          expect(stored.votes.map((vote) => vote.operator).sort()).toEqual([...model.votes].sort())
          expect(stored.grantId === null).toBe(model.state !== 'claimed')
          won.add(model.state)
        }),
        { numRuns: process.env['SLOW'] === '1' ? 2000 : 200, examples: EACH_END },
      )
      // Or the runs were all of one kind.
      expect([...won].sort()).toEqual([
        'claimed',
        'denied',
        'expired',
        'failed',
        'pending',
        'revoked',
      ])
    })
  })
}

async function attempt(
  ledger: Ledger,
  held: HoldEntry,
  step: Exclude<Step, { do: 'tick' | 'look' }>,
  epoch: number,
): Promise<string> {
  switch (step.do) {
    case 'begin': {
      const planHash = step.plan === 'shown' ? held.planHash : 'other'
      const entry = approved({ ...held, planHash }, call(held.sessionId), { operator: step.who })
      const result = await ledger.intend(entry)
      return result.ok ? 'begun' : result.error.code
    }
    case 'hold': {
      const { sessionId, principal, lease, callHash } = held
      const result = await ledger.hold(hold(sessionId, { principal, lease, callHash }))
      return result.ok ? 'held' : result.error.code
    }
    case 'revoke': {
      const { sessionId, principal, lease } = held
      const values = { all: null, principal, session: sessionId, lease: lease.jti }
      const result = await ledger.revoke(revocation(step.kind, values[step.kind], epoch))
      return result.ok ? 'revoked' : result.error.code
    }
    default: {
      const change =
        step.do === 'vote'
          ? { operator: step.who, planHash: step.plan === 'shown' ? held.planHash : 'other' }
          : {}
      const result = await ledger.decide(decision(held, step.do, change))
      return result.ok ? `votes ${result.value.votes}` : result.error.code
    }
  }
}
