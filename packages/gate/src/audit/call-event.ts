import type { Leaf } from '@latchgate/evidence'
import type { AuditDecision } from '@latchgate/protocol'
import { type EventMembers, eventBase, text, textOrNull } from './event-members.js'

const DECISIONS: ReadonlySet<string> = new Set<AuditDecision>([
  'allow',
  'allow_unverified',
  'deny',
  'pending_approval',
  'error',
])

/** The decision of a call, and a call that waits for a human (spec/auth-and-evidence 19.4). */
export function callEvent(leaf: Leaf): EventMembers {
  const base = { ...eventBase(leaf), event_type: 'action_call' }
  if (leaf.type === 'hold') return { ...base, decision: 'pending_approval' }
  const decision = text(leaf.body, 'decision')
  return {
    ...base,
    // A word of another version must never read as an allowed call.
    decision: DECISIONS.has(decision) ? (decision as AuditDecision) : 'error',
    deny_reason: textOrNull(leaf.body, 'deny_reason'),
  }
}

/** A lease that was issued; the only event that says how its subject was identified. */
export function leaseEvent(leaf: Leaf): EventMembers {
  const method = text(leaf.body, 'identity_method')
  return {
    ...eventBase(leaf),
    event_type: 'lease_issued',
    ...(method === '' ? {} : { identity_method: method }),
  }
}

/** A dispatched call of which nobody knows what became (notes/evidence 7). */
export function unknownEvent(leaf: Leaf): EventMembers {
  const reason = text(leaf.body, 'reason')
  return {
    ...eventBase(leaf),
    event_type: 'execution_unknown',
    decision: 'error',
    deny_reason: `outcome unknown: ${reason === '' ? 'no reason recorded' : reason}`,
  }
}
