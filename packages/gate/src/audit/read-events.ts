import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditEvent, AuditEventsBody } from '@latchgate/protocol'
import type { LeafStep, Ledger } from '../ledger/port.js'
import { readLedger } from '../ledger-fault.js'
import { storedEvent } from './audit-event.js'
import type { AuditQuery } from './audit-query.js'
import { isAskedFor, leafFilterOf } from './leaf-filter.js'

/** Records that one question passes at most; what lies beyond is the next question's. */
const MAX_LEAVES = 50_000

/**
 * Answers a question about audit events, a bounded step of the log in every turn of the event loop:
 * calls go on meanwhile. A walk that ends early says where to continue. Pages neither overlap nor
 * leave anything out, because a record keeps its index. Throws a Fault while the ledger is away.
 */
export async function readEvents(
  ledger: Ledger,
  query: AuditQuery,
  maxLeaves: number = MAX_LEAVES,
): Promise<AuditEventsBody> {
  const towards = query.sinceIndex === undefined ? 'older' : 'newer'
  const filter = leafFilterOf(query)
  const events: AuditEvent[] = []
  let from = query.sinceIndex ?? query.cursor
  let newest: number | undefined
  let passed = 0
  for (;;) {
    const walk = { towards, filter, ...(from === undefined ? {} : { from }) } as const
    const step = await readLedger(ledger.walk(walk))
    newest ??= step.newest
    const taken = takeEvents(step, query, events)
    passed += step.passed
    from = taken ?? step.from
    const isDone = step.done && taken === null
    if (isDone || events.length === query.limit || passed >= maxLeaves) {
      return answer(query, events, { newest, from, isDone })
    }
    await nextTurn()
  }
}

// Index of the leaf whose event filled the page, when more leaves of the step were left.
function takeEvents(step: LeafStep, query: AuditQuery, events: AuditEvent[]): number | null {
  for (const [at, { index, bytes }] of step.leaves.entries()) {
    const event = storedEvent(index, bytes)
    if (event === null || !isAskedFor(query, event)) continue
    events.push(event)
    if (events.length === query.limit) return at === step.leaves.length - 1 ? null : index
  }
  return null
}

function answer(
  query: AuditQuery,
  events: readonly AuditEvent[],
  end: { readonly newest: number; readonly from: number; readonly isDone: boolean },
): AuditEventsBody {
  const { newest, from, isDone } = end
  if (query.sinceIndex !== undefined)
    return { events, newest_index: newest, next_since_index: from }
  return { events, newest_index: newest, ...(isDone ? {} : { next_cursor: String(from) }) }
}
