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
const SET_CLOCKS = 'set both by network time (NTP) and try again'

/** The error that an answer without success stands for: the table of spec/http-api 15.5. */
export function answerError(answer: GateAnswer, actionId: string): LatchGateError {
  const body = errorBody(answer)
  const code = optionalText(body, 'error') ?? 'unknown'
  const details = gateDetails(answer, code)
  switch (answer.status) {
    case 400:
      return new LatchGateDenied(actionId, code, details)
    case 401:
      if (code === 'lease_expired') return new LatchGateLeaseExpired(code, details)
      if (code === 'replay_detected') return new LatchGateReplayDetected(code, details)
      return new LatchGateAuthError(code, details, authRemedy(answer, code, details))
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

// What the code alone would leave its reader to find out: which check an identity failed, and that a
// proof was refused for its time.
function authRemedy(
  answer: GateAnswer,
  code: string,
  { denyReason, gateMessage }: GateDetails,
): { readonly explanation?: string } {
  if (code === 'identity_unauthenticated' && gateMessage !== null) {
    return { explanation: gateMessage }
  }
  if (code !== 'invalid_dpop') return {}
  const { gateAheadSeconds } = answer
  if (Math.abs(gateAheadSeconds) > PROOF_SKEW_SECONDS) {
    const where = gateAheadSeconds > 0 ? 'behind' : 'ahead of'
    const seconds = Math.abs(gateAheadSeconds)
    return {
      explanation: `the clock of this machine is ${seconds} s ${where} the gate's; ${SET_CLOCKS}`,
    }
  }
  if (denyReason?.startsWith('iat ') !== true) return {}
  return {
    explanation: `${denyReason}: the clocks of this machine and the gate differ; ${SET_CLOCKS}`,
  }
}

function withReason(code: string, reason: string | null): string {
  return reason === null || reason === code ? code : `${code}: ${reason}`
}
