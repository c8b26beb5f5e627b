import { sanitizeText } from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import { ledgerFault } from '../ledger-fault.js'
import type { Refusal } from '../refusal.js'
import type { Services } from '../services.js'
import { answerError } from './answer.js'
import type { Answer } from './call.js'
import { budgetSnapshot, decisionSubject, type Progress } from './decision-body.js'

/**
 * Records a refusal of an authenticated call, then answers it: no denial without its record. When
 * the record cannot be made durable the caller gets 503 instead, never an unrecorded decision.
 */
export async function recordDenial(
  services: Services,
  call: Progress,
  refusal: Refusal,
): Promise<Answer> {
  await appendDecision(services, call, refusal.status >= 500 ? 'error' : 'deny', refusal)
  services.log.info(
    {
      trace_id: call.traceId,
      principal: call.agent.claims.sub,
      action: call.actionId,
      code: refusal.code,
      detail: refusal.detail,
    },
    'call denied',
  )
  return answerError(call.traceId, refusal)
}

/** Appends a decision that ends a call before dispatch. */
export async function appendDecision(
  services: Services,
  call: Progress,
  decision: 'deny' | 'error',
  refusal: Refusal,
): Promise<void> {
  // The commit of the intent is what says that nothing is left: others may have taken the last calls
  // since the budget was read.
  const left = refusal.code === 'budget_exhausted' ? 0 : call.callsBefore
  const body = {
    ...decisionSubject(services, call),
    decision,
    code: refusal.code,
    deny_reason: sanitizeText(refusal.detail, 500),
    allowed_sinks: [],
    budgets_before: budgetSnapshot(left),
    budgets_after: budgetSnapshot(left),
  }
  try {
    await services.ledger.record({
      leaf: { type: 'decision', id: uuidv7(services.now()), body },
      sessionId: call.agent.claims.session_id,
      traceId: call.traceId,
    })
  } catch (error) {
    throw ledgerFault(error)
  }
}
