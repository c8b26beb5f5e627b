import type { Manifest, Target } from '@latchgate/catalogue'
import {
  canonicalBytes,
  isoMillis,
  type Json,
  type JsonObject,
  type LeaseClaims,
} from '@latchgate/protocol'
import { digestBytes, sha256Hex } from '@latchgate/protocol/node'
import type { Held } from '../pipeline/call.js'
import { limitsOf } from '../registered-action.js'
import type { Services } from '../services.js'

/** A plan: what would be executed, as an operator is shown it (design 9). Immutable. */
export type Plan = JsonObject & {
  readonly v: 1
  readonly approval_id: string
  readonly principal: string
  readonly owner?: string
  readonly session_id: string
  readonly action: { readonly id: string; readonly version: string; readonly digest: string }
  readonly provider_digest: string
  readonly arguments: JsonObject
  readonly request_hash: string
  readonly arguments_hash: string
  readonly target: PlanTarget
  /** Names. */
  readonly secrets: readonly string[]
  /** Hosts that the call may reach, in the form of an allow list. */
  readonly egress: readonly string[]
  readonly policy: PlanPolicy
  readonly reasons: readonly { readonly code: string; readonly detail: string }[]
  readonly quorum: { readonly min: number; readonly distinct_from_requester: boolean }
  readonly created_at: string
  readonly expires_at: string
}

/** The one request of a plan. The body stands in it as its digest: it follows from the arguments. */
export type PlanTarget = {
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body_sha256: string | null
  readonly body_bytes: number
}

/** The policy under which a call was held. */
export type PlanPolicy = {
  readonly version: string | null
  readonly digest: string | null
  readonly data_digest: string
}

/** A plan with what is kept beside it: who asked, and what he sent. */
export interface StoredPlan {
  readonly plan: Plan
  /** As sent, before defaults. */
  readonly params: JsonObject
  readonly claims: LeaseClaims
  readonly agentLabel: string | null
}

/** Bytes of a reason's text, at most, and how many of them a plan names. */
export const MAX_REASON_DETAIL_BYTES = 300
/** See `MAX_REASON_DETAIL_BYTES`. */
export const MAX_REASONS = 16

/** The plan of a held call. */
export function makePlan(
  services: Services,
  call: Held,
  given: { readonly approvalId: string; readonly createdAt: number; readonly expiresAt: number },
): Plan {
  const { claims } = call.agent
  const { manifest, actionDigest, moduleDigest } = call.registered
  const { decision } = call
  return {
    v: 1,
    approval_id: given.approvalId,
    principal: claims.sub,
    ...(claims.owner === undefined ? {} : { owner: claims.owner }),
    session_id: claims.session_id,
    action: { id: manifest.action_id, version: manifest.version, digest: actionDigest },
    provider_digest: moduleDigest,
    arguments: call.arguments,
    request_hash: call.requestHash,
    arguments_hash: call.argumentsHash,
    target: planTarget(call.target),
    secrets: call.secretNames,
    egress: call.allow,
    sinks: decision.sinks,
    imports: manifest.required_imports,
    limits: limitsOf(manifest),
    verifier: verifierOf(manifest),
    policy: planPolicy(services),
    reasons: decision.reasons.map(({ code, detail }) => ({ code, detail })),
    quorum: {
      min: decision.quorum.min,
      distinct_from_requester: decision.quorum.distinctFromRequester,
    },
    created_at: isoMillis(given.createdAt),
    expires_at: isoMillis(given.expiresAt),
  }
}

/** SHA-256 of the JCS form of a plan, 64 hex digits. */
export function planHash(plan: Plan): string {
  return sha256Hex(canonicalBytes(plan))
}

/** The same for all calls that would do the same, whichever session they come from. */
export function callHash(plan: Plan): string {
  const { principal, owner = null, action, provider_digest, request_hash, target } = plan
  // With the owner: who may approve a call depends on him.
  const same = { principal, owner, action, provider_digest, arguments: plan.arguments }
  return sha256Hex(canonicalBytes({ ...same, request_hash, target }))
}

/** A target in the form of a plan. */
export function planTarget({ method, url, headers, body }: Target): PlanTarget {
  return {
    method,
    url,
    headers,
    body_sha256: body === null ? null : digestBytes(body),
    body_bytes: body?.length ?? 0,
  }
}

/** The policy in force, in the form of a plan. */
export function planPolicy({ policy }: Services): PlanPolicy {
  return { version: policy.version, digest: policy.digest, data_digest: policy.dataDigest }
}

function verifierOf({ verifier }: Manifest): Json {
  return {
    kind: verifier.kind,
    expected_status: verifier.expected_status,
    required_fields: verifier.required_fields,
  }
}
