import { err, ok, type Result } from '@latchgate/protocol'
import { LedgerFault } from '../faults.js'
import type { Appended, Intended, IntendRefusal } from '../port.js'
import { type Outcome, STATUS } from './commands.js'

const INTEND_REFUSALS = [
  'grant_consumed',
  'replay_detected',
  'budget_exhausted',
  'budget_session_not_found',
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

/** Of an intent. Throws LedgerFault `commit_failed` for a status that no guard gives. */
export function intended(outcome: Outcome, size: number): Result<Intended, IntendRefusal> {
  const { status, index, callsRemaining } = outcome
  if (status === STATUS.ok) {
    return ok({ index, size, sessionSeq: outcome.sessionSeq ?? 0, callsRemaining })
  }
  const code = INTEND_REFUSALS.find((refusal) => STATUS[refusal] === status)
  if (code === undefined) throw new LedgerFault('commit_failed', `unknown status ${status}`)
  return err({ code })
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
