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

/** `POST /v1/admin/reload`. */
export type ReloadBody = {
  readonly ok: true
  readonly actions: number
  /** Empty when there is no policy data. */
  readonly policy_version: string
  readonly reloaded_at: string
}
