import { type ActionResult, actionResult } from './action-result.js'
import { answerError, gateDetails } from './answer-error.js'
import type { CallMemory } from './call-memory.js'
import { LatchGateApprovalRequired } from './errors.js'
import {
  type GateAnswer,
  isMembers,
  isSuccess,
  optionalCount,
  requiredText,
  successBody,
} from './gate-answer.js'
import { throwIfAbandoned } from './gate-channel.js'
import type { Lease } from './lease.js'
import type { LeaseKeeper } from './lease-keeper.js'
import type { LeasedChannel, LeasedRequest } from './leased-channel.js'

/** What calls of actions need of their client. */
export interface CallParts {
  readonly leased: LeasedChannel
  readonly leases: LeaseKeeper
  readonly memory: CallMemory
  /** Milliseconds for one call. */
  readonly timeoutMs: number
}

type CallRequest = LeasedRequest & { readonly body: string }

/**
 * Calls an action, and keeps count of the call (spec/http-api 10). Throws the errors that
 * `LatchGateClient.execute` names.
 */
export async function callAction(
  parts: CallParts,
  actionId: string,
  params: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
): Promise<ActionResult> {
  const path = `/v1/actions/${actionId}/execute`
  const request = { method: 'POST', path, body: JSON.stringify(params ?? {}), signal } as const
  const answer = await parts.leased.withLease((lease) => callOnce(parts, lease, actionId, request))
  if (answer.status === 202) throw approvalRequired(answer, actionId)
  if (!isSuccess(answer)) throw answerError(answer, actionId)
  return actionResult(answer)
}

async function callOnce(
  { leased, leases, memory, timeoutMs }: CallParts,
  lease: Lease,
  actionId: string,
  request: CallRequest,
): Promise<GateAnswer> {
  throwIfAbandoned(request.signal)
  const ticket = memory.begin(lease.sessionId)
  const answer = await leased.sendWith(lease, request, timeoutMs).catch((error: unknown) => {
    ticket.settle(null, true)
    // It may have been executed: for the budget it was.
    leases.countCall()
    throw error
  })
  const seq = isMembers(answer.body) ? optionalCount(answer.body, 'session_seq') : null
  const isBroken = answer.status >= 500 && seq === null
  ticket.settle(seq, answer.status === 202 || isBroken)
  if (mayHaveExecuted(answer)) leases.countCall()
  memory.remember(actionId, lease.sessionId, request.body, answer)
  return answer
}

function approvalRequired(answer: GateAnswer, actionId: string): LatchGateApprovalRequired {
  const body = successBody(answer, 'execute (approval)')
  const approvalId = requiredText(body, 'approval_id', 'execute (approval)')
  return new LatchGateApprovalRequired(
    actionId,
    approvalId,
    gateDetails(answer, 'pending_approval'),
  )
}

// Refused before dispatch, held, or known not to have left the gate: no call of the budget is gone.
function mayHaveExecuted(answer: GateAnswer): boolean {
  const outcome = isMembers(answer.body) ? answer.body['outcome'] : undefined
  if (outcome === 'not_sent' || answer.status === 202 || answer.status === 503) return false
  return isSuccess(answer) || answer.status >= 500
}
