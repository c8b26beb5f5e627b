import type { JsonObject } from '../json-value.js'
import type { EgressProfile, RiskLevel } from './actions.js'

/**
 * State of an approval. `claimed`: approved and executing. `failed`: approved, and then refused or
 * without a usable result. `expired` and `revoked` are ours (design 14).
 */
export const APPROVAL_STATES = [
  'pending',
  'claimed',
  'approved',
  'denied',
  'failed',
  'expired',
  'revoked',
] as const

/** One of `APPROVAL_STATES`. */
export type ApprovalState = (typeof APPROVAL_STATES)[number]

/** One reason why a call is held (design 6). */
export type ApprovalReasonBody = { readonly code: string; readonly detail: string }

/**
 * `GET /v1/approvals/{id}/poll` and `/wait` (http-api 11.1, design 9). `claimed` shows as `pending`,
 * `revoked` as `denied`: published clients know no more.
 */
export type ApprovalPollBody = {
  readonly status: 'pending' | 'approved' | 'denied' | 'failed' | 'expired'
  readonly approval_id: string
  readonly action_id: string
  readonly expires_at: string
  /** While it is pending. */
  readonly retry_after_seconds?: number
  readonly receipt_id?: string
  readonly reason?: string
  /** Output of the approved call, while it is kept. */
  readonly output?: JsonObject
}

/** One entry of `GET /v1/approvals` (http-api 11.3). */
export type ApprovalSummary = {
  readonly approval_id: string
  readonly status: ApprovalState
  readonly action_id: string
  readonly action_version: string
  readonly principal: string
  readonly session_id: string
  readonly owner?: string
  readonly risk_level: RiskLevel
  readonly request_hash: string
  readonly created_at: string
  readonly expires_at: string
  /** Operators whose approval brought the execution about. */
  readonly claimed_by?: string
  readonly trace_id: string
  /** 64 hex digits. */
  readonly plan_hash: string
  readonly reasons: readonly ApprovalReasonBody[]
  /** Approvals given so far, and how many it takes. */
  readonly approvals: number
  readonly required: number
  /** Method and URL as they would be sent. */
  readonly target: string
}

/** `GET /v1/approvals`, newest first. */
export type ApprovalListBody = {
  readonly approvals: readonly ApprovalSummary[]
  /** Length of the array, not a total. */
  readonly count: number
}

/** The exact request that an approval would let leave; sensitive values replaced (design 9). */
export type PlannedTarget = {
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body_sha256: string | null
  readonly body_bytes: number
  /** The body as text; null when there is none, or when it is not text. */
  readonly body: string | null
}

/** `GET /v1/approvals/{id}` (http-api 11.4, design 9). */
export type ApprovalDetail = ApprovalSummary & {
  readonly policy_version?: string
  readonly claimed_at?: string
  readonly completed_at?: string
  readonly receipt_id?: string
  readonly deny_reason?: string
  readonly error_code?: string
  readonly approved_targets: readonly string[]
  readonly approved_secrets: readonly string[]
  readonly approved_egress: EgressProfile
  readonly verifier_kind: string
  readonly provider_module_digest: string
  readonly unresolved_domains?: readonly string[]
  readonly unresolved_paths?: readonly string[]
  readonly budget_snapshot: {
    readonly calls_remaining: number | null
    readonly policy_approved_calls_after: number | null
  }
  readonly quorum: { readonly min: number; readonly distinct_from_requester: boolean }
  /** Operators who have approved so far. */
  readonly approved_by: readonly string[]
  /** Name of the log, the audience of an attestation. */
  readonly log: string
  /** What would be executed: every member of the plan that the hash is over, but sensitive values. */
  readonly plan: JsonObject & {
    readonly arguments: JsonObject
    readonly target: PlannedTarget
  }
  /** JSON pointers, into `arguments`, of what is not shown. */
  readonly hidden: readonly string[]
}
