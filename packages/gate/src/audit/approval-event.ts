import type { Leaf } from '@latchgate/evidence'
import { sanitizeText } from '@latchgate/protocol'
import { type EventMembers, eventBase, text } from './event-members.js'

/** What became of a held call: granted, voted for, denied, expired or failed. */
export function approvalEvent(leaf: Leaf): EventMembers {
  const { body } = leaf
  const base = eventBase(leaf)
  const outcome = text(body, 'decision')
  const operator = text(body, 'operator')
  const isFor = outcome === 'granted' || outcome === 'vote'
  return {
    ...base,
    event_type: base.event_type === '' ? `approval_${outcome}` : base.event_type,
    // Whatever is not plainly in favour is against.
    decision: isFor ? 'allow' : 'deny',
    deny_reason: isFor ? null : sanitizeText(reasonAgainst(leaf, outcome), 500),
    // Also of a denial (spec/auth-and-evidence 19.1).
    ...(operator === '' ? {} : { approved_by: operator }),
  }
}

function reasonAgainst({ body }: Leaf, outcome: string): string {
  const id = text(body, 'approval_id')
  const said = text(body, 'reason') || text(body, 'code')
  if (outcome === 'denied') return `denied via ${id}: ${said === '' ? 'operator_denied' : said}`
  const what = outcome === 'expired' ? `approval ${id} expired` : `approval ${id} failed`
  return said === '' ? what : `${what}: ${said}`
}
