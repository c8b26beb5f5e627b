import { randomUUID } from 'node:crypto'
import type { AuditEvent, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditQuery } from '../../src/audit/audit-query.js'
import { readEvents } from '../../src/audit/read-events.js'
import type { Ledger, RecordEntry } from '../../src/ledger/port.js'
import { LEAVES_A_STEP } from '../../src/ledger/sqlite/leaf-walker.js'
import type { SqliteLedgerHandle } from '../../src/ledger/sqlite/open-ledger.js'
import { call, denial, intent, lease, note, seal } from '../ledger/entries.js'
import { type LedgerDir, ledgerDir } from '../ledger/sqlite-fixture.js'

const place: LedgerDir = ledgerDir()
let ledger: SqliteLedgerHandle
let all: readonly AuditEvent[]

const QUERY: AuditQuery = { equal: {}, limit: 1000 }
const TRACE = '11111111-1111-7111-8111-111111111111'

function act(type: 'admin' | 'policy' | 'revocation', body: JsonObject): RecordEntry {
  const traceId = `trace-${randomUUID()}`
  return { leaf: { type, id: traceId, body }, traceId }
}

/** A log with every kind of record, over more than one step and more than an hour. */
beforeAll(async () => {
  ledger = await place.open()
  for (let hour = 0; hour < 3; hour += 1) {
    const session = `s-${hour}`
    await ledger.issueLease(lease(session))
    for (let n = 1; n <= 3; n += 1) {
      const one = call(session)
      await ledger.intend(intent(one))
      place.clock.advance(7)
      await ledger.seal(seal(one, n * 2 - 1))
      await ledger.record(
        denial(session, {
          principal: 'agent-b',
          action_id: 'http_post',
          event_type: 'action_call',
        }),
      )
    }
    await ledger.record(act('admin', { event_type: 'admin_drain', operator: 'bob', text: 'x' }))
    await ledger.record(
      act('policy', { event_type: 'policy_grant', operator: 'b"ob\\', text: null }),
    )
    // An agent whose name is the operator's, and one who writes what looks like one.
    await ledger.record(denial(session, { principal: 'bob', reason: '"operator":"eve"' }))
    await ledger.record({
      leaf: {
        type: 'approval',
        id: randomUUID(),
        body: {
          event_type: 'approval_denied',
          decision: 'denied',
          approval_id: 'approval-1',
          operator: 'bob',
          principal: 'agent-a',
          session_id: session,
        },
      },
      traceId: TRACE,
    })
    const notes = Array.from({ length: 220 }, (_, i) => ledger.record(note({ i })))
    await Promise.all(notes)
    place.clock.advance(3_600_000)
  }
  all = (await readEvents(ledger, QUERY)).events
})

afterAll(() => place.remove())

test('the newest event comes first, each leaf once, and none is left out', () => {
  const indexes = all.map(({ leaf_index }) => leaf_index)
  expect(indexes).toEqual(indexes.toSorted((a, b) => b - a))
  expect(new Set(indexes).size).toBe(indexes.length)
  // Two keys; a lease, three executed and three denied calls, two acts, a denial, an approval, notes.
  expect(all.length).toBe(2 + 3 * (1 + 6 + 2 + 1 + 1 + 220))
  expect(ledger.size).toBeGreaterThan(LEAVES_A_STEP)
})

const member = fc.constantFrom('event_type', 'action_id', 'principal', 'session_id', 'decision')
const anyValue = fc.constantFrom(
  ...['', 'bob', 'eve', 'b"ob\\', 'agent-a', 'agent-b', 's-1', 'http_post', 'http_fetch'],
  ...['allow', 'deny', 'error', 'pending_approval', 'nonsense', 'admin_drain', 'action_call'],
  ...['approval_denied', 'unauthenticated_summary', 'log_key_added', 'lease_issued'],
)

