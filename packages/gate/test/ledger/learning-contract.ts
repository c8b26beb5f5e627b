import { beforeEach, describe, expect, test } from 'vitest'
import type { Ledger } from '../../src/ledger/port.js'
import { approved, approvedSeal, call, freshProof, hold, learning } from './entries.js'
import type { LedgerUnderTest } from './ledger-contract.js'

/** What every ledger must do with rules that are learned at run time. */
export function learningContract(given: () => LedgerUnderTest): void {
  let ledger: Ledger

  beforeEach(() => {
    ledger = given().ledger
  })

  const changed = async (...entry: Parameters<typeof learning>): Promise<unknown> => {
    const result = await ledger.learn(learning(...entry))
    return result.ok ? result.value.changed : result.error
  }

  const values = async (): Promise<readonly string[]> =>
    (await ledger.learnedRules()).map((rule) => rule.value)

  describe('learn', () => {
    test('adds, removes and clears, says how many rules changed, and remembers', async () => {
      const path = { kind: 'path', actionId: 'fs_read' } as const
      expect(await changed('add', { value: 'a.example.com' })).toBe(1)
      expect(await changed('add', { value: 'b.example.com' })).toBe(1)
      expect(await changed('add', { value: 'a.example.com' })).toBe(0)
      // Whom it is for is a part of the rule.
      expect(await changed('add', { value: 'a.example.com', principal: 'agent-a' })).toBe(1)
      expect(await changed('add', { ...path, value: '/a/*' })).toBe(1)
      expect(await changed('add', { value: 'a.example.com', actionId: 'other' })).toBe(1)
      expect(await changed('remove', { value: 'c.example.com' })).toBe(0)
      expect(await changed('remove', { value: 'b.example.com' })).toBe(1)
      expect(await changed('clear', { kind: 'path' })).toBe(0)
      expect(await changed('clear', {})).toBe(2)
      ledger = await given().reopen()
      const rules = await ledger.learnedRules()
      expect(
        rules.map(({ kind, actionId, value, principal }) => [kind, actionId, value, principal]),
      ).toEqual([
        ['path', 'fs_read', '/a/*', '*'],
        ['domain', 'other', 'a.example.com', '*'],
      ])
      expect(rules[0]).toEqual({
        ...path,
        value: '/a/*',
        principal: '*',
        addedBy: 'olga',
        addedAt: new Date(given().clock.now()).toISOString(),
        source: 'api',
        approvalId: null,
      })
    })

    test.each([
      ['domain', 1000],
      ['path', 50],
    ] as const)('rules of kind %s end at %i an action', async (kind, most) => {
      const results = await Promise.all(
        Array.from({ length: most + 1 }, (_, i) =>
          ledger.learn(learning('add', { kind, value: `v-${i}` })),
        ),
      )
      expect(results.filter((result) => result.ok)).toHaveLength(most)
      expect(results.at(-1)).toEqual({ ok: false, error: { code: 'too_many_rules' } })
      // What is there already takes no room; another action has its own.
      expect(await changed('add', { kind, value: 'v-0' })).toBe(0)
      expect(await changed('add', { kind, value: 'x', actionId: 'other' })).toBe(1)
      expect(await changed('remove', { kind, value: 'v-0' })).toBe(1)
      expect(await changed('add', { kind, value: 'x' })).toBe(1)
    })

    test('that is refused leaves the proof usable; one that changes nothing has used it', async () => {
      for (let i = 0; i < 50; i += 1) await changed('add', { kind: 'path', value: `v-${i}` })
      const proof = freshProof()
      const full = { ...learning('add', { kind: 'path', value: 'x' }), proof }
      expect(await ledger.learn(full)).toEqual({ ok: false, error: { code: 'too_many_rules' } })
      const nothing = { ...learning('remove', { kind: 'path', value: 'x' }), proof }
      expect(await ledger.learn(nothing)).toMatchObject({ ok: true, value: { changed: 0 } })
      expect(await ledger.learn(nothing)).toEqual({
        ok: false,
        error: { code: 'replay_detected' },
      })
    })

    test('a seal keeps its receipt when there is no room for what it brings', async () => {
      for (let i = 0; i < 49; i += 1) await changed('add', { kind: 'path', value: `v-${i}` })
      const held = hold('s-1')
      await ledger.hold(held)
      const one = call('s-1')
      await ledger.intend(approved(held, one))
      const learn = ['last', 'too-many'].map((value) => learning('add', { kind: 'path', value }))
      await ledger.seal(approvedSeal(held, one, 2, { learn }))
      expect((await ledger.approval(held.approvalId))?.state).toBe('approved')
      expect(await values()).toContain('last')
      expect(await values()).not.toContain('too-many')
    })
  })
}
