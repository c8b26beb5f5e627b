import type { AuditEventsBody } from '@latchgate/protocol'
import { InvalidArgumentError } from 'commander'

/** Filters of `latchgate audit`, as they are sent. */
export interface AuditFilters {
  readonly action?: string
  readonly principal?: string
  readonly decision?: string
  readonly after?: string
  readonly before?: string
  readonly traceId?: string
  readonly sessionId?: string
  readonly eventType?: string
  readonly approvalId?: string
}

/** Where in the log one question begins. */
export interface AuditPlace {
  readonly limit: number
  readonly cursor?: string
  readonly sinceIndex?: number
}

/** Asks the gate one question; rejects with a CommandFailure. */
export type AskEvents = (place: AuditPlace) => Promise<AuditEventsBody>

/** Events that the gate gives at most in one answer. */
export const PAGE_EVENTS = 1000

/** What is asked, in the names of the gate (spec/http-api 12.2). */
export function eventsQuery(
  filters: AuditFilters,
  place: AuditPlace,
): Readonly<Record<string, string | number | undefined>> {
  return {
    limit: place.limit,
    action_id: filters.action,
    principal: filters.principal,
    decision: filters.decision,
    after: filters.after,
    before: filters.before,
    trace_id: filters.traceId,
    session_id: filters.sessionId,
    event_type: filters.eventType,
    approval_id: filters.approvalId,
    cursor: place.cursor,
    since_index: place.sinceIndex,
  }
}

/** Pages from the newest event backwards, until there are `limit` events, or no more. */
export async function* newestPages(
  ask: AskEvents,
  limit: number,
): AsyncGenerator<AuditEventsBody, void> {
  let left = limit
  let cursor: string | undefined
  do {
    const place = { limit: Math.min(left, PAGE_EVENTS) }
    const page = await ask(cursor === undefined ? place : { ...place, cursor })
    left -= page.events.length
    cursor = page.next_cursor
    yield page
  } while (left > 0 && cursor !== undefined)
}

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * A time as the gate reads it: RFC 3339 as it is, a day as its midnight in UTC, `90m` as that long
 * before `nowMs`. Throws commander's InvalidArgumentError.
 */
export function timeArgument(given: string, nowMs: number = Date.now()): string {
  const [, amount, unit = ''] = /^(\d{1,6})([smhdw])$/.exec(given) ?? []
  if (amount !== undefined) {
    return new Date(Math.max(0, nowMs - Number(amount) * (UNITS[unit] ?? 0))).toISOString()
  }
  const time = /^\d{4}-\d{2}-\d{2}$/.test(given) ? `${given}T00:00:00Z` : given
  const isTime = /^\d{4}-\d{2}-\d{2}[Tt][\d:]{8}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(time)
  if (isTime && !Number.isNaN(Date.parse(time.toUpperCase()))) return time
  throw new InvalidArgumentError('Write 2026-03-01T10:00:00Z, 2026-03-01, or 90m, 1h, 2d, 1w ago.')
}

/** How many events. Throws commander's InvalidArgumentError. */
export function limitArgument(given: string): number {
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given)
  throw new InvalidArgumentError('Write a whole number from 1 on.')
}
