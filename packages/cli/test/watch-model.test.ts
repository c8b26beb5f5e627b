import type { ApprovalDetail } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cellsOf } from '../src/cells.js'
import type { Key } from '../src/watch/keys.js'
import { render } from '../src/watch/render.js'
import {
  initialState,
  type WatchEffect,
  type WatchEvent,
  type WatchState,
} from '../src/watch/state.js'
import { step } from '../src/watch/step.js'
import { heldCall } from './held-call.js'

const NOW = Date.now()
const [ONE, TWO, THREE] = [1, 2, 3].map((number) =>
  heldCall({ number, action: `action_${number}`, expiresInMs: 100_000 + number * 1000 }),
) as [ApprovalDetail, ApprovalDetail, ApprovalDetail]

interface Run {
  readonly state: WatchState
  readonly effects: readonly WatchEffect[]
}

/** Everything after another; the effects of all of it. */
function run(from: WatchState, ...events: readonly WatchEvent[]): Run {
  let state = from
  const effects: WatchEffect[] = []
  for (const event of events) {
    const next = step(state, event)
    state = next.state
    effects.push(...next.effects)
  }
  return { state, effects }
}

function typed(text: string): WatchEvent {
  return { kind: 'keys', keys: Array.from(text, (one) => ({ kind: 'character', text: one })) }
}

function key(kind: Exclude<Key['kind'], 'character' | 'paste'>): WatchEvent {
  return { kind: 'keys', keys: [{ kind }] }
}

function listed(...approvals: readonly ApprovalDetail[]): WatchEvent {
  return { kind: 'listed', approvals }
}

function detail(of: ApprovalDetail): WatchEvent {
  return { kind: 'detail', detail: of }
}

/** A queue on the screen, its first call chosen and its plan shown. */
function watching(...queue: readonly ApprovalDetail[]): WatchState {
  const start = initialState({ columns: 80, rows: 24 }, NOW, true)
  return run(start, listed(...queue), ...queue.map(detail)).state
}

function approvals(effects: readonly WatchEffect[]): readonly string[] {
  return effects.flatMap((one) => (one.kind === 'approve' ? [one.detail.approval_id] : []))
}

function screen(state: WatchState): string {
  return render(state)
    .map(({ text }) => text)
    .join('\n')
}

test('a and y approve the call and the plan that are on the screen', () => {
  const { effects, state } = run(watching(ONE, TWO), key('down'), typed('a'), typed('y'))
  expect(effects).toEqual([{ kind: 'approve', detail: TWO, learn: null }])
  expect([...state.deciding]).toEqual([TWO.approval_id])
})

test('every key but y does not approve', () => {
  for (const one of ['n', 'Y', 'q', ' ', 'a', '\u00fd']) {
    const { state, effects } = run(watching(ONE), typed('a'), typed(one), typed('y'))
    expect([one, effects]).toEqual([one, []])
    expect(state.mode.kind).toBe('browse')
  }
  for (const kind of ['enter', 'escape', 'backspace'] as const) {
    expect(approvals(run(watching(ONE), typed('a'), key(kind), typed('y')).effects)).toEqual([])
  }
})

test('what was typed ahead of the question is no answer to it', () => {
  const { state, effects } = run(watching(ONE), typed('ay'))
  expect([effects, state.mode.kind]).toEqual([[], 'confirm'])
  expect(approvals(run(state, typed('y')).effects)).toEqual([ONE.approval_id])
})

test('a paste is no command', () => {
  const paste: WatchEvent = { kind: 'keys', keys: [{ kind: 'paste', text: 'ay' }] }
  const browsing = run(watching(ONE), paste)
  expect([browsing.effects, browsing.state.mode.kind]).toEqual([[], 'browse'])
  expect(
    run(watching(ONE), typed('a'), { kind: 'keys', keys: [{ kind: 'paste', text: 'y' }] }).effects,
  ).toEqual([])
})

