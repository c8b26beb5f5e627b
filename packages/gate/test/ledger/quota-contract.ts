import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Ledger, QuotaLimit } from '../../src/ledger/port.js'
import { call, intent, seal } from './entries.js'
import type { LedgerUnderTest } from './ledger-contract.js'

const refused = (retryAfterMs: number): object => ({
  ok: false,
  error: { code: 'quota_exhausted', retryAfterMs },
})

/** One use, for the naive model. */
interface Use {
  readonly principal: string
  readonly at: number
  readonly cost: number
}

interface Attempt {
  readonly principal: string
  readonly cost: number
  readonly quotas: readonly QuotaLimit[]
}

// Counts everything again, as one would by hand.
function fits(
  uses: readonly Use[],
  quota: QuotaLimit,
  { principal, cost }: Attempt,
  at: number,
): boolean {
  const from = at - quota.windowSeconds * 1000
  const counted = uses.filter((use) => use.principal === principal && use.at > from)
  const sum = counted.reduce((total, use) => total + use.cost, 0)
  const isCheap = cost === 0 || quota.costUsdCents === undefined || sum + cost <= quota.costUsdCents
  return isCheap && (quota.calls === undefined || counted.length + 1 <= quota.calls)
}

// Calls and costs of a quota are two limits: what can never be met says its window, the other its own
// wait.
function limitsOf({ calls, costUsdCents, windowSeconds }: QuotaLimit): readonly QuotaLimit[] {
  return [
    ...(calls === undefined ? [] : [{ calls, windowSeconds }]),
    ...(costUsdCents === undefined ? [] : [{ costUsdCents, windowSeconds }]),
  ]
}

// The first of all moments at which a use leaves its window that lets the call in.
function waitOf(uses: readonly Use[], attempt: Attempt, at: number): number | null {
  const waits = attempt.quotas.flatMap(limitsOf).map((quota) => {
    if (fits(uses, quota, attempt, at)) return 0
    const windowMs = quota.windowSeconds * 1000
    if (!fits([], quota, attempt, at)) return windowMs
    const moments = uses.map((use) => use.at + windowMs).filter((moment) => moment > at)
    const first = moments.sort((a, b) => a - b).find((moment) => fits(uses, quota, attempt, moment))
    return (first ?? Number.NaN) - at
  })
  const longest = Math.max(0, ...waits)
  return longest === 0 ? null : longest
}

