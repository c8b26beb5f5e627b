import type { AlreadyDecidedResponse, JsonObject, Result } from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import type { OperatorContext } from '../auth/operator.js'
import { approvalSubject } from '../ledger/approval-subject.js'
import type {
  ApprovalRefusal,
  Decided,
  DecideEntry,
  LeafDraft,
  StoredApproval,
} from '../ledger/port.js'
import { ledgerFault, readLedger } from '../ledger-fault.js'
import type { Answer } from '../pipeline/call.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { failureOf, stateAt } from './state.js'

/** Reads an approval; refuses with `approval_not_found`. Throws a Fault while the ledger is away. */
export async function findApproval(
  services: Services,
  approvalId: string,
): Promise<Result<StoredApproval, Refusal>> {
  // The database would look for the part before a NUL.
  if (approvalId.includes('\0')) return { ok: false, error: refuse('approval_not_found') }
  const approval = await readLedger(services.ledger.approval(approvalId))
  if (approval !== undefined) return { ok: true, value: approval }
  return { ok: false, error: refuse('approval_not_found') }
}

/**
 * Whether an approval can still be decided. One that has ended answers 200 with what it became, as
 * published clients expect (spec/http-api 11.5); one that ended of itself, or is executing, is 409.
 */
export function openFor(
  services: Services,
  approval: StoredApproval,
): { readonly open: true } | { readonly open: false; readonly answer: Answer | Refusal } {
  switch (stateAt(approval, services.now())) {
    case 'pending':
      return { open: true }
    case 'claimed':
      return { open: false, answer: refuse('conflict', { message: EXECUTING }) }
    case 'expired':
      return { open: false, answer: refuse('approval_expired') }
    case 'revoked':
      return { open: false, answer: refuse('approval_revoked') }
    default:
      return { open: false, answer: alreadyDecided(approval) }
  }
}

const EXECUTING = 'Somebody has approved this, and it is being executed.'

/**
 * Commits a decision that begins nothing, and wakes those who wait for one. Refuses with what the
 * approval has become; throws a Fault when the record is not durable.
 */
export async function commitDecision(
  services: Services,
  entry: DecideEntry,
): Promise<Result<Decided, Refusal>> {
  try {
    const done = await services.ledger.decide(entry)
    if (!done.ok) return { ok: false, error: decisionRefusal(done.error) }
    services.approvalSignals.changed(entry.approvalId)
    return done
  } catch (error) {
    throw ledgerFault(error)
  }
}

// What a guard of the ledger says, in the words of the wire.
function decisionRefusal({
  code,
}: ApprovalRefusal | { readonly code: 'replay_detected' }): Refusal {
  if (code === 'approval_decided' || code === 'quorum_not_reached') return refuse('conflict')
  return refuse(code)
}

/** The record of a decision on an approval (notes/evidence 1). */
export function decisionLeaf(
  services: Services,
  approval: StoredApproval,
  decision: {
    readonly event: string
    readonly decision: 'granted' | 'vote' | 'denied' | 'failed'
    readonly operator: OperatorContext
    readonly members?: JsonObject
  },
): LeafDraft {
  const { operator, jkt, proof } = decision.operator
  return {
    type: 'approval',
    id: uuidv7(services.now()),
    body: {
      ...approvalSubject(approval.hold.body),
      event_type: decision.event,
      decision: decision.decision,
      operator,
      operator_authn_method: 'operator_dpop',
      operator_sender_binding: jkt,
      operator_proof_jti: proof.jti,
      ...decision.members,
      dev_mode: services.devMode,
    },
  }
}

function alreadyDecided(approval: StoredApproval): Answer {
  const { approvalId, state, end, hold } = approval
  const failure = failureOf(approval)
  const body: AlreadyDecidedResponse = {
    decision:
      state === 'approved'
        ? 'already_approved'
        : state === 'denied'
          ? 'already_denied'
          : 'already_failed',
    approval_id: approvalId,
    status: state,
    ...(end === null ? {} : { completed_at: end.time }),
    ...(end?.type === 'receipt' ? { receipt_id: String(end.body['receipt_id']) } : {}),
    ...(state === 'denied' ? { deny_reason: String(end?.body['reason']) } : {}),
    ...(failure === null ? {} : { error_code: failure.code }),
    trace_id: String(hold.body['trace_id']),
  }
  return { status: 200, body, headers: {} }
}