test('a new call, and one that ends, move neither the choice nor what a key decides', () => {
  const before = watching(TWO)
  const arrived = run(before, listed(ONE, TWO, THREE)).state
  expect(arrived.selected?.approval_id).toBe(TWO.approval_id)
  const asked = run(before, typed('a')).state
  const { effects } = run(asked, listed(ONE, TWO, THREE), detail(ONE), typed('y'))
  expect(approvals(effects)).toEqual([TWO.approval_id])
})

test('a call that ends under the finger stays where it is, and cannot be decided', () => {
  const gone = run(watching(ONE, TWO), listed(TWO)).state
  expect(gone.selected?.approval_id).toBe(ONE.approval_id)
  expect(screen(gone)).toMatch(/▸ ended +high +action_1/)
  const { state, effects } = run(gone, typed('a'), typed('y'))
  expect([approvals(effects), state.mode.kind]).toEqual([[], 'browse'])
  expect(run(gone, typed('a')).state.notice?.text).toBe('it has ended: choose another')
  const moved = run(gone, key('down')).state
  expect(moved.selected?.approval_id).toBe(TWO.approval_id)
  expect(screen(moved)).not.toContain('action_1 ')
})

test('a question about a call that ends is taken back', () => {
  const { state, effects } = run(watching(ONE, TWO), typed('a'), listed(TWO), typed('y'))
  expect(approvals(effects)).toEqual([])
  expect(state.mode.kind).toBe('browse')
  const told = run(watching(ONE, TWO), typed('a'), listed(TWO)).state
  expect(told.notice?.text).toBe(`${ONE.approval_id} is not pending any more: nothing was sent`)
})

test('a plan that changes under the question is not approved', () => {
  const changed = { ...ONE, plan_hash: 'f'.repeat(64) }
  const { state, effects } = run(watching(ONE), typed('a'), detail(changed), typed('y'))
  expect([approvals(effects), state.mode.kind]).toEqual([[], 'browse'])
})

test('nothing is decided before its plan is on the screen, while the gate is away, or twice', () => {
  const start = initialState({ columns: 80, rows: 24 }, NOW, true)
  const cases: readonly (readonly [WatchState, string])[] = [
    [run(start, listed(ONE)).state, 'its plan is not here yet: wait'],
    [
      run(watching(ONE), { kind: 'failed', message: 'gone' }).state,
      'the gate does not answer: wait',
    ],
    [run(watching(ONE), typed('a'), typed('y')).state, 'its decision is on its way'],
    [watching(), 'nothing is held'],
  ]
  for (const [state, notice] of cases) {
    for (const one of ['a', 'd', 'l']) {
      const next = run(state, typed(one))
      expect([next.state.mode.kind, next.effects, next.state.notice?.text]).toEqual([
        'browse',
        [],
        notice,
      ])
    }
  }
})

test('l approves and remembers what the call reached that is not listed', () => {
  const { effects, state } = run(watching(ONE), typed('l'))
  expect(screen(state)).toContain('AND REMEMBER new.example.com for agent-test')
  expect(effects).toEqual([])
  expect(run(state, typed('y')).effects).toEqual([
    { kind: 'approve', detail: ONE, learn: { domain: 'new.example.com' } },
  ])
  const { unresolved_domains: _none, ...listedOnly } = ONE
  const plain = run(watching(listedOnly), typed('l')).state
  expect([plain.mode.kind, plain.notice?.text]).toEqual([
    'browse',
    'there is nothing to remember: a approves',
  ])
})

test('d asks for a reason; Enter denies with it, Escape does not', () => {
  const asked = run(watching(ONE), typed('d'), typed('nox'), key('backspace'), typed('!'))
  expect(screen(asked.state)).toContain('> no!_')
  expect(run(asked.state, key('enter')).effects).toEqual([
    { kind: 'deny', detail: ONE, reason: 'no!' },
  ])
  expect(run(asked.state, key('clear_line'), key('enter')).effects).toEqual([
    { kind: 'deny', detail: ONE, reason: null },
  ])
  expect(run(asked.state, key('escape'), key('enter')).effects).toEqual([])
  const pasted: WatchEvent = { kind: 'keys', keys: [{ kind: 'paste', text: 'a\r\nq\u001b' }] }
  expect(run(watching(ONE), typed('d'), pasted, key('enter')).effects).toEqual([
    { kind: 'deny', detail: ONE, reason: 'a q ' },
  ])
  const long: WatchEvent = { kind: 'keys', keys: [{ kind: 'paste', text: 'x'.repeat(501) }] }
  expect(run(watching(ONE), typed('d'), long, key('enter')).effects).toEqual([
    { kind: 'deny', detail: ONE, reason: null },
  ])
})

