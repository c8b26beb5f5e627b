import type { Receipt } from '@latchgate/evidence'
import { type ErrorBody, type ExecuteResponse, isErrorCode } from '@latchgate/protocol'
import type { StoredApproval } from '../ledger/port.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { isSatisfied } from '../pipeline/receipt.js'
import { refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { failureOf, stateAt } from './state.js'
import { outputOf, revokedReason } from './view.js'

/**
 * What came of an approved call, as `execute` would have answered it (design 9); otherwise why there
 * is nothing, with a code of its own for each end.
 */
export async function resultAnswer(
  services: Services,
  approval: StoredApproval,
  traceId: string,
): Promise<Answer> {
  const { hold, end } = approval
  const principal = approval.principal
  const action_id = String(hold.body['action_id'])
  switch (stateAt(approval, services.now())) {
    case 'pending':
    case 'claimed':
      return answerError(traceId, refuse('approval_pending', { retryAfterSeconds: 2 }))
    case 'expired':
      return answerError(traceId, refuse('approval_expired'))
    case 'revoked': {
      const reason = revokedReason(approval)
      const body = { deny_reason: reason, action_id }
      return answerError(
        traceId,
        refuse('approval_revoked', { message: `The call was ${reason}.`, body }),
      )
    }
    case 'denied': {
      const reason = String(end?.body['reason'])
      const message = `An operator denied this call: ${reason}`
      const body = { deny_reason: reason, principal, action_id }
      return answerError(traceId, refuse('approval_denied', { message, body }))
    }
    case 'approved':
      return executedAnswer(services, approval, traceId)
    case 'failed':
      return failedAnswer(approval, traceId)
  }
}

async function executedAnswer(
  services: Services,
  approval: StoredApproval,
  traceId: string,
): Promise<Answer> {
  const output = await outputOf(services, approval)
  if (output === undefined) {
    const message = 'The output of this call is not kept any more; its receipt is.'
    return answerError(traceId, refuse('not_found', { message, body: receiptMember(approval) }))
  }
  const receipt = receiptOf(approval)
  const outcome = receipt.verification_outcome.status
  const body: ExecuteResponse = {
    decision: 'executed',
    trace_id: receipt.trace_id,
    action_id: receipt.action_id,
    grant_id: receipt.grant_id,
    receipt_id: receipt.receipt_id,
    output,
    verification_outcome: outcome,
    verification: { outcome, is_fully_successful: isSatisfied(outcome) },
    runtime: {
      duration_ms: receipt.runtime.duration_ms,
      exit_code: receipt.runtime.exit_code,
      fuel_consumed: receipt.runtime.fuel_consumed,
    },
    session_seq: receipt.session_seq,
  }
  return { status: 200, body, headers: {} }
}

// Refused between the approval and the dispatch: the code of the refusal. After it: as `execute`
// answers an execution without a result.
function failedAnswer(approval: StoredApproval, traceId: string): Answer {
  const failure = failureOf(approval) ?? { code: 'internal_error', reason: 'the call failed' }
  if (approval.end?.type === 'approval') {
    const code = isErrorCode(failure.code) ? failure.code : 'internal_error'
    const body = { deny_reason: failure.reason, principal: approval.principal }
    return answerError(traceId, refuse(code, { body }))
  }
  const isUnknown = approval.end?.type === 'unknown'
  const given: Omit<ErrorBody, 'error' | 'message' | 'trace_id'> = isUnknown
    ? { outcome: 'unknown' }
    : {
        error_type: receiptOf(approval).error_type ?? 'internal_error',
        outcome: receiptOf(approval).outcome,
      }
  const body = { ...given, ...(isUnknown ? {} : receiptMember(approval)) }
  const message = withoutType(failure.reason, given.error_type)
  return answerError(traceId, refuse('action_execution_failed', { message, body }))
}

// A receipt has both in one text; `execute` answers them apart.
function withoutType(reason: string, type: unknown): string {
  const prefix = `${String(type)}: `
  return reason.startsWith(prefix) ? reason.slice(prefix.length) : reason
}

function receiptOf({ end }: StoredApproval): Receipt {
  return end?.body as unknown as Receipt
}

function receiptMember(approval: StoredApproval): { readonly receipt_id: string } {
  return { receipt_id: receiptOf(approval).receipt_id }
}
