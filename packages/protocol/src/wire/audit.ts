import type { Json, JsonObject } from '../json-value.js'

/** What was decided, or happened, as an audit event says it (http-api 12.2). */
export type AuditDecision = 'allow' | 'allow_unverified' | 'deny' | 'pending_approval' | 'error'

/** One audit event, built from a leaf (http-api 12.2, design 4). What does not apply is empty text. */
export type AuditEvent = {
  readonly trace_id: string
  /** `YYYY-MM-DDTHH:MM:SS.sssZ`. */
  readonly timestamp: string
  readonly event_type: string
  /** The agent's; of what an operator did, the operator. */
  readonly principal: string
  readonly session_id: string
  readonly lease_jti: string
  readonly identity_method?: string
  readonly owner?: string
  readonly action_id: string
  readonly action_version: string | null
  readonly action_digest: string
  readonly action_trust_verdict: string
  readonly risk_level?: string
  readonly request_hash: string
  readonly request_schema_id: string | null
  readonly policy_version: string | null
  readonly decision: AuditDecision
  /** Also the detail text of what an operator did. */
  readonly deny_reason: string | null
  readonly allowed_sinks: readonly string[]
  readonly budgets_before: JsonObject | null
  readonly budgets_after: JsonObject | null
  readonly runtime: JsonObject | null
  readonly response_hash: string | null
  readonly response_bytes: number | null
  readonly grant_id?: string
  readonly receipt_id?: string
  readonly verification_outcome?: string
  readonly approval_id?: string
  /** The operator who decided, also when it was a denial. */
  readonly approved_by?: string
  readonly operator_authn_method?: string
  readonly operator_sender_binding?: string
  readonly operator_proof_jti?: string
  /** Of the chain that the log has replaced. */
  readonly prev_hash: null
  readonly dev_mode: boolean
  readonly sandbox_degraded: false
  /** Where the record is in the log, and its leaf hash in hex. */
  readonly leaf_index: number
  readonly leaf_hash: string
  readonly session_seq?: number
  /** Machine code of a refusal. */
  readonly code?: string
  /** Why a human is asked. */
  readonly reasons?: readonly Json[]
  readonly plan_hash?: string
  /** The detail of an act, or the counts of a summary, for programs. */
  readonly detail?: JsonObject
}

/** `GET /v1/audit/events` and its aliases: newest first; with `since_index` oldest first. */
export type AuditEventsBody = {
  readonly events: readonly AuditEvent[]
  /** Index of the newest record when the question came; -1 for an empty log. */
  readonly newest_index: number
  /** When there may be older events: `cursor` of the next question. */
  readonly next_cursor?: string
  /** With `since_index`: how far was looked, the next question's `since_index`. */
  readonly next_since_index?: number
}

/** `GET /v1/audit/verify` (http-api 12.2, design 14). */
export type AuditVerifyBody = {
  readonly intact: boolean
  /** Both count leaves checked. */
  readonly total_events: number
  readonly verified_links: number
  /** `trace_id` of the first bad record; null without one, or where it has none. */
  readonly broken_at: string | null
  /** The first twenty, when not intact. */
  readonly findings?: readonly {
    readonly index: number | null
    readonly id: string | null
    readonly column: string | null
    readonly problem: string
  }[]
}
