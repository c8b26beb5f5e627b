import { type DenyRequest, type DenyResponse, sanitizeText } from '@latchgate/protocol'
import type { OperatorContext } from '../auth/operator.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import type { Refusal } from '../refusal.js'
import type { Services } from '../services.js'
import { checkDecision } from './check-decision.js'
import { commitDecision, decisionLeaf, findApproval, openFor } from './decide.js'

/** What the agent is told when the operator gives no reason (spec/http-api 11.6). */
const NO_REASON = 'operator_denied'

/**
 * One operator's denial ends an approval, however many approvals it takes; also while the gate drains
 * (spec/http-api 11.6). The agent sees the reason.
 */
export async function deny(
  services: Services,
  operator: OperatorContext,
  given: { readonly traceId: string; readonly approvalId: string; readonly request: DenyRequest },
): Promise<Answer> {
  const { traceId, request } = given
  const refused = (refusal: Refusal): Answer => answerError(traceId, refusal)
  const found = await findApproval(services, given.approvalId)
  if (!found.ok) return refused(found.error)
  const approval = found.value
  const open = openFor(services, approval)
  if (!open.open) return 'code' in open.answer ? refused(open.answer) : open.answer
  const decided = checkDecision(services, approval, operator, { decision: 'deny', request })
  if (!decided.ok) return refused(decided.error)
  const reason = sanitizeText(request.reason ?? NO_REASON, 500)
  const { approvalId, hold } = approval
  const leaf = decisionLeaf(services, approval, {
    event: 'approval_denied',
    decision: 'denied',
    operator,
    members: {
      reason,
      ...(request.attestation === undefined ? {} : { attestation: request.attestation }),
    },
  })
  const done = await commitDecision(services, {
    leaf,
    approvalId,
    to: 'denied',
    planHash: null,
    operator: operator.operator,
    proof: operator.proof,
  })
  if (!done.ok) return refused(done.error)
  const said = { approval_id: approvalId, operator: operator.operator, reason }
  services.log.info(said, 'a held call was denied')
  const body: DenyResponse = {
    decision: 'deny',
    trace_id: String(hold.body['trace_id']),
    action_id: String(hold.body['action_id']),
    approval_id: approvalId,
    denied_by: operator.operator,
    deny_reason: reason,
  }
  return { status: 200, body, headers: {} }
}