/** What every ledger must do with quotas. */
export function quotaContract(given: () => LedgerUnderTest): void {
  let ledger: Ledger

  beforeEach(() => {
    ledger = given().ledger
  })

  const begin = (
    session: string,
    quotas: readonly QuotaLimit[],
    more: { readonly costUsdCents?: number; readonly principal?: string } = {},
  ): ReturnType<Ledger['intend']> => ledger.intend(intent(call(session), { quotas, ...more }))

  describe('quotas', () => {
    test('of 50 intents at once over two sessions, exactly the 10 of the principal begin', async () => {
      const quotas = [{ calls: 10, windowSeconds: 60 }]
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) => begin(`s-${i % 2}`, quotas)),
      )
      expect(results.map((result) => result.ok)).toEqual(
        Array.from({ length: 50 }, (_, i) => i < 10),
      )
      for (const result of results.slice(10)) expect(result).toEqual(refused(60_000))
      expect((await begin('s-3', quotas, { principal: 'agent-b' })).ok).toBe(true)
      ledger = await given().reopen()
      expect(await begin('s-9', quotas)).toEqual(refused(60_000))
    })

    test('slide: a call makes room when it leaves the window, to the millisecond', async () => {
      const quotas = [{ calls: 2, windowSeconds: 10 }]
      await begin('s-1', quotas)
      given().clock.advance(4000)
      await begin('s-1', quotas)
      expect(await begin('s-1', quotas)).toEqual(refused(6000))
      given().clock.advance(5999)
      expect(await begin('s-1', quotas)).toEqual(refused(1))
      given().clock.advance(1)
      expect((await begin('s-1', quotas)).ok).toBe(true)
      expect(await begin('s-1', quotas)).toEqual(refused(4000))
    })

    test('count costs: what is left must cover the call, and costless calls pass', async () => {
      const quotas = [{ costUsdCents: 100, windowSeconds: 10 }]
      expect((await begin('s-1', quotas, { costUsdCents: 60 })).ok).toBe(true)
      given().clock.advance(1000)
      expect((await begin('s-1', quotas, { costUsdCents: 40 })).ok).toBe(true)
      expect((await begin('s-1', quotas, { costUsdCents: 0 })).ok).toBe(true)
      expect(await begin('s-1', quotas, { costUsdCents: 60 })).toEqual(refused(9000))
      expect(await begin('s-1', quotas, { costUsdCents: 61 })).toEqual(refused(10_000))
      given().clock.advance(9000)
      expect((await begin('s-1', quotas, { costUsdCents: 60 })).ok).toBe(true)
    })

    test('that a call can never meet say a whole window; a quota of nothing lets nothing in', async () => {
      expect(
        await begin('s-1', [{ costUsdCents: 5, windowSeconds: 30 }], { costUsdCents: 6 }),
      ).toEqual(refused(30_000))
      expect(await begin('s-1', [{ calls: 0, windowSeconds: 7 }])).toEqual(refused(7000))
    })

    test('all have to be met: the longest wait is said', async () => {
      const quotas = [
        { calls: 1, windowSeconds: 60 },
        { calls: 1, windowSeconds: 3600 },
        { calls: 100, windowSeconds: 86_400 },
      ]
      await begin('s-1', quotas)
      given().clock.advance(1000)
      expect(await begin('s-1', quotas)).toEqual(refused(3_599_000))
    })

    test('refused calls do not count, nor do calls that had no quota', async () => {
      const quotas = [{ calls: 1, windowSeconds: 10 }]
      await ledger.intend(intent(call('s-1')))
      await begin('s-1', quotas)
      for (let i = 0; i < 5; i += 1) await begin('s-1', quotas)
      given().clock.advance(10_000)
      expect((await begin('s-1', quotas)).ok).toBe(true)
    })

    test('let in what a naive count lets in, and say the exact wait, whatever is used, given back and when', async () => {
      const limit = fc
        .record({
          calls: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
          costUsdCents: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
          windowSeconds: fc.integer({ min: 1, max: 4 }),
        })
        .map(
          ({ calls, costUsdCents, windowSeconds }): QuotaLimit => ({
            windowSeconds,
            ...(calls === undefined ? {} : { calls }),
            ...(costUsdCents === undefined ? {} : { costUsdCents }),
          }),
        )
      const step = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({ cost: fc.integer({ min: 0, max: 6 }), who: fc.nat(1) }),
        },
        { weight: 4, arbitrary: fc.record({ tick: fc.integer({ min: -400, max: 2500 }) }) },
        { weight: 1, arbitrary: fc.record({ giveBack: fc.nat(5) }) },
      )
      let run = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(limit, { minLength: 1, maxLength: 3 }),
          fc.array(step, { maxLength: 30 }),
          async (quotas, steps) => {
            run += 1
            const { clock } = given()
            // Whatever the run before left behind is of other principals.
            const principals = [`p-${run}-0`, `p-${run}-1`]
            let uses: (Use & { readonly of: ReturnType<typeof call>; readonly seq: number })[] = []
            let highest = clock.now()
            for (const one of steps) {
              highest = Math.max(highest, clock.now())
              if ('tick' in one) {
                // As far back as a clock may go.
                clock.set(Math.max(clock.now() + one.tick, highest - 5000))
              } else if ('giveBack' in one) {
                const use = uses[one.giveBack]
                if (use === undefined) continue
                await ledger.seal(seal(use.of, use.seq, { refund: true }))
                uses = uses.filter((other) => other !== use)
              } else {
                const principal = principals[one.who]!
                const attempt = { principal, cost: one.cost, quotas }
                const expected = waitOf(uses, attempt, clock.now())
                const of = call(principal)
                const entry = { principal, quotas, costUsdCents: one.cost }
                const result = await ledger.intend(intent(of, entry))
                if (expected !== null) expect(result).toEqual(refused(expected))
                else expect(result).toMatchObject({ ok: true })
                const seq = result.ok ? result.value.sessionSeq : 0
                if (result.ok) uses.push({ principal, at: clock.now(), cost: one.cost, of, seq })
              }
            }
            clock.set(highest + 20_000)
          },
        ),
        { numRuns: process.env['SLOW'] === '1' ? 1000 : 60 },
      )
    })
  })
}
