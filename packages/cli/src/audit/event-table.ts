import type { AuditEvent, Json } from '@latchgate/protocol'
import { cellText, fitCells, padCells, wrapCells } from '../cells.js'

const TIME_WIDTH = 19
const DECISION_WIDTH = 8
const EVENT_WIDTH = 30
const PRINCIPAL_WIDTH = 32
const REASON_INDENT = 7

/** The line above the rows. */
export const HEADER: string = row('time (UTC)', 'decision', 'what', 'principal')

/** Rows of a table, of fixed columns so that later ones fit under them; `width` null: as wide as need be. */
export function eventRows(events: readonly AuditEvent[], width: number | null): readonly string[] {
  return events.flatMap((event) => {
    const line = row(
      cellText(event.timestamp.slice(0, TIME_WIDTH)),
      shownDecision(event.decision),
      cellText(whatHappened(event)),
      fitCells(cellText(event.principal), PRINCIPAL_WIDTH),
    )
    const reason = eventReason(event) ?? byWhom(event)
    const shown = width === null ? line : fitCells(line, width)
    return [shown, ...(reason === null ? [] : reasonLines(cellText(reason), width))]
  })
}

/** How many there were, and whether there are more. */
export function tableFooter(count: number, hasMore: boolean): string {
  const counted = count === 1 ? '1 event' : `${count} events`
  return `  ${counted}${hasMore ? '; there are older ones: a larger --limit shows them' : ''}`
}

/** Why, in one line; null for an event that has no reason. */
export function eventReason({ deny_reason, reasons }: AuditEvent): string | null {
  if (deny_reason !== null && deny_reason !== '') return deny_reason
  if (reasons === undefined || reasons.length === 0) return null
  return reasons.map(reasonText).join('; ')
}

// An approval is a row of the agent's call: whose decision it was stands nowhere else in it.
function byWhom({ approved_by: operator }: AuditEvent): string | null {
  return operator === undefined ? null : `by ${operator}`
}

function reasonText(reason: Json): string {
  if (typeof reason !== 'object' || reason === null || Array.isArray(reason)) return String(reason)
  const { code, detail } = reason as { readonly code?: Json; readonly detail?: Json }
  return [code, detail].filter((part) => typeof part === 'string').join(': ')
}

function whatHappened({ event_type, action_id }: AuditEvent): string {
  if (action_id === '') return event_type
  return event_type === 'action_call' ? action_id : `${event_type} ${action_id}`
}

function shownDecision(decision: string): string {
  if (decision === 'allow_unverified') return 'allow⚠'
  return decision === 'pending_approval' ? 'pending' : cellText(decision)
}

function row(time: string, decision: string, what: string, principal: string): string {
  const cells = [
    padCells(time, TIME_WIDTH),
    padCells(decision, DECISION_WIDTH),
    padCells(what, EVENT_WIDTH),
    principal,
  ]
  return `  ${cells.join('  ')}`.trimEnd()
}

// A reason is what an operator came for: it is folded, not cut off.
function reasonLines(reason: string, width: number | null): readonly string[] {
  const room = width === null ? Number.POSITIVE_INFINITY : Math.max(20, width - REASON_INDENT)
  return wrapCells(reason, room).map((part, i) => {
    const indent = i === 0 ? '    └─ ' : ' '.repeat(REASON_INDENT)
    return `${indent}${part}`
  })
}
