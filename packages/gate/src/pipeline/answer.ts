import { type ErrorBody, type ExecuteResponse, sanitizeText } from '@latchgate/protocol'
import type { Refusal } from '../refusal.js'
import type { Answer, Sealed } from './call.js'
import { exitCode, isFullySuccessful } from './receipt.js'

const MAX_MESSAGE_BYTES = 500

/** The error body: `error`, its own members, `message`, `trace_id` (design 3). */
export function answerError(traceId: string, refusal: Refusal): Answer {
  return {
    status: refusal.status,
    body: {
      error: refusal.code,
      ...refusal.body,
      // It may quote the request: no control characters, no page of it (spec/http-api 4.5).
      message: sanitizeText(refusal.message, MAX_MESSAGE_BYTES),
      trace_id: traceId,
    },
    headers:
      refusal.retryAfterSeconds === null
        ? {}
        : { 'retry-after': String(refusal.retryAfterSeconds) },
  }
}

/** 200 when the provider returned a result, 502 when there is none (design 3). */
export function answerSealed(call: Sealed): Answer {
  const evidence = { session_seq: call.intent.sessionSeq, log: { ...call.log } }
  if (call.failure !== null || call.output === null) {
    const failure = call.failure ?? ({ type: 'provider_error', message: 'no output' } as const)
    const body: ErrorBody = {
      error: 'action_execution_failed',
      error_type: failure.type,
      message: sanitizeText(failure.message, MAX_MESSAGE_BYTES),
      outcome: call.outcome,
      trace_id: call.traceId,
      receipt_id: call.receiptId,
      ...evidence,
    }
    return { status: 502, body, headers: {} }
  }
  const outcome = call.verification.status
  const body: ExecuteResponse = {
    decision: 'executed',
    trace_id: call.traceId,
    action_id: call.actionId,
    grant_id: call.grantId,
    receipt_id: call.receiptId,
    output: call.output,
    verification_outcome: outcome,
    verification: { outcome, is_fully_successful: isFullySuccessful(call) },
    runtime: {
      duration_ms: call.run.durationMs,
      exit_code: exitCode(call),
      fuel_consumed: call.run.fuelConsumed,
    },
    ...evidence,
  }
  return { status: 200, body, headers: {} }
}
