import type { Json, JsonObject } from '@latchgate/protocol'
import type { Quota } from './data-document.js'

/** The number that stands for "no limit" in a policy input; `null` on the wire (design 6). */
export const UNLIMITED_CALLS = 9007199254740991

/** Input of the decision: spec/pipeline 5.1 plus the members of design 6. */
export interface PolicyInput {
  readonly principal: string
  readonly session_id: string
  readonly scopes: readonly string[]
  readonly required_scopes: readonly string[]
  readonly action_id: string
  readonly action_version: string
  readonly action_risk_level: 'low' | 'medium' | 'high' | 'critical'
  readonly action_trust_verdict: 'digest_ok' | 'not_registered' | JsonObject
  readonly action_category?: 'fs'
  readonly request_hash: string
  readonly requested_sinks: readonly string[]
  readonly requested_secrets: readonly string[]
  readonly egress_profile: EgressProfile
  readonly fs_path?: string
  readonly budgets_before: { readonly calls_remaining: number }
  readonly unresolved_domains?: readonly string[]
  readonly unresolved_paths?: readonly string[]
  readonly params: Json
  readonly target: {
    readonly method: string
    readonly scheme: string
    readonly host: string
    readonly port: number
    readonly path: string
  } | null
  /** RFC 3339. */
  readonly time: string
  readonly owner: string | null
  readonly identity_method: string
  readonly session: { readonly calls: number }
  readonly approved: boolean
}

/** What may be reached, in the externally tagged form of the wire (spec/http-api 9.2). */
export type EgressProfile =
  | 'none'
  | { readonly proxy_allowlist: { readonly allowed_domains: readonly string[] } }

/** Why a call is held (design 6). */
export type ApprovalReasonCode =
  | 'risk'
  | 'unresolved_domain'
  | 'unresolved_path'
  | 'sensitive_path'
  | 'rule'

/** One reason for a hold; `detail` is for people. */
export interface ApprovalReason {
  readonly code: ApprovalReasonCode
  readonly detail: string
}

/** Denials of which the caller is told what would help (`deny_code` of the decision document). */
export type DenyCode = 'action_not_granted' | 'budget_exhausted'

/** An interpreted decision: spec/pipeline 5.3, narrowed so that it cannot widen the request. */
export type Decision =
  | {
      readonly kind: 'deny'
      /** For people. */
      readonly reason: string
      /** Where the gate answers more than the reason; null otherwise. */
      readonly code: DenyCode | null
      readonly version: string | null
    }
  | (PolicyGrant & { readonly kind: 'allow' })
  | (PolicyGrant & {
      readonly kind: 'hold'
      readonly reasons: readonly ApprovalReason[]
      readonly quorum: { readonly min: number; readonly distinctFromRequester: boolean }
    })

/** What a call gets. */
export interface PolicyGrant {
  readonly version: string | null
  readonly sinks: readonly string[]
  readonly secrets: readonly string[]
  readonly egress: EgressProfile
}

/** Why no decision could be had; each denies with 503. */
export type PolicyFaultCode =
  | 'policy_engine_unavailable'
  | 'policy_engine_timeout'
  | 'policy_engine_invalid_response'

/** No decision could be had. Thrown; denies. */
export class PolicyFault extends Error {
  readonly code: PolicyFaultCode

  constructor(code: PolicyFaultCode, message: string) {
    super(message)
    this.name = 'PolicyFault'
    this.code = code
  }
}

/** Port of design 6. A decision is made on the data document of the latest successful reload. */
export interface PolicyEngine {
  /** `sha256:` digest of the rules, in every record. */
  readonly digest: string | null
  /** `policy_version` of the data document. */
  readonly version: string | null
  /** `sha256:` digest of the data document in force (`policyDataDigest`). */
  readonly dataDigest: string
  /** Throws `PolicyFault`. */
  decide(input: PolicyInput): Promise<Decision>
  /** The quotas of a principal: its own entry or, where it has none, that of `*`. */
  quotasOf(principal: string): readonly Quota[]
  healthy(): Promise<boolean>
  /** Replaces the data document; throws and keeps the old one when the new one is not valid. */
  setData(data: JsonObject): void
  close(): Promise<void>
}
