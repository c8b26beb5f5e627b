import { commit } from '@latchgate/evidence'
import { canonicalBytes, type JsonObject, type LeaseClaims, parseJson } from '@latchgate/protocol'
import { evidenceCrypto } from '../evidence-crypto.js'
import type { HeldPlan, StoredApproval } from '../ledger/port.js'
import { type Plan, planHash, type StoredPlan } from './plan.js'

/** The bytes that a plan is kept as. The `hold` leaf commits to them. */
export function storedPlanBytes({ plan, params, claims, agentLabel }: StoredPlan): Uint8Array {
  return canonicalBytes({ plan, params, claims: { ...claims }, agent_label: agentLabel })
}

/**
 * Reads a kept plan and holds it against its `hold` leaf: the commitment opens to these bytes, and the
 * plan in them has the hash that was recorded and shown. Null when it does not.
 */
export function openStoredPlan(approval: StoredApproval, held: HeldPlan): StoredPlan | null {
  const { plan: committed, plan_hash: recorded } = approval.hold.body
  const actual = commit(evidenceCrypto, held.salt, held.bytes)
  const { hash, bytes } = (committed ?? {}) as JsonObject
  if (actual.hash !== hash || actual.bytes !== bytes) return null
  // Whoever committed to these bytes was this gate; its own form need not be checked member by member.
  const stored = parseJson(held.bytes) as {
    readonly plan: Plan
    readonly params: JsonObject
    readonly claims: LeaseClaims
    readonly agent_label: string | null
  }
  const found = planHash(stored.plan)
  if (found !== recorded || found !== approval.planHash) return null
  const { plan, params, claims, agent_label: agentLabel } = stored
  return { plan, params, claims, agentLabel }
}
