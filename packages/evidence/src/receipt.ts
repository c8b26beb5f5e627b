import type { Json, JsonObject } from '@latchgate/protocol'
import type { Commitment } from './commitment.js'

/** What the host saw of one request of a provider, as authorised before injection (design 14). */
export type Effect = {
  readonly import: string
  readonly method: string
  readonly url: string
  readonly header_names: readonly string[]
  readonly body_sha256: string | null
  readonly body_bytes: number
  /** Names and positions of injected secrets, never values. */
  readonly secrets: readonly { readonly name: string; readonly into: string }[]
  /** The vetted address that was connected to. */
  readonly address: string | null
  readonly certificate_sha256: string | null
  readonly status: number | null
  readonly response_sha256: string | null
  readonly response_bytes: number | null
  readonly outcome: 'answered' | 'not_sent' | 'unknown'
  /** A configured secret was found in the response and removed. */
  readonly scrubbed: boolean
}

/** What became of the provider's upstream (spec/http-api 12.1, design 4). */
export type ProviderReceipt = {
  readonly ok: boolean
  readonly status_code: number | null
  readonly content_type: string | null
  readonly body_sha256: string | null
  readonly body_bytes: number | null
}

/** A receipt before it is hashed and signed. */
export type UnsignedReceipt = {
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
  readonly policy: JsonObject
  readonly provider_receipt: ProviderReceipt
  readonly output: Commitment | null
  readonly normalized_result: JsonObject
  readonly verification_outcome: JsonObject
  readonly effect_evidence: readonly Json[]
  readonly effects: readonly Effect[]
  /** `not_sent`: no byte of a request was handed to a socket. `unknown`: anything in between. */
  readonly outcome: 'answered' | 'not_sent' | 'unknown'
  readonly error_type: string | null
  readonly failure_class: string | null
  readonly runtime: {
    readonly duration_ms: number
    readonly exit_code: number
    readonly fuel_consumed: number
    readonly io_calls: number
  }
  readonly approval?: JsonObject
  /** RFC 3339 with `Z`, no fraction when it is zero (spec/auth-and-evidence 2.3). */
  readonly started_at: string
  readonly finished_at: string
}

/** A signed receipt: the body of a `receipt` leaf (notes/evidence 2). */
export type Receipt = UnsignedReceipt & {
  /** 64 hex. */
  readonly result_hash: string
  /** First 16 hex digits of the public key. A hint, never a proof. */
  readonly signing_key_id: string
  /** Ed25519, 128 hex. */
  readonly receipt_signature: string
}
