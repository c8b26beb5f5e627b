import { answerError, gateDetails, notFound } from './answer-error.js'
import type { ApprovalStatus } from './approval-status.js'
import {
  LatchGateApprovalDenied,
  LatchGateApprovalExpired,
  LatchGateDenied,
  type LatchGateError,
  LatchGateUnavailable,
} from './errors.js'
import { type GateAnswer, isMembers, optionalText } from './gate-answer.js'

/** The code of an error body, or null. */
export function codeOf(answer: GateAnswer): string | null {
  return isMembers(answer.body) ? optionalText(answer.body, 'error') : null
}

/** The error that `GET /v1/approvals/{id}/result` without a result stands for. */
export function outcomeError(answer: GateAnswer, status: ApprovalStatus): LatchGateError {
  const { approvalId, actionId } = status
  const code = codeOf(answer) ?? 'unknown'
  const said = gateDetails(answer, code)
  const details = { ...said, receiptId: said.receiptId ?? status.receiptId }
  if (code === 'approval_denied') {
    return new LatchGateApprovalDenied(
      actionId,
      approvalId,
      details.denyReason ?? status.reason ?? undefined,
      details,
    )
  }
  if (code === 'approval_expired')
    return new LatchGateApprovalExpired(actionId, approvalId, details)
  // Not "unavailable", as other 409: asking again would change nothing.
  if (code === 'approval_revoked') {
    const why = details.denyReason ?? status.reason
    return new LatchGateDenied(actionId, why === null ? code : `${code}: ${why}`, details)
  }
  // The gate keeps outputs for a day, receipts for ever.
  if (code === 'not_found') {
    return new LatchGateUnavailable(
      'the call was approved and executed, but its output is not kept any more',
      details,
    )
  }
  if (answer.status === 404) {
    return notFound(answer, '<approval>', `approval '${approvalId}' not found`)
  }
  return answerError(answer, actionId)
}

/** What a gate without `/result` (0.2.0) lets a client know of an approval that has ended. */
export function pollOutcomeError(answer: GateAnswer, status: ApprovalStatus): LatchGateError {
  const { approvalId, actionId, receiptId } = status
  const reason = status.reason ?? undefined
  const details = { receiptId, body: status.raw, denyReason: status.reason }
  switch (status.status) {
    case 'denied':
      return new LatchGateApprovalDenied(actionId, approvalId, reason, details)
    case 'expired':
      return new LatchGateApprovalExpired(actionId, approvalId, details)
    case 'failed':
      return new LatchGateUnavailable(reason ?? 'the approved call failed', details)
    case 'approved':
      return new LatchGateUnavailable(
        'the call was approved and executed, but this gate does not hand out its result',
        details,
      )
    default:
      return notFound(answer, '<approval>', `approval '${approvalId}' not found`)
  }
}