function fits(query: AuditQuery, event: AuditEvent): boolean {
  if (query.after !== undefined && !(event.timestamp > query.after)) return false
  if (query.before !== undefined && !(event.timestamp < query.before)) return false
  return Object.entries(query.equal).every(
    ([name, value]) => ((event as Record<string, unknown>)[name] ?? '') === value,
  )
}

test('every value that an event has is found by it', async () => {
  const names = ['event_type', 'action_id', 'principal', 'session_id', 'decision'] as const
  for (const name of names) {
    for (const value of new Set(all.map((event) => event[name]))) {
      const query = { ...QUERY, equal: { [name]: value } }
      const { events } = await readEvents(ledger, query)
      expect([name, value, events]).toEqual([name, value, all.filter((one) => fits(query, one))])
    }
  }
})

test('every filter, and every combination, finds exactly the events that have the values', async () => {
  const traces = ['', TRACE, 'nope', String(all.at(20)?.trace_id)]
  const queries = fc.record(
    {
      equal: fc.oneof(
        fc.dictionary(member, anyValue, { maxKeys: 3 }),
        fc.record({ trace_id: fc.constantFrom(...traces) }),
        fc.record({ approval_id: fc.constantFrom('approval-1', 'approval', '') }),
      ),
      after: fc.constantFrom(...all.map(({ timestamp }) => timestamp)),
      before: fc.constantFrom(...all.map(({ timestamp }) => timestamp)),
    },
    { requiredKeys: ['equal'] },
  )
  await fc.assert(
    fc.asyncProperty(queries, async (given) => {
      const query = { ...given, limit: 1000 } as AuditQuery
      const { events } = await readEvents(ledger, query)
      expect(events).toEqual(all.filter((event) => fits(query, event)))
    }),
    { numRuns: 300 },
  )
})

test('pages of any size, whatever is passed in between, are the whole', async () => {
  const sizes = fc.record({
    limit: fc.integer({ min: 20, max: 400 }),
    maxLeaves: fc.integer({ min: 1, max: 1500 }),
    equal: fc.constantFrom<AuditQuery['equal']>({}, { principal: 'bob' }, { decision: 'deny' }),
  })
  await fc.assert(
    fc.asyncProperty(sizes, async ({ limit, maxLeaves, equal }) => {
      const expected = all.filter((event) => fits({ equal, limit }, event))
      expect(await pages(ledger, { equal, limit }, maxLeaves)).toEqual(expected)
      expect(await follow(ledger, { equal, limit, sinceIndex: -1 }, maxLeaves)).toEqual(
        expected.toReversed(),
      )
    }),
    { numRuns: 40 },
  )
})

async function pages(from: Ledger, query: AuditQuery, maxLeaves: number): Promise<AuditEvent[]> {
  const events: AuditEvent[] = []
  let cursor: number | undefined
  for (;;) {
    const next = cursor === undefined ? query : { ...query, cursor }
    const page = await readEvents(from, next, maxLeaves)
    expect(page.events.length).toBeLessThanOrEqual(query.limit)
    events.push(...page.events)
    if (page.next_cursor === undefined) return events
    cursor = Number(page.next_cursor)
  }
}

async function follow(from: Ledger, query: AuditQuery, maxLeaves: number): Promise<AuditEvent[]> {
  const events: AuditEvent[] = []
  let sinceIndex = query.sinceIndex ?? -1
  for (;;) {
    const page = await readEvents(from, { ...query, sinceIndex }, maxLeaves)
    expect(page.next_cursor).toBeUndefined()
    events.push(...page.events)
    sinceIndex = page.next_since_index ?? Number.NaN
    if (sinceIndex === page.newest_index) return events
  }
}

test('whoever asks for what comes after a record that does not exist yet misses nothing', async () => {
  const newest = ledger.size - 1
  const beyond = await readEvents(ledger, { ...QUERY, sinceIndex: newest + 50 })
  expect(beyond).toEqual({ events: [], newest_index: newest, next_since_index: newest })
  const here = await readEvents(ledger, { ...QUERY, sinceIndex: newest })
  expect(here).toEqual({ events: [], newest_index: newest, next_since_index: newest })
})

