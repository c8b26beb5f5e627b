import type { ExecutionErrorType, FailureClass } from '../execution-errors.js'
import type { Json, JsonObject } from '../json-value.js'
import type { EffectOutcome } from './execution.js'

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

/** The check of an effect as a receipt tells it. */
export type VerificationOutcome =
  | { readonly status: 'verified'; readonly evidence: Json }
  | { readonly status: 'verification_failed'; readonly reason: string }
  | { readonly status: 'unverifiable_declared' }
  | { readonly status: 'provider_failed_before_verification' }
  | { readonly status: 'skipped' }

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
