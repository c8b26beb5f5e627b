import {
  LatchGateAuthError,
  LatchGateBudgetExhausted,
  LatchGateDenied,
  type LatchGateError,
  LatchGateLeaseExpired,
  LatchGateReplayDetected,
  LatchGateTransportError,
  LatchGateUnavailable,
} from './errors.js'

/** Status and text of one answer. */
export interface Answer {
  readonly status: number
  readonly text: string
}

/** Names of 15.5 for the places where an answer is read. */
export type AnswerContext =
  | 'lease'
  | 'execute'
  | 'execute (approval)'
  | 'receipt'
  | 'approval poll'
  | 'action egress'

/** The table "Answer, Error" of spec/http-api 15.5, for everything that is not a success. */
export function errorOf(answer: Answer, actionId: string): LatchGateError {
  const body = errorBody(answer.text)
  const code = textMember(body, 'error') ?? 'unknown'
  switch (answer.status) {
    case 400:
      return new LatchGateDenied(actionId, code)
    case 401:
      if (code === 'lease_expired') return new LatchGateLeaseExpired(code)
      if (code === 'replay_detected') return new LatchGateReplayDetected(code)
      return new LatchGateAuthError(code)
    case 403: {
      if (code === 'budget_exhausted') return new LatchGateBudgetExhausted(actionId)
      const reason = textMember(body, 'deny_reason')
      return new LatchGateDenied(actionId, reason === undefined ? code : `${code}: ${reason}`)
    }
    case 422: {
      const reason = textMember(body, 'reason')
      const known = reason !== undefined && reason !== code
      return new LatchGateDenied(actionId, known ? `${code}: ${reason}` : code)
    }
    case 502:
    case 503:
      return new LatchGateUnavailable(code)
    default:
      return new LatchGateUnavailable(`unexpected_status_${answer.status}: ${code}`)
  }
}

/** The JSON object of a 2xx answer. */
export function successBody(answer: Answer, context: AnswerContext): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(answer.text)
  } catch {
    throw new LatchGateTransportError(`invalid JSON in ${context} response`)
  }
  if (!isObject(json)) {
    throw new LatchGateTransportError(`expected JSON object in ${context} response`)
  }
  return json
}

/** A member that is a text. */
export function textMember(body: Record<string, unknown>, member: string): string | undefined {
  const value = body[member]
  return typeof value === 'string' ? value : undefined
}

/** A JSON object, not an array and not null. */
export function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function errorBody(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text)
    return isObject(json) ? json : {}
  } catch {
    return {}
  }
}
