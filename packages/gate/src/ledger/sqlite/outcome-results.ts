import { err, ok, type Result } from '@latchgate/protocol'
import { LedgerFault } from '../faults.js'
import type {
  Appended,
  ApprovalRefusal,
  CallRefusal,
  Decided,
  HoldRefusal,
  Intended,
  IntendRefusal,
} from '../port.js'
import { type Outcome, STATUS } from './commands.js'

const CALL_REFUSALS = [
  'replay_detected',
  'lease_revoked',
  'budget_exhausted',
  'budget_session_not_found',
] as const

const APPROVAL_REFUSALS = [
  'approval_not_found',
  'approval_decided',
  'approval_expired',
  'approval_revoked',
  'plan_hash_mismatch',
  'quorum_not_reached',
] as const

/** Of a record: it has no guard. `size` is that of the tree after the commit, here and below. */
export function appended(outcome: Outcome, size: number): Appended {
  return { index: outcome.index, size, sessionSeq: outcome.sessionSeq }
}

/** Of a record that uses up a proof: a lease, an act of an operator. */
export function proven(
  outcome: Outcome,
  size: number,
): Result<Appended, { readonly code: 'replay_detected' }> {
  return outcome.status === STATUS.replay_detected
    ? err({ code: 'replay_detected' })
    : ok(appended(outcome, size))
}

/** Of a lease. */
export function leased(
  outcome: Outcome,
  size: number,
): Result<Appended, { readonly code: 'replay_detected' | 'identity_token_used' }> {
  return outcome.status === STATUS.identity_token_used
    ? err({ code: 'identity_token_used' })
    : proven(outcome, size)
}

/** Of an intent. Throws LedgerFault `commit_failed` for a status that no guard gives. */
export function intended(outcome: Outcome, size: number): Result<Intended, IntendRefusal> {
  const { status, index, callsRemaining } = outcome
  if (status === STATUS.ok) {
    return ok({ index, size, sessionSeq: outcome.sessionSeq ?? 0, callsRemaining })
  }
  if (status === STATUS.grant_consumed) return err({ code: 'grant_consumed' })
  return err(callRefusal(outcome) ?? approvalRefusal(status) ?? unknownStatus(status))
}

/** Of a hold. Throws LedgerFault `commit_failed` for a status that no guard gives. */
export function held(
  outcome: Outcome,
  size: number,
): Result<Appended & { readonly sessionSeq: number }, HoldRefusal> {
  const { status, index, sessionSeq, extra } = outcome
  if (status === STATUS.ok) return ok({ index, size, sessionSeq: sessionSeq ?? 0 })
  if (status === STATUS.call_pending) return err({ code: 'call_pending', holdIndex: extra ?? -1 })
  if (status === STATUS.too_many_pending_approvals) {
    return err({ code: 'too_many_pending_approvals' })
  }
  return err(callRefusal(outcome) ?? unknownStatus(status))
}

/** Of a decision that begins nothing. */
export function decided(
  outcome: Outcome,
  size: number,
): Result<Decided, ApprovalRefusal | { readonly code: 'replay_detected' }> {
  const { status, extra } = outcome
  if (status === STATUS.ok) return ok({ ...appended(outcome, size), votes: extra ?? 0 })
  if (status === STATUS.replay_detected) return err({ code: 'replay_detected' })
  return err(approvalRefusal(status) ?? unknownStatus(status))
}

/** Of a revocation. */
export function revoked(
  outcome: Outcome,
  size: number,
): Result<Appended & { readonly approvals: number }, { readonly code: 'replay_detected' }> {
  const done = proven(outcome, size)
  return done.ok ? ok({ ...done.value, approvals: outcome.extra ?? 0 }) : done
}

/** Of a change of the learned rules. */
export function learned(
  outcome: Outcome,
  size: number,
): Result<
  Appended & { readonly changed: number },
  { readonly code: 'replay_detected' | 'too_many_rules' }
> {
  if (outcome.status === STATUS.too_many_rules) return err({ code: 'too_many_rules' })
  const done = proven(outcome, size)
  return done.ok ? ok({ ...done.value, changed: outcome.extra ?? 0 }) : done
}

function callRefusal({ status, extra }: Outcome): CallRefusal | undefined {
  if (status === STATUS.quota_exhausted) {
    return { code: 'quota_exhausted', retryAfterMs: extra ?? 0 }
  }
  const code = CALL_REFUSALS.find((refusal) => STATUS[refusal] === status)
  return code === undefined ? undefined : { code }
}

function approvalRefusal(status: number): ApprovalRefusal | undefined {
  const code = APPROVAL_REFUSALS.find((refusal) => STATUS[refusal] === status)
  return code === undefined ? undefined : { code }
}

function unknownStatus(status: number): never {
  throw new LedgerFault('commit_failed', `unknown status ${status}`)
}

/** Of a receipt. Throws LedgerFault `intent_not_found` or `already_sealed`. */
export function sealed(outcome: Outcome, size: number): Appended {
  if (outcome.status === STATUS.intent_not_found) {
    throw new LedgerFault('intent_not_found', 'there is no intent for the grant of this receipt')
  }
  if (outcome.status === STATUS.already_sealed) {
    throw new LedgerFault('already_sealed', 'the grant of this receipt has another outcome')
  }
  return appended(outcome, size)
}
