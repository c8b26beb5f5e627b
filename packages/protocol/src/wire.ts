import type { Learning } from './approval-attestation.js'
import type { ErrorCode } from './error-codes.js'
import type { ExecutionErrorType, FailureClass } from './execution-errors.js'
import type { Json, JsonObject } from './json-value.js'
import type { P256Jwk } from './p256-jwk.js'

// Type aliases throughout, so that every body is assignable to `JsonObject`. Members are spelled as
// on the wire. `?` is absent when there is no value; `| null` is there and null (http-api 4.4).

/** How much harm an action can do. */
export type RiskLevel = 'low' | 'medium' | 'high' | 'critical'

/** Body of `POST /v1/leases` (http-api 8.1). */
export type LeaseRequest = {
  readonly scopes: readonly string[]
  readonly dpop_jwk: P256Jwk
  readonly budgets?: {
    readonly max_calls?: number | null
    /** Sent by published clients; without effect. */
    readonly max_cost_usd_cents?: number | null
  } | null
  /** Absolute directory to which the session's file actions are confined. */
  readonly fs_root?: string | null
}

/** Answer of `POST /v1/leases`. */
export type LeaseResponse = {
  readonly lease_jwt: string
  readonly session_id: string
  readonly lease_jti: string
  /** Whole seconds: `2026-01-01T00:05:00Z`. */
  readonly expires_at: string
  /** Resolved; only when one was requested. */
  readonly fs_root?: string
}

/** `GET /.well-known/jwks.json` (http-api 8.2): the keys that sign leases. */
export type JwksBody = { readonly keys: readonly LeaseJwk[] }

/** One key of the JWKS. */
export type LeaseJwk = {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'ES256'
  readonly x: string
  readonly y: string
}

/** `GET /v1/receipt-keys` (http-api 12.3): the keys that sign, or have signed, receipts. */
export type ReceiptKeysBody = { readonly keys: readonly ReceiptKeyEntry[] }

/** One receipt key. */
export type ReceiptKeyEntry = {
  /** First 16 characters of `x_hex`. */
  readonly kid: string
  readonly x_hex: string
  /** The same key as a standard JWK member, base64url. */
  readonly x: string
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly alg: 'EdDSA'
  readonly added_at: string
  readonly use: 'sig'
}

/** `GET /v1/actions` (http-api 9.1), sorted by `action_id`. */
export type ActionListBody = { readonly actions: readonly ActionSummary[] }

/** One action of the list. */
export type ActionSummary = {
  readonly action_id: string
  readonly version: string
  readonly risk_level: RiskLevel
  readonly description?: string
  readonly database_mode?: 'strict' | 'parameterized' | 'hybrid'
}

/** `GET /v1/actions/{action_id}` (http-api 9.2). */
export type ActionDetail = {
  readonly action_id: string
  readonly version: string
  readonly description?: string
  /** `builtin:<name>` or `sha256:<hex>`, as the manifest says. */
  readonly provider_module_digest: string
  /** Digest of the module that runs, also for a built-in. */
  readonly provider_module_sha256?: string
  readonly action_digest?: string
  readonly risk_level: RiskLevel
  readonly resource_limits: ResourceLimits
  readonly io: {
    readonly max_request_bytes: number
    readonly max_response_bytes: number
    readonly has_request_schema: boolean
    readonly has_response_schema: boolean
  }
  readonly egress: EgressProfile | null
  readonly declared_side_effects: readonly string[]
  readonly required_scopes?: readonly string[]
  readonly database?: JsonObject
}

/** Limits of one execution. */
export type ResourceLimits = {
  /** Instructions as the sandbox charges them. */
  readonly fuel: number
  /** MiB. */
  readonly memory_mb: number
  readonly timeout_seconds: number
  readonly max_io_calls: number
  /** Bytes of one decoded upstream body. */
  readonly max_host_response_bytes: number
}

