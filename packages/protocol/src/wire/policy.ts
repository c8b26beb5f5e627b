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
