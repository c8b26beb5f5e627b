import { type ApprovalDetail, canonicalize, type Json, type JsonObject } from '@latchgate/protocol'
import { digestBytes, sha256Hex } from '@latchgate/protocol/node'

/**
 * Whether what was shown is what the hash is of. `hidden`: it cannot be told, because sensitive
 * members are left out.
 */
export type PlanHashCheck = 'matches' | 'differs' | 'hidden'

/**
 * Computes the hash of a plan from what the gate showed of it: a signed decision is about the hash,
 * and should be about what was read (design 9).
 */
export function checkPlanHash(detail: ApprovalDetail): PlanHashCheck {
  const { plan, plan_hash: hash, hidden } = detail
  if (!isOfPlan(detail)) return 'differs'
  if (hidden.length > 0) return 'hidden'
  // The body stands in the plan as its digest.
  const { body, ...target } = plan.target
  if (body !== null && digestBytes(Buffer.from(body)) !== target.body_sha256) return 'differs'
  return hashOf({ ...plan, target }) === hash ? 'matches' : 'differs'
}

// Beside the plan the gate tells the same in words of its own, and those are what is read first: the
// hash is worth nothing for a principal or a secret that it does not cover.
function isOfPlan(detail: ApprovalDetail): boolean {
  const { plan, approved_egress: egress } = detail
  const { action, verifier, quorum } = plan as { readonly [member: string]: JsonObject | undefined }
  const told: readonly (readonly [Json | undefined, Json | undefined])[] = [
    [plan['approval_id'], detail.approval_id],
    [plan['principal'], detail.principal],
    [plan['session_id'], detail.session_id],
    [action?.['id'], detail.action_id],
    [action?.['version'], detail.action_version],
    [plan['request_hash'], detail.request_hash],
    [plan['expires_at'], detail.expires_at],
    [plan['reasons'], detail.reasons as Json],
    [plan['sinks'], detail.approved_targets],
    [plan['secrets'], detail.approved_secrets],
    [plan['egress'], egress === 'none' ? [] : egress.proxy_allowlist.allowed_domains],
    [verifier?.['kind'], detail.verifier_kind],
    [quorum, detail.quorum],
    [quorum?.['min'], detail.required],
    [plan['provider_digest'], detail.provider_module_digest],
  ]
  // What a plan does not have its hash does not have either: only the gate's own plan has that one.
  const isTold = told.every(([planned, shown]) => planned === undefined || isSame(planned, shown))
  return isTold && isSame(plan['owner'] ?? null, detail.owner ?? null)
}

function isSame(planned: Json, shown: Json | undefined): boolean {
  if (shown === undefined) return false
  const text = canonicalText(planned)
  return text !== null && text === canonicalText(shown)
}

function hashOf(plan: JsonObject): string | null {
  const text = canonicalText(plan)
  return text === null ? null : sha256Hex(Buffer.from(text))
}

// What has no canonical form is nothing that a gate has hashed.
function canonicalText(value: Json): string | null {
  try {
    return canonicalize(value)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

/** False for an approval whose plan the gate does not keep any more. */
export function hasPlan(detail: ApprovalDetail): boolean {
  return (detail as Partial<ApprovalDetail>).plan !== undefined
}
