import type { LeafType } from '@latchgate/evidence'
import { type AuditEvent, canonicalize } from '@latchgate/protocol'
import type { LeafFilter } from '../ledger/port.js'
import { ACT_LEAVES } from './act-event.js'
import type { AuditQuery } from './audit-query.js'

/** Types of the leaves that are events. */
const EVENT_LEAVES: readonly LeafType[] = [
  'lease',
  'decision',
  'hold',
  'approval',
  'unknown',
  ...ACT_LEAVES,
  'key_added',
  'key_retired',
  'key_revoked',
  'pruned',
  'summary',
]

/**
 * Which leaves can hold an event that was asked for. It may let others through, which `isAskedFor`
 * then stops, but never leaves one out: the log says what is an event, not its columns.
 */
export function leafFilterOf(query: AuditQuery): LeafFilter {
  const { trace_id, action_id, principal, session_id, decision, approval_id } = query.equal
  const types = EVENT_LEAVES.filter(
    (type) => mayBeOfType(type, query.equal.event_type) && mayDecide(type, decision),
  )
  return {
    types,
    // What an event does not have is empty text; the column is null then.
    ...(trace_id ? { traceId: trace_id } : {}),
    ...(action_id ? { actionId: action_id } : {}),
    ...(principal ? { principal } : {}),
    ...(session_id ? { sessionId: session_id } : {}),
    ...(decision === undefined || decision === 'error' ? {} : { decision }),
    ...(query.after === undefined ? {} : { after: query.after }),
    ...(query.before === undefined ? {} : { before: query.before }),
    ...(approval_id ? { containing: memberBytes('approval_id', approval_id) } : {}),
  }
}

/** Whether the event has every value that was asked for. */
export function isAskedFor(query: AuditQuery, event: AuditEvent): boolean {
  if (query.after !== undefined && event.timestamp <= query.after) return false
  if (query.before !== undefined && event.timestamp >= query.before) return false
  return Object.entries(query.equal).every(
    ([member, value]) => (event[member as keyof AuditEvent] ?? '') === value,
  )
}

function mayBeOfType(type: LeafType, eventType: string | undefined): boolean {
  if (eventType === undefined || eventType === 'unreadable_record') return true
  switch (type) {
    case 'decision':
    case 'hold':
      return eventType === 'action_call'
    case 'lease':
      return eventType === 'lease_issued'
    case 'unknown':
      return eventType === 'execution_unknown'
    case 'summary':
      return eventType === 'unauthenticated_summary'
    case 'pruned':
      return eventType === 'log_pruned'
    case 'approval':
      return eventType.startsWith('approval_')
    case 'key_added':
    case 'key_retired':
    case 'key_revoked':
      return eventType.endsWith(`_${type}`)
    default:
      return true
  }
}

function mayDecide(type: LeafType, decision: string | undefined): boolean {
  if (decision === undefined || decision === 'error') return true
  switch (type) {
    case 'decision':
      return decision !== 'pending_approval'
    case 'hold':
      return decision === 'pending_approval'
    case 'approval':
      return decision === 'allow' || decision === 'deny'
    case 'summary':
      return decision === 'deny'
    case 'unknown':
      return false
    default:
      return decision === 'allow'
  }
}

// Canonical JSON has one way to write a member.
function memberBytes(member: string, value: string): Uint8Array {
  return Buffer.from(`${canonicalize(member)}:${canonicalize(value)}`)
}
