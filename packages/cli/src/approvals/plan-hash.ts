import { type ApprovalDetail, canonicalBytes, type JsonObject } from '@latchgate/protocol'
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
export function checkPlanHash({ plan, plan_hash: hash, hidden }: ApprovalDetail): PlanHashCheck {
  if (hidden.length > 0) return 'hidden'
  // The body stands in the plan as its digest.
  const { body, ...target } = plan.target
  if (body !== null && digestBytes(Buffer.from(body)) !== target.body_sha256) return 'differs'
  return hashOf({ ...plan, target }) === hash ? 'matches' : 'differs'
}

// What has no canonical form is no plan that a gate has hashed.
function hashOf(plan: JsonObject): string | null {
  try {
    return sha256Hex(canonicalBytes(plan))
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

/** False for an approval whose plan the gate does not keep any more. */
export function hasPlan(detail: ApprovalDetail): boolean {
  return (detail as Partial<ApprovalDetail>).plan !== undefined
}
