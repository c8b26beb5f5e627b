import {
  type GateDetails,
  LatchGateAuthError,
  LatchGateBudgetExhausted,
  LatchGateDenied,
  type LatchGateError,
  LatchGateLeaseExpired,
  LatchGateReplayDetected,
  LatchGateUnavailable,
} from './errors.js'
import {
  type GateAnswer,
  isMembers,
  type Members,
  optionalCount,
  optionalText,
} from './gate-answer.js'

/** The least that a clock may be off before a gate refuses its proofs (spec/auth-and-evidence 1). */
const PROOF_SKEW_SECONDS = 5

const BASE_REMEDY = "Set publicBaseUrl to the gate's public_base_url, or reach it at that URL"

/** The error that an answer without success stands for: the table of spec/http-api 15.5. */
export function answerError(answer: GateAnswer, actionId: string): LatchGateError {
  const body = errorBody(answer)
  const code = optionalText(body, 'error') ?? 'unknown'
  const details = gateDetails(answer, code)
  switch (answer.status) {
    case 400:
      return new LatchGateDenied(actionId, code, details)
    case 401:
      return authError(code, details, authExplanation(answer, details))
    case 403:
      if (code === 'budget_exhausted') return new LatchGateBudgetExhausted(actionId, details)
      return new LatchGateDenied(actionId, withReason(code, details.denyReason), details)
    case 422:
      return new LatchGateDenied(actionId, withReason(code, optionalText(body, 'reason')), details)
    case 502:
    case 503:
      return new LatchGateUnavailable(code, details)
    default:
      return new LatchGateUnavailable(`unexpected_status_${answer.status}: ${code}`, details)
  }
}

/** A 404 where the caller named something: it says what was not found. */
export function notFound(answer: GateAnswer, actionId: string, reason: string): LatchGateError {
  const code = optionalText(errorBody(answer), 'error') ?? 'unknown'
  return new LatchGateDenied(actionId, reason, gateDetails(answer, code))
}

/** The code of a 401, else null. */
export function refusalCode(answer: GateAnswer): string | null {
  return answer.status === 401 ? optionalText(errorBody(answer), 'error') : null
}

/** Everything the gate said beside the code. */
export function gateDetails(answer: GateAnswer, code: string): GateDetails {
  const body = errorBody(answer)
  return {
    code,
    status: answer.status,
    traceId: optionalText(body, 'trace_id'),
    receiptId: optionalText(body, 'receipt_id'),
    gateMessage: optionalText(body, 'message'),
    denyReason: optionalText(body, 'deny_reason'),
    remediation: optionalText(body, 'remediation'),
    errorType: optionalText(body, 'error_type'),
    outcome: optionalText(body, 'outcome'),
    retryAfterSeconds: optionalCount(body, 'retry_after_seconds') ?? answer.retryAfterSeconds,
    body: isMembers(answer.body) ? answer.body : null,
  }
}

function errorBody(answer: GateAnswer): Members {
  return isMembers(answer.body) ? answer.body : {}
}

function authError(
  code: string,
  details: GateDetails,
  explanation: { readonly explanation?: string },
): LatchGateAuthError {
  if (code === 'lease_expired') return new LatchGateLeaseExpired(code, details, explanation)
  if (code === 'replay_detected') return new LatchGateReplayDetected(code, details, explanation)
  return new LatchGateAuthError(code, details, explanation)
}

// Which check failed and what to do about it: the code alone would leave that to be found out.
function authExplanation(
  { gateAheadSeconds }: GateAnswer,
  { code, denyReason, gateMessage }: GateDetails,
): { readonly explanation?: string } {
  const isClock =
    code === 'invalid_dpop' &&
    (Math.abs(gateAheadSeconds) > PROOF_SKEW_SECONDS || denyReason?.startsWith('iat ') === true)
  const isBase = denyReason?.startsWith('htu mismatch') === true
  const remedy = isClock ? clockRemedy(gateAheadSeconds) : isBase ? BASE_REMEDY : gateMessage
  const said = [denyReason, remedy].filter((one) => one !== null && one !== '')
  return said.length === 0 ? {} : { explanation: said.join('. ') }
}

function clockRemedy(gateAheadSeconds: number): string {
  const where = gateAheadSeconds > 0 ? 'behind' : 'ahead of'
  const how =
    gateAheadSeconds === 0 ? 'differs from' : `is ${Math.abs(gateAheadSeconds)} s ${where}`
  return `The clock of this machine ${how} the gate's: set the one that is wrong by network time`
}

function withReason(code: string, reason: string | null): string {
  return reason === null || reason === code ? code : `${code}: ${reason}`
}
