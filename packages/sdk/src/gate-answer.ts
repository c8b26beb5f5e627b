import { LatchGateTransportError } from './errors.js'

/** One answer of the gate, read once. */
export interface GateAnswer {
  readonly status: number
  /** The parsed body; `undefined` when it is missing or not JSON. */
  readonly body: unknown
  /** The `Retry-After` header in whole seconds. */
  readonly retryAfterSeconds: number | null
  /** The header `ETag`: names this body. */
  readonly etag: string | null
  /** Seconds by which its `Date` is ahead of the time that proofs are made with; 0: unknown. */
  readonly gateAheadSeconds: number
}

/** Status, headers of interest and body of an answer, as a transport gives them. */
export interface RawAnswer {
  readonly statusCode: number
  readonly retryAfter: string | undefined
  /** The header `ETag`. */
  readonly etag: string | undefined
  /** The header `Date`. */
  readonly date: string | undefined
  readonly text: string
}

/** Names of the places where an answer is read (spec/http-api 15.5), for error messages. */
export type AnswerContext =
  | 'lease'
  | 'execute'
  | 'execute (approval)'
  | 'receipt'
  | 'receipt keys'
  | 'approval poll'
  | 'approvals'
  | 'action egress'
  | 'actions'
  | 'permitted actions'

// A proxy's page, or the port of something else: gates answer in JSON.
const NO_GATE = ': is it a gate that answers there? See baseUrl, socket or LATCHGATE_URL'

/** Members of a JSON object as the gate sent it: names are in snake case. */
export type Members = Readonly<Record<string, unknown>>

/** Turns what a transport gave into an answer; a body that is not JSON is `undefined`. */
export function readAnswer(raw: RawAnswer, gateAheadSeconds: number): GateAnswer {
  const { statusCode, retryAfter, etag = null, text } = raw
  const seconds =
    retryAfter !== undefined && /^[0-9]{1,9}$/.test(retryAfter) ? Number(retryAfter) : null
  const body = parseBody(text)
  return { status: statusCode, body, retryAfterSeconds: seconds, etag, gateAheadSeconds }
}

/** A header `Date` in Unix milliseconds; null when it is missing or no time. */
export function dateOf(header: string | undefined): number | null {
  const time = header === undefined ? Number.NaN : Date.parse(header)
  return Number.isNaN(time) ? null : time
}

/** Any 2xx. What a 202 means is for the caller to say. */
export function isSuccess(answer: GateAnswer): boolean {
  return answer.status >= 200 && answer.status < 300
}

/** The JSON object of a success. */
export function successBody(answer: GateAnswer, context: AnswerContext): Members {
  const { status, body } = answer
  if (body === undefined) {
    throw new LatchGateTransportError(`invalid JSON in ${context} response${NO_GATE}`, { status })
  }
  if (!isMembers(body)) {
    throw new LatchGateTransportError(`expected JSON object in ${context} response${NO_GATE}`, {
      status,
    })
  }
  return body
}

/** A member without which the answer is of no use. */
export function requiredText(body: Members, member: string, context: AnswerContext): string {
  const value = optionalText(body, member)
  if (value === null) {
    throw new LatchGateTransportError(`missing ${member} in ${context} response`)
  }
  return value
}

/** A member that is a text, or null. */
export function optionalText(body: Members, member: string): string | null {
  const value = body[member]
  return typeof value === 'string' ? value : null
}

/** A member that is a whole number not below zero, or null. */
export function optionalCount(body: Members, member: string): number | null {
  const value = body[member]
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

/** A member that is an object, or an empty one. */
export function objectMember(body: Members, member: string): Members {
  const value = body[member]
  return isMembers(value) ? value : {}
}

/** A JSON object: not null, not an array. */
export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // The caller decides what a body that is not JSON means: it depends on the status.
    return undefined
  }
}
