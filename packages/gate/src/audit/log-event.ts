import type { Leaf } from '@latchgate/evidence'
import { sanitizeText } from '@latchgate/protocol'
import { type EventMembers, eventBase, object, text } from './event-members.js'

/** What happened before anybody was known, counted: nobody's, so a denial of nobody. */
export function summaryEvent(leaf: Leaf): EventMembers {
  const counts = object(leaf.body, 'unauthenticated') ?? {}
  const listed = Object.entries(counts).map(([kind, count]) => `${kind}=${String(count)}`)
  return {
    ...eventBase(leaf),
    event_type: 'unauthenticated_summary',
    decision: 'deny',
    deny_reason: sanitizeText(listed.join(' '), 500),
    detail: { unauthenticated: counts },
  }
}

/** A key was added, retired or revoked: `receipt_key_added`, `log_key_retired` and so on. */
export function keyEvent(leaf: Leaf): EventMembers {
  const { body } = leaf
  const purpose = text(body, 'purpose')
  return {
    ...eventBase(leaf),
    event_type: `${purpose === '' ? 'unknown' : purpose}_${leaf.type}`,
    deny_reason: `kid=${text(body, 'kid')}`,
  }
}

/** Old records were taken out of the file; the log still covers them. */
export function prunedEvent(leaf: Leaf): EventMembers {
  return { ...eventBase(leaf), event_type: 'log_pruned', detail: leaf.body }
}