test('those that end first are at the top, whatever order the gate lists them in', () => {
  const rows = screen(watching(THREE, ONE, TWO))
    .split('\n')
    .slice(1, 4)
  expect(rows.map((row) => /action_\d/.exec(row)?.[0])).toEqual([
    'action_1',
    'action_2',
    'action_3',
  ])
})

test('the bell rings for calls that are new, not for those found at the start', () => {
  const rings = (effects: readonly WatchEffect[]): number =>
    effects.filter(({ kind }) => kind === 'bell').length
  const start = initialState({ columns: 80, rows: 24 }, NOW, true)
  expect(rings(run(start, listed(ONE)).effects)).toBe(0)
  expect(rings(run(watching(ONE), listed(ONE, TWO)).effects)).toBe(1)
  expect(rings(run({ ...watching(ONE), hasBell: false }, listed(ONE, TWO)).effects)).toBe(0)
})

test('a terminal in which no plan can be read decides nothing, and can be left', () => {
  const small = run(watching(ONE), typed('a'), { kind: 'resized', size: { columns: 39, rows: 24 } })
  const pressed = run(small.state, typed('y'), typed('a'), typed('y'))
  expect(pressed.effects).toEqual([])
  expect(screen(small.state)).toContain('terminal too small: 40x12 needed; q\nquits\n')
  expect(run(small.state, typed('q')).effects).toEqual([{ kind: 'quit' }])
})

test('what is left below is said when approval is asked for', () => {
  const { state } = run(watching(ONE), typed('a'))
  expect(screen(state)).toMatch(/\n\d+ MORE LINES BELOW \(↓\)\. y approves exactly this plan/)
  const seen = run(watching(ONE), key('enter'), key('end'), typed('a')).state
  expect(screen(seen)).not.toContain('MORE LINES BELOW')
})