/** Where an action may connect to: externally tagged, with flat members for other readers. */
export type EgressProfile =
  | 'none'
  | {
      readonly proxy_allowlist: { readonly allowed_domains: readonly string[] }
      readonly profile?: 'proxy_allowlist'
      readonly allowed_domains?: readonly string[]
    }

/** What became of the check of an effect (http-api 10.3, 12.1). */
export type VerificationStatus =
  | 'verified'
  | 'verification_failed'
  | 'unverifiable_declared'
  | 'provider_failed_before_verification'
  | 'skipped'

/** The check of an effect as a receipt tells it. */
export type VerificationOutcome =
  | { readonly status: 'verified'; readonly evidence: Json }
  | { readonly status: 'verification_failed'; readonly reason: string }
  | { readonly status: 'unverifiable_declared' }
  | { readonly status: 'provider_failed_before_verification' }
  | { readonly status: 'skipped' }

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

/** The tagged result of a receipt (http-api 12.1). */
export type NormalizedResult =
  | { readonly kind: 'success'; readonly summary: string }
  | { readonly kind: 'provider_failure'; readonly reason: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'internal_error'; readonly reason: string }

/** What a reader of a receipt learns about its signature (auth spec 15.5). */
export type SignatureStatus =
  | 'valid'
  | 'invalid'
  | 'missing_signature'
  | 'missing_key_id'
  | 'unknown_key_id'
  | 'malformed_signature'

/** One request that an execution made, before injection of secrets (design 14). */
export type EffectBody = {
  readonly import: string
  readonly method: string
  readonly url: string
  readonly header_names: readonly string[]
  readonly body_sha256: string | null
  readonly body_bytes: number
  readonly secrets: readonly { readonly name: string; readonly into: string }[]
  readonly address: string | null
  readonly certificate_sha256: string | null
  readonly status: number | null
  readonly response_sha256: string | null
  readonly response_bytes: number | null
  readonly outcome: EffectOutcome
  /** An injected value was found in the response and removed. */
  readonly scrubbed: boolean
}

/** `GET /v1/receipts/{receipt_id}` (http-api 12.1, notes/evidence 2). */
export type ReceiptBody = {
  readonly v: 1
  readonly receipt_id: string
  readonly grant_id: string
  readonly trace_id: string
  readonly session_id: string
  readonly session_seq: number
  readonly lease_jti: string
  readonly principal: string
  readonly owner?: string
  readonly agent_label?: string
  readonly action_id: string
  readonly action_version: string
  readonly action_digest: string
  readonly provider_module_digest: string
  readonly provider_module_sha256: string
  readonly request_hash: string
  readonly arguments_hash: string
  readonly policy: { readonly version: string | null; readonly digest: string | null }
  readonly provider_receipt: {
    readonly ok: boolean
    readonly status_code: number | null
    readonly content_type: string | null
    readonly body_sha256: string | null
    readonly body_bytes: number | null
  }
  /** Salted commitment of the provider's output (notes/evidence 1). */
  readonly output: { readonly hash: string; readonly bytes: number } | null
  readonly normalized_result: NormalizedResult
  readonly verification_outcome: VerificationOutcome
  readonly effect_evidence: readonly Json[]
  readonly effects: readonly EffectBody[]
  readonly outcome: EffectOutcome
  readonly error_type: ExecutionErrorType | null
  readonly failure_class: FailureClass | null
  readonly runtime: {
    readonly duration_ms: number
    readonly exit_code: number
    readonly fuel_consumed: number
    readonly io_calls: number
  }
  readonly approval?: JsonObject
  readonly result_hash: string
  readonly started_at: string
  readonly finished_at: string
  readonly signing_key_id: string
  readonly receipt_signature: string
  /** Computed when the receipt is read; not part of what is signed. */
  readonly signature_status?: SignatureStatus
  /** Index of the receipt's leaf; not part of what is signed. */
  readonly log_index?: number
}

/**
 * State of an approval. `claimed`: approved and executing. `failed`: approved, and then refused or
 * without a usable result. `expired` and `revoked` are ours (design 14).
 */
export type ApprovalState =
  | 'pending'
  | 'claimed'
  | 'approved'
  | 'denied'
  | 'failed'
  | 'expired'
  | 'revoked'

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

