import type { LeafDraft, ProofUse } from './record-entries.js'

/** What a revocation reaches. `value` is null for `all`. */
export interface Revocation {
  readonly kind: 'lease' | 'session' | 'principal' | 'all'
  readonly value: string | null
  /** Leases of an earlier epoch are reached. */
  readonly epoch: number
}

/** A revocation, durable: it ends pending approvals in the same commit. */
export interface RevokeEntry {
  /** Type `revocation`. */
  readonly leaf: LeafDraft
  readonly revocation: Revocation
  readonly proof: ProofUse
}

/** A destination or path that was added to an action at run time (design 9, spec/pipeline 9). */
export interface LearnedRule {
  readonly kind: 'domain' | 'path'
  readonly actionId: string
  readonly value: string
  /** `*`: everybody. */
  readonly principal: string
}

/** A learned rule as it is listed. */
export interface StoredRule extends LearnedRule {
  readonly addedBy: string
  /** `YYYY-MM-DDTHH:MM:SS.sssZ`. */
  readonly addedAt: string
  readonly source: string
  readonly approvalId: string | null
}

/** A change of the learned rules, and its record. */
export interface LearnEntry {
  /** Type `policy`. */
  readonly leaf: LeafDraft
  readonly change: 'add' | 'remove' | 'clear'
  /** For `clear`, `value` and `principal` are not looked at: every rule of the kind and action goes. */
  readonly rule: LearnedRule
}