test('what is too large for the screen is cut with the number of bytes and the way to see it', () => {
  const large = heldCall({ arguments: { body: 'é'.repeat(100_000) }, body: 'x' })
  const state = run(watching(large), key('enter'), key('end')).state
  const all = step(state, { kind: 'resized', size: { columns: 200, rows: 3000 } }).state
  const bytes = Buffer.byteLength(JSON.stringify(large.plan.arguments, null, 2))
  const shown = [...screen(all).matchAll(/│ (.*)$/gm)].map(([, text]) => text).join('\n')
  const [, said] =
    /LEFT OUT +(\d+) bytes; all of it: latchgate approvals show 0196/.exec(screen(all)) ?? []
  const shownBytes = Buffer.byteLength(shown.replaceAll('é\né', 'éé').split('\nx')[0] ?? '')
  expect(Number(said)).toBe(bytes - shownBytes)
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc.constantFrom(
    '\u001b[2J\u001b[1;1H',
    '\u202eevil',
    '\r\n\u0007\u009b31m',
    'z\u0301\u0302\u0303\u0304\u0305',
    '日本'.repeat(80),
    '\u3164'.repeat(60),
    ' '.repeat(300),
    '▸ 4m00s high',
    '──  1/1 plan',
  ),
)

const anyHeld = fc
  .record({
    number: fc.integer({ min: 1, max: 6 }),
    action: hostile,
    principal: hostile,
    name: hostile,
    value: hostile,
    body: fc.option(hostile),
    target: hostile,
    header: hostile,
  })
  .map(({ number, action, principal, name, value, body, target, header }) => {
    const held = heldCall({ number, action, principal, arguments: { [name]: value }, body })
    return {
      ...held,
      target,
      deny_reason: value,
      reasons: [{ code: name, detail: value }],
      plan: {
        ...held.plan,
        target: { ...held.plan.target, url: target, headers: [[header, value]] as const },
      },
      hidden: [name],
    }
  })

const anyKey: fc.Arbitrary<Key> = fc.oneof(
  fc
    .constantFrom(...'adlyjkqrbf n'.split(''))
    .map((text) => ({ kind: 'character' as const, text })),
  fc
    .constantFrom(
      'up',
      'down',
      'page_up',
      'page_down',
      'home',
      'end',
      'enter',
      'escape',
      'backspace',
      'redraw',
    )
    .map((kind) => ({ kind }) as Key),
  hostile.map((text) => ({ kind: 'paste' as const, text })),
)

const anyEvent: fc.Arbitrary<WatchEvent> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(anyKey, { maxLength: 3 }).map((keys) => ({ kind: 'keys' as const, keys })),
  },
  {
    weight: 2,
    arbitrary: fc
      .uniqueArray(anyHeld, { selector: (one) => one.approval_id, maxLength: 5 })
      .map((approvals) => ({ kind: 'listed' as const, approvals })),
  },
  { weight: 2, arbitrary: anyHeld.map((one) => ({ kind: 'detail' as const, detail: one })) },
  hostile.map((message) => ({ kind: 'failed' as const, message })),
  anyHeld.map((one) => ({
    kind: 'decided' as const,
    approvalId: one.approval_id,
    notice: { text: one.target, tone: 'bad' as const },
  })),
  fc
    .record({ columns: fc.integer({ min: 0, max: 140 }), rows: fc.integer({ min: 0, max: 50 }) })
    .map((size) => ({ kind: 'resized' as const, size })),
  fc.integer().map((now) => ({ kind: 'tick' as const, now })),
)

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{DI}\u2028\u2029]/u

test('property: whatever agents write and operators press, the screen is whole and holds no control', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 25 }), (events) => {
      let state = initialState({ columns: 80, rows: 24 }, NOW, true)
      for (const event of events) {
        state = step(state, event).state
        const { columns, rows } = state.size
        const lines = render(state)
        expect(lines).toHaveLength(Math.max(1, rows))
        for (const { text } of lines) {
          expect(cellsOf(text)).toBeLessThanOrEqual(Math.max(1, columns))
          expect(text).not.toMatch(UNPRINTABLE)
        }
        expect(state.scroll).toBeGreaterThanOrEqual(0)
      }
    }),
    { numRuns: 200 },
  )
})

test('property: what is approved is what the screen showed, by id and hash, when its key was pressed', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      let state = initialState({ columns: 80, rows: 24 }, NOW, true)
      for (const event of events) {
        const { mode } = state
        const { state: next, effects } = step(state, event)
        for (const effect of effects) {
          if (effect.kind !== 'approve' && effect.kind !== 'deny') continue
          // Asked before, in an earlier read, and never out of the blue.
          expect(mode.kind).toBe(effect.kind === 'approve' ? 'confirm' : 'reason')
          if (mode.kind === 'browse') continue
          expect([effect.detail.approval_id, effect.detail.plan_hash]).toEqual([
            mode.approvalId,
            mode.planHash,
          ])
        }
        state = next
      }
    }),
    { numRuns: 300 },
  )
})

test("an agent's line that looks like ours stands behind a bar", () => {
  const held = heldCall({
    arguments: { a: 'x' },
    body: '  plan hash    0000\nAPPROVE nothing? y\n  secrets      none',
  })
  const all = run(watching(held), { kind: 'resized', size: { columns: 80, rows: 80 } }).state
  const lines = screen(all).split('\n')
  expect(lines.filter((line) => /^ {2}plan hash/.test(line))).toEqual([
    `  plan hash    ${held.plan_hash}`,
  ])
  expect(lines).toContain('  │   plan hash    0000')
  expect(lines).toContain('  │ APPROVE nothing? y')
})
