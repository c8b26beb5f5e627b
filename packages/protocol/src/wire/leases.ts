import type { P256Jwk } from '../p256-jwk.js'

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
