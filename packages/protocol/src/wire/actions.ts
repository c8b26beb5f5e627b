import type { JsonObject } from '../json-value.js'

/** How much harm an action can do. */
export type RiskLevel = 'low' | 'medium' | 'high' | 'critical'

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

/** `GET /v1/permitted-actions`: what the principal of the lease may ask for, sorted by `action_id`. */
export type PermittedActionsBody = {
  readonly policy_version: string | null
  readonly actions: readonly PermittedAction[]
}

/** An action that policy does not refuse this principal, with everything a caller needs to call it. */
export type PermittedAction = {
  readonly action_id: string
  readonly version: string
  readonly description: string
  readonly risk_level: RiskLevel
  readonly declared_side_effects: readonly string[]
  readonly egress: EgressProfile
  /** `required`: a human decides, whatever the parameters. `none`: parameters may still take one. */
  readonly approval: 'none' | 'required'
  /** JSON Schema 2020-12 of the parameters; null: any object. */
  readonly request_schema: JsonObject | null
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
