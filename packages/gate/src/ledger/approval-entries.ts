import type { ApprovalState, JsonObject } from '@latchgate/protocol'
import type { Appended, LeafDraft, ProofUse } from './record-entries.js'

/** Why an approval cannot be decided: what it is, or has become. */
export type ApprovalRefusal = {
  readonly code:
    | 'approval_not_found'
    | 'approval_decided'
    | 'approval_expired'
    | 'approval_revoked'
    | 'plan_hash_mismatch'
    | 'quorum_not_reached'
}

/** What becomes of a pending approval without an execution. */
export interface DecideEntry {
  /** Type `approval`; what was decided, on what and by whom is put into it. */
  readonly leaf: LeafDraft
  readonly approvalId: string
  /** `vote`: one more operator approves, and it takes more of them. */
  readonly to: 'vote' | 'denied' | 'failed'
  /** Refused when the approval is of another plan; null: whatever it is of. */
  readonly planHash: string | null
  /** Null: the gate itself. */
  readonly operator: string | null
  /** Null where the operator's proof is used up elsewhere. */
  readonly proof: ProofUse | null
}

/** Approvals given so far. */
export interface Decided extends Appended {
  readonly votes: number
}

/** A decision of an operator on a plan, as recorded. */
export interface RecordedVote {
  readonly operator: string
  /** Its `approval` leaf: index, time, body. */
  readonly leaf: { readonly index: number; readonly time: string; readonly body: JsonObject }
}

/** An approval as the ledger has it. */
export interface StoredApproval {
  readonly approvalId: string
  readonly state: ApprovalState
  readonly principal: string
  readonly planHash: string
  /** Unix milliseconds. */
  readonly expiresAt: number
  readonly required: number
  readonly grantId: string | null
  /** The `hold` leaf: index, time, body. */
  readonly hold: { readonly index: number; readonly time: string; readonly body: JsonObject }
  /** In the order in which they were given. */
  readonly votes: readonly RecordedVote[]
  /** The leaf that ended it or, while it is claimed, began it; null while it is pending. */
  readonly end: { readonly type: string; readonly time: string; readonly body: JsonObject } | null
}

/** What was held, with everything needed to find out whether it is still what was shown. */
export interface HeldPlan {
  readonly bytes: Uint8Array
  readonly salt: Uint8Array
}

/** Which approvals to list, newest first. */
export interface ApprovalQuery {
  readonly states: readonly ApprovalState[] | null
  readonly principal: string | null
  readonly limit: number
}
