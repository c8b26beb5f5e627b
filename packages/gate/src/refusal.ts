import { type ErrorCode, errorCodeEntry, type JsonObject } from '@latchgate/protocol'

/**
 * An expected "no": a value that a stage returns (design 3). `body` holds the public members beside
 * `error`, `message` and `trace_id`; `detail` is for the ledger and the log only.
 */
export interface Refusal {
  readonly code: ErrorCode
  readonly status: number
  readonly message: string
  readonly body: JsonObject
  readonly detail: string
  readonly retryAfterSeconds: number | null
}

/** A refusal, as the failure of a `Result`. */
export type Refused = { readonly ok: false; readonly error: Refusal }

/** Builds a refusal with the status and meaning of its code (one table: protocol's error codes). */
export function refuse(
  code: ErrorCode,
  given: {
    readonly message?: string
    readonly body?: JsonObject
    readonly detail?: string
    readonly status?: number
    readonly retryAfterSeconds?: number
  } = {},
): Refusal {
  const entry = errorCodeEntry(code)
  const message = given.message ?? entry.meaning
  return {
    code,
    status: given.status ?? entry.status,
    message,
    body: given.body ?? {},
    detail: given.detail ?? message,
    retryAfterSeconds: given.retryAfterSeconds ?? entry.retryAfterSeconds ?? null,
  }
}

/**
 * A bug or a broken dependency. Thrown, caught once at the edge of the pipeline, answered with an
 * opaque 5xx, and it denies. `code` picks the public answer; the cause goes to the log.
 */
export class Fault extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.name = 'Fault'
    this.code = code
  }
}