/** Body of `POST /v1/approvals/{id}/approve`; an empty one approves the plan as it is (design 9). */
export type ApproveRequest = {
  /** The plan that was looked at, 64 hex digits. */
  readonly plan_hash?: string
  readonly learn?: Learning
  /** Compact JWS by the operator's key. */
  readonly attestation?: string
}

/** Body of `POST /v1/approvals/{id}/deny`. */
export type DenyRequest = {
  readonly reason?: string
  readonly plan_hash?: string
  readonly attestation?: string
}

/** 200 of approve: the answer of the execution, and whose decision it was (http-api 11.5). */
export type ApproveResponse = ExecuteResponse & {
  readonly approval: {
    readonly decision: 'allow'
    readonly approval_id: string
    readonly approved_by: string
    readonly approval_hash: string
    readonly operator_authn_method: 'operator_dpop'
    readonly operator_sender_binding: string
  }
  readonly learned_domain?: string
  readonly learned_path?: string
}

/** 202 of approve: more operators are needed (design 14). */
export type QuorumPendingResponse = {
  readonly status: 'pending'
  readonly approval_id: string
  readonly approvals: number
  readonly required: number
  readonly trace_id: string
}

/** 200 of approve and deny for an approval that has ended (http-api 11.5). */
export type AlreadyDecidedResponse = {
  readonly decision: 'already_approved' | 'already_denied' | 'already_failed'
  readonly approval_id: string
  readonly status: ApprovalState
  readonly completed_at?: string
  readonly receipt_id?: string
  readonly deny_reason?: string
  readonly error_code?: string
  readonly trace_id: string
}

/** 200 of deny (http-api 11.6). */
export type DenyResponse = {
  readonly decision: 'deny'
  readonly trace_id: string
  readonly action_id: string
  readonly approval_id: string
  readonly denied_by: string
  readonly deny_reason: string
}

/** One entry of `GET /v1/admin/domains` or `/paths` (http-api 12.6). */
export type LearnedRuleBody = {
  readonly action_id: string
  readonly domain?: string
  readonly path_glob?: string
  /** Whose calls it is for; `*` for everybody's. */
  readonly principal: string
  readonly added_by: string
  readonly added_at: string
  /** `approval` or `api`. */
  readonly source: string
  /** The approval that it was learned with. */
  readonly approval_id: string | null
}

/** Body of `POST /v1/admin/revoke`: one of the first four (design 14). */
export type RevokeRequest = {
  readonly lease_jti?: string
  readonly session_id?: string
  readonly principal?: string
  readonly all?: true
  readonly reason?: string
}

/** Answer of `POST /v1/admin/revoke`. */
export type RevokeResponse = {
  readonly revoked: {
    readonly kind: 'lease' | 'session' | 'principal' | 'all'
    readonly value: string | null
  }
  readonly previous_epoch: number
  readonly current_epoch: number
  /** Pending approvals that ended with it. */
  readonly approvals_revoked: number
}

/** Answer of `POST /v1/admin/revoke-all` (http-api 12.5). */
export type RevokeAllResponse = { readonly previous_epoch: number; readonly current_epoch: number }

/** `GET /readyz` (http-api 7): the member names are kept whatever the backend. */
export type ReadyBody = {
  readonly status: 'ready' | 'degraded' | 'not_ready'
  readonly redis: boolean
  readonly opa: boolean
  readonly ledger: boolean
  readonly approval_store: boolean
  readonly egress_proxy: boolean | null
  readonly actions_registered: number
}

/** `GET /v1/admin/status` (http-api 12.5). */
export type StatusBody = {
  readonly status: 'ok' | 'degraded' | 'draining'
  readonly version: string
  readonly uptime_seconds: number
  readonly actions_registered: number
  readonly pending_approvals: number
  readonly revocation_epoch: number
  readonly draining: boolean
  readonly in_flight_executions: number
  readonly unknown_intents?: number
  readonly dependencies: {
    readonly redis: boolean
    readonly opa: boolean
    readonly ledger?: boolean
  }
  readonly webhooks: { readonly active: boolean; readonly pending_deliveries: number }
}