test('the event loop turns between the steps of a long walk', async () => {
  let turns = 0
  let isOver = false
  const spin = (): void => {
    turns += 1
    if (!isOver) setImmediate(spin)
  }
  setImmediate(spin)
  const answer = await readEvents(ledger, { ...QUERY, equal: { principal: 'nobody' } })
  isOver = true
  expect(answer).toEqual({ events: [], newest_index: ledger.size - 1 })
  // The last step ends the walk, so there is one turn less than steps.
  expect(turns).toBeGreaterThanOrEqual(Math.ceil(ledger.size / LEAVES_A_STEP) - 1)
  expect(turns).toBeGreaterThan(0)
})

test('a walk back in time ends where everything is earlier, and no step is longer than its bound', async () => {
  const seen: number[] = []
  const watched: Pick<Ledger, 'walk'> = {
    walk: async (step) => {
      const answer = await ledger.walk(step)
      seen.push(answer.passed)
      return answer
    },
  }
  const after = String(all[0]?.timestamp)
  const late = { ...QUERY, equal: { principal: 'nobody' }, after }
  const { next_cursor } = await readEvents(watched as Ledger, late)
  expect([next_cursor, seen]).toEqual([undefined, [LEAVES_A_STEP]])
  await readEvents(watched as Ledger, { ...QUERY, equal: { principal: 'nobody' } })
  expect(Math.max(...seen)).toBe(LEAVES_A_STEP)
})

test('one question passes a bounded part of the log, and says where the next one goes on', async () => {
  const nobody = { ...QUERY, equal: { principal: 'nobody' } }
  const newest = ledger.size - 1
  const first = await readEvents(ledger, nobody, LEAVES_A_STEP)
  const next_cursor = String(ledger.size - LEAVES_A_STEP)
  expect(first).toEqual({ events: [], newest_index: newest, next_cursor })
  const forward = await readEvents(ledger, { ...nobody, sinceIndex: -1 }, LEAVES_A_STEP)
  const next_since_index = LEAVES_A_STEP - 1
  expect(forward).toEqual({ events: [], newest_index: newest, next_since_index })
})

test('a record that a tolerated clock dates back does not end the search', async () => {
  const given = ledgerDir()
  const log = await given.open()
  const kept = await log.record(denial('s', { principal: 'agent-b' }))
  const after = new Date(given.clock.now() - 1).toISOString()
  given.clock.advance(-4_900)
  for (let n = 0; n < LEAVES_A_STEP; n += 1) void log.record(note({ n }))
  await log.record(note())
  const { events } = await readEvents(log, { equal: { principal: 'agent-b' }, limit: 10, after })
  expect(events.map(({ leaf_index }) => leaf_index)).toEqual([kept.index])
  await given.remove()
})

test('a receipt whose clock had gone back does not hide what is before it', async () => {
  const given = ledgerDir()
  const log = await given.open()
  const one = call('s')
  await log.issueLease(lease('s'))
  await log.intend(intent(one))
  const kept = await log.record(denial('s', { principal: 'agent-b' }))
  given.clock.advance(-3_600_000)
  for (let n = 0; n < LEAVES_A_STEP / 2; n += 1) {
    given.clock.advance(3_600_000)
    void log.record(note({ n }))
    given.clock.advance(-3_600_000)
  }
  await log.seal(seal(one, 1))
  given.clock.advance(3_600_000)
  for (let n = 0; n < LEAVES_A_STEP / 2; n += 1) void log.record(note({ n }))
  await log.record(note())
  const after = new Date(given.clock.now() - 60_000).toISOString()
  const { events } = await readEvents(log, { equal: { principal: 'agent-b' }, limit: 10, after })
  expect(events.map(({ leaf_index }) => leaf_index)).toEqual([kept.index])
  await given.remove()
})
