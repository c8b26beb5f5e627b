import { type Leaf, LeafError, leafHash, parseLeaf } from '@latchgate/evidence'
import { type AuditEvent, encodeHex } from '@latchgate/protocol'
import { evidenceCrypto } from '../evidence-crypto.js'
import { isActLeaf, operatorEvent } from './act-event.js'
import { approvalEvent } from './approval-event.js'
import { callEvent, leaseEvent, unknownEvent } from './call-event.js'
import { type EventMembers, eventBase } from './event-members.js'
import { keyEvent, prunedEvent, summaryEvent } from './log-event.js'

/**
 * The audit event of a stored leaf (spec/http-api 12.2); null for one that is no event of its own:
 * the decision beside a receipt tells of intent and receipt. A leaf that cannot be read is an event
 * too: whoever damages a record must not make it disappear.
 */
export function storedEvent(index: number, bytes: Uint8Array): AuditEvent | null {
  const hash = encodeHex(leafHash(evidenceCrypto, bytes))
  let leaf: Leaf
  try {
    leaf = parseLeaf(bytes)
  } catch (error) {
    if (!(error instanceof LeafError)) throw error
    return finished({ ...eventBase(null), ...UNREADABLE }, index, hash)
  }
  return auditEvent(leaf, index, hash)
}

/** The audit event of a leaf at `index`, whose leaf hash is `hash` (hex); null where it is none. */
export function auditEvent(leaf: Leaf, index: number, hash: string): AuditEvent | null {
  const members = membersOf(leaf)
  return members === null ? null : finished(members, index, hash)
}

const UNREADABLE = {
  event_type: 'unreadable_record',
  decision: 'error',
  deny_reason: 'the record cannot be read: run `latchgate verify`',
} as const

function membersOf(leaf: Leaf): EventMembers | null {
  if (isActLeaf(leaf.type)) return operatorEvent(leaf)
  switch (leaf.type) {
    case 'decision':
    case 'hold':
      return callEvent(leaf)
    case 'lease':
      return leaseEvent(leaf)
    case 'unknown':
      return unknownEvent(leaf)
    case 'approval':
      return approvalEvent(leaf)
    case 'summary':
      return summaryEvent(leaf)
    case 'key_added':
    case 'key_retired':
    case 'key_revoked':
      return keyEvent(leaf)
    case 'pruned':
      return prunedEvent(leaf)
    default:
      return null
  }
}

function finished(members: EventMembers, index: number, hash: string): AuditEvent {
  return { ...members, leaf_index: index, leaf_hash: hash }
}