/** `POST /v1/admin/drain`. */
export type DrainBody = {
  readonly draining: boolean
  readonly already_draining: boolean
  readonly in_flight_executions: number
}

/** `GET /v1/admin/intents` (design 14). */
export type IntentsBody = { readonly intents: readonly OpenIntent[] }

/** An intent without a receipt. */
export type OpenIntent = {
  readonly intent_id: string
  readonly trace_id: string
  readonly principal: string
  readonly action_id: string
  readonly target: string
  readonly dispatched_at: string
  readonly outcome: string
}

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

/** `POST /v1/admin/reload`. */
export type ReloadBody = {
  readonly ok: true
  readonly actions: number
  /** Empty when there is no policy data. */
  readonly policy_version: string
  readonly reloaded_at: string
}

/** Rights of one principal, or of `*`. */
export type PolicyEntry = {
  readonly allowed_actions: readonly string[]
  readonly allowed_sinks: readonly string[]
  readonly inherits_wildcard?: boolean
}

/** A limit of calls, of cost in US cents, or of both, within a window. */
export type PolicyQuota = {
  readonly calls?: number
  readonly cost_usd_cents?: number
  readonly window_seconds: number
}

/** `GET /v1/admin/policy` (http-api 12.7): what is in force. */
export type PolicyBody = {
  readonly policy_version: string
  readonly acl: { readonly [principal: string]: PolicyEntry }
  /** By action and principal: the approval for the action's risk is waived. */
  readonly allowlist: { readonly [action: string]: { readonly [principal: string]: boolean } }
  readonly require_approval: { readonly [action: string]: { readonly [principal: string]: true } }
  readonly quotas: { readonly [principal: string]: readonly PolicyQuota[] }
  /** How many must approve, where an approval is needed. */
  readonly quorum: { readonly [action: string]: { readonly [principal: string]: number } }
}

/** `GET /v1/admin/policy/{principal}`. */
export type PrincipalPolicyBody = { readonly principal: string; readonly acl: PolicyEntry }

/** `POST /v1/admin/policy/grant` and `revoke`. */
export type PolicyChangeRequest = {
  readonly principal: string
  readonly actions: readonly string[]
  /** Of a revoke: the entry goes too. */
  readonly remove_principal?: boolean
}

/** Answer of `POST /v1/admin/policy/grant`. */
export type GrantBody = {
  readonly principal: string
  readonly granted: readonly string[]
  readonly total_actions: number
  readonly allowed_sinks: readonly string[]
  /**
   * What the principal had by the rights of `*` until this grant made it an entry of its own. Absent
   * when nothing.
   */
  readonly no_longer_allowed?: readonly string[]
}

/** Answer of `POST /v1/admin/policy/revoke`. */
export type RevokeBody = {
  readonly principal: string
  readonly revoked: readonly string[]
  readonly remaining_actions: number
  readonly allowed_sinks: readonly string[]
  readonly principal_removed: boolean
  /** What the principal may still do, by the rights of `*`. Absent when nothing. */
  readonly still_allowed?: readonly string[]
}

/** Answer of `POST` and `DELETE /v1/admin/policy/allowlist` (http-api 12.8). */
export type AllowlistBody = {
  readonly ok: true
  readonly action_id: string
  readonly agent_id: string
}

/** Answer of `POST` and `DELETE /v1/admin/policy/require-approval`. */
export type RequireApprovalBody = {
  readonly ok: true
  readonly action_id: string
  readonly principal: string
}

/** Answer of `POST /v1/admin/policy/quota`. */
export type QuotaBody = {
  readonly ok: true
  readonly principal: string
  readonly quotas: readonly PolicyQuota[]
}

/** Answer of `POST /v1/admin/policy/quorum`. */
export type QuorumBody = {
  readonly ok: true
  readonly action_id: string
  readonly principal: string
  readonly approvals: number
}
