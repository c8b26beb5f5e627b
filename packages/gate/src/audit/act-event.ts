import type { Leaf, LeafType } from '@latchgate/evidence'
import { type EventMembers, eventBase, object, text, textOrNull } from './event-members.js'

/** Types of the records of what an operator did. Their operator is the event's principal and session. */
export const ACT_LEAVES: readonly LeafType[] = ['admin', 'policy', 'revocation', 'resolution']

/** Whether a leaf of this type records what an operator did. */
export function isActLeaf(type: LeafType): boolean {
  return ACT_LEAVES.includes(type)
}

/** What an operator did (spec/auth-and-evidence 19.3): detail as text, and for programs. */
export function operatorEvent(leaf: Leaf): EventMembers {
  const { body } = leaf
  const base = eventBase(leaf)
  const operator = text(body, 'operator')
  const detail = object(body, 'detail')
  return {
    ...base,
    event_type: base.event_type === '' ? leaf.type : base.event_type,
    principal: operator,
    session_id: operator,
    decision: 'allow',
    deny_reason: textOrNull(body, 'text'),
    ...(detail === null ? {} : { detail }),
  }
}
