import type { Receipt } from '@latchgate/evidence'
import type { ApprovalRefusal } from './approval-entries.js'
import type { LearnEntry } from './operator-entries.js'
import type { Appended, LeafDraft, PayloadDraft, ProofUse } from './record-entries.js'

/** The lease that a call is made with: a revocation that reaches it refuses the commit. */
export interface LeaseUse {
  readonly jti: string
  readonly epoch: number
}

/** A limit that an operator set for a principal (design 10). At least one of the two is there. */
export interface QuotaLimit {
  readonly calls?: number
  readonly costUsdCents?: number
  readonly windowSeconds: number
}

/** The approval that an intent uses up: it was shown as this plan, and this operator is the last. */
export interface ApprovalUse {
  readonly approvalId: string
  /** 64 hex digits. */
  readonly planHash: string
  readonly operator: string
  /** Type `approval`; that it is granted, on what and by whom is put into it. */
  readonly leaf: LeafDraft
}

/** Everything that must become durable in the one commit before dispatch (design 3, `intend`). */
export interface IntendEntry {
  /** Type `intent`. */
  readonly leaf: LeafDraft
  readonly traceId: string
  readonly grantId: string
  readonly sessionId: string
  readonly principal: string
  readonly actionId: string
  /** Method and URL as authorised, for the list of open intents. */
  readonly target: string
  /** Null where it is used up already: the last vote on an approval. */
  readonly proof: ProofUse | null
  readonly lease: LeaseUse
  /** True when the lease has a budget: one call is taken from it in this commit. */
  readonly debit: boolean
  readonly quotas?: readonly QuotaLimit[]
  /** What the call is reckoned to cost; counted where there are quotas. */
  readonly costUsdCents?: number
  /** Absent for a call that needed none. */
  readonly approval?: ApprovalUse
  /** Unix milliseconds after which nothing of this intent can still be dispatched. */
  readonly dispatchNotAfter: number
  readonly payloads: readonly PayloadDraft[]
}

/** An intent that is durable: what may be dispatched, and what is left of the budget. */
export interface Intended extends Appended {
  readonly sessionSeq: number
  /** Calls left after the debit; `null` without a limit or without a budget. */
  readonly callsRemaining: number | null
}

/** Why a guard refused that both an intent and a hold have; nothing was appended. */
export type CallRefusal =
  | {
      readonly code:
        | 'replay_detected'
        | 'lease_revoked'
        | 'budget_exhausted'
        | 'budget_session_not_found'
    }
  | { readonly code: 'quota_exhausted'; readonly retryAfterMs: number }

/** Why a guard of the intent's commit refused; nothing was appended. */
export type IntendRefusal = CallRefusal | ApprovalRefusal | { readonly code: 'grant_consumed' }

/** A call that waits for an operator (design 9). */
export interface HoldEntry {
  /** Type `hold`; carries the plan's hash and its commitment. */
  readonly leaf: LeafDraft
  readonly traceId: string
  readonly approvalId: string
  readonly sessionId: string
  readonly principal: string
  readonly actionId: string
  /** The same for calls that would do the same: one of them waits, the others wait with it. */
  readonly callHash: string
  readonly planHash: string
  /** Unix milliseconds. */
  readonly expiresAt: number
  /** Operators that it takes. */
  readonly required: number
  /** Pending approvals that the principal may have. */
  readonly maxPending: number
  readonly lease: LeaseUse
  readonly proof: ProofUse
  readonly debit: boolean
  readonly quotas?: readonly QuotaLimit[]
  readonly costUsdCents?: number
  readonly payloads: readonly PayloadDraft[]
}

/** Why a call is not held. */
export type HoldRefusal =
  | CallRefusal
  | { readonly code: 'too_many_pending_approvals' }
  /** The same call waits already; the index is that of its `hold` leaf. */
  | { readonly code: 'call_pending'; readonly holdIndex: number }

/** The receipt and the decision, in one commit (design 3, `seal`). */
export interface SealEntry {
  readonly grantId: string
  readonly traceId: string
  readonly principal: string
  readonly receipt: Receipt
  /** Type `decision`. */
  readonly decision: LeafDraft
  /** The call is given back to budget and quotas: no byte of a request left the gate. */
  readonly refund: boolean
  /** What the operator wanted remembered of an approved call, if it succeeded. */
  readonly learn?: readonly LearnEntry[]
  readonly payloads: readonly PayloadDraft[]
}
