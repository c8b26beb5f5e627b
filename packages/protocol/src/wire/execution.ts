import type { ErrorCode } from '../error-codes.js'
import type { ExecutionErrorType } from '../execution-errors.js'
import type { JsonObject } from '../json-value.js'

/** What became of the check of an effect (http-api 10.3, 12.1). */
export type VerificationStatus =
  | 'verified'
  | 'verification_failed'
  | 'unverifiable_declared'
  | 'provider_failed_before_verification'
  | 'skipped'

/** What is known of a request that was to leave the gate (notes/evidence 2). */
export type EffectOutcome = 'answered' | 'not_sent' | 'unknown'

/** Where a record is in the log; unsigned, beside the answer (notes/evidence 2). */
export type LogPosition = { readonly index: number; readonly size: number }

/** 200 of `POST /v1/actions/{action_id}/execute` (http-api 10.3). */
export type ExecuteResponse = {
  readonly decision: 'executed'
  readonly trace_id: string
  readonly action_id: string
  readonly grant_id: string
  readonly receipt_id: string
  /** The provider's envelope: an object with a boolean `ok`. */
  readonly output: JsonObject
  readonly verification_outcome: VerificationStatus
  readonly verification: {
    readonly outcome: VerificationStatus
    readonly is_fully_successful: boolean
  }
  readonly runtime: {
    readonly duration_ms: number
    readonly exit_code: number
    readonly fuel_consumed: number
  }
  /** Position in the session, without gaps (notes/evidence 7). */
  readonly session_seq?: number
  readonly log?: LogPosition
}

/** 202 of `POST /v1/actions/{action_id}/execute`: these four members exactly (http-api 10.4). */
export type PendingResponse = {
  readonly decision: 'pending_approval'
  readonly approval_id: string
  readonly request_hash: string
  readonly trace_id: string
}

/** Every error body (http-api 4.3, design 3). Members beyond these depend on the code. */
export type ErrorBody = {
  readonly error: ErrorCode
  /** For humans. */
  readonly message: string
  readonly trace_id: string
  /** Once there is one. */
  readonly receipt_id?: string
  readonly deny_reason?: string
  readonly principal?: string
  readonly action_id?: string
  readonly remediation?: string
  readonly detail?: string
  /** With `schema_violation`: what is wrong, and the JSON pointer to the member. */
  readonly reason?: string
  readonly path?: string
  readonly retry_after_seconds?: number
  /** With `action_execution_failed`. */
  readonly error_type?: ExecutionErrorType
  readonly outcome?: EffectOutcome
  readonly session_seq?: number
  readonly log?: LogPosition
}
