import type { LeafType, Receipt } from '@latchgate/evidence'
import type { JsonObject, Result } from '@latchgate/protocol'

/** A leaf before the ledger gives it `v`, `log`, `time` and `gate` (notes/evidence 1). */
export interface LeafDraft {
  readonly type: LeafType
  readonly id: string
  readonly body: JsonObject
}

/** Bytes from an agent or an upstream. The leaf carries only the salted commitment. */
export interface PayloadDraft {
  readonly kind: 'arguments' | 'output' | 'plan'
  /** SHA-256 commitment in hex, as it stands in the leaf. */
  readonly hash: string
  readonly salt: Uint8Array
  readonly bytes: Uint8Array
  /** Unix milliseconds after which the bytes are erased. */
  readonly eraseAfter: number
}

/** Where a leaf landed, once the commit that holds it is durable. */
export interface Appended {
  readonly index: number
  /** Size of the tree after the commit. */
  readonly size: number
  /** Per-session sequence number, when the entry named a session. */
  readonly sessionSeq: number | null
}

/** An unconditional record: a denial, an administrative act, a summary. */
export interface RecordEntry {
  readonly leaf: LeafDraft
  /** Session whose sequence number is assigned and put into the body as `session_seq`. */
  readonly sessionId?: string
  readonly traceId?: string
  readonly payloads?: readonly PayloadDraft[]
}

/** What an operator did. Its proof of possession is used up in the same commit. */
export interface ActEntry extends RecordEntry {
  readonly proof: ProofUse
}

/** The issue of a lease: its record and, when the lease asked for one, its budget. */
export interface LeaseEntry {
  readonly leaf: LeafDraft
  readonly sessionId: string
  readonly principal: string
  /** Absent: no budget. `null`: a budget without a limit. A renewal passes nothing: the budget stays. */
  readonly maxCalls?: number | null
  /** The proof that authorised the issue, when there was one: it can be used once. */
  readonly proof?: ProofUse
}

/** A proof identifier that no second effect may use (design 5). */
export interface ProofUse {
  readonly jkt: string
  readonly jti: string
  /** Unix milliseconds after which the proof is too old to be accepted anyway. */
  readonly forgetAfter: number
}

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

/** State of an approval; `pending` until an operator, its time or a revocation ends it. */
export type StoredApprovalState =
  | 'pending'
  | 'claimed'
  | 'approved'
  | 'denied'
  | 'failed'
  | 'expired'
  | 'revoked'

/** A decision of an operator on a plan, as recorded. */
export interface RecordedVote {
  readonly operator: string
  /** Its `approval` leaf: index, time, body. */
  readonly leaf: { readonly index: number; readonly time: string; readonly body: JsonObject }
}

/** An approval as the ledger has it. */
export interface StoredApproval {
  readonly approvalId: string
  readonly state: StoredApprovalState
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
  readonly states: readonly StoredApprovalState[] | null
  readonly principal: string | null
  readonly limit: number
}

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

/** A receipt as the log has it, with whose it is and the index of its leaf. */
export interface StoredReceipt {
  readonly receipt: Receipt
  readonly principal: string
  readonly index: number
}

/** An intent whose outcome is not known (notes/evidence 7, design 4). */
export interface OpenIntent {
  readonly grantId: string
  readonly traceId: string
  readonly principal: string
  readonly actionId: string
  readonly target: string
  readonly dispatchedAt: string
  /** `open`: may still be answered. `unknown`: the gate that began it is gone or out of time. */
  readonly outcome: 'open' | 'unknown'
}

/** Which records a walk looks at: all conditions together, each by equality unless it says more. */
export interface LeafFilter {
  readonly types?: readonly LeafType[]
  readonly traceId?: string
  readonly actionId?: string
  /** Of records of what an operator did, which have neither, it is the operator. */
  readonly principal?: string
  readonly sessionId?: string
  /** Of `decision` records alone. */
  readonly decision?: string
  /** Times of records, `YYYY-MM-DDTHH:MM:SS.sssZ`: later than one, earlier than the other. */
  readonly after?: string
  readonly before?: string
  /** Bytes that the record holds somewhere. */
  readonly containing?: Uint8Array
}

/** One step of a walk over the log. */
export interface LeafWalk {
  /** Towards older records from below `from`, or towards newer ones from above it. */
  readonly towards: 'older' | 'newer'
  /** Absent: from the newest record on. */
  readonly from?: number
  readonly filter: LeafFilter
}

/** What one step found, in the order of the walk. */
export interface LeafStep {
  readonly leaves: readonly { readonly index: number; readonly bytes: Uint8Array }[]
  /** `from` of the next step. */
  readonly from: number
  /** Nothing can be found beyond. */
  readonly done: boolean
  /** Records that were passed, fitting or not. */
  readonly passed: number
  /** Index of the newest record; -1 without one. */
  readonly newest: number
}

/** A public key that the log announced, and what it signs. */
export interface LogKeyRecord {
  readonly kid: string
  readonly publicKey: Uint8Array
  readonly purpose: 'receipt' | 'log'
  readonly addedAt: string
  /** Leaf index at which the key was added. */
  readonly fromIndex: number
}

/**
 * The evidence log and everything that must hold across a crash (design 5). Every promise of a
 * write resolves only after the commit is on disk; a rejected promise is a Fault: the commit's fate
 * is unknown and the caller must answer 503 or 500, never success.
 */
export interface Ledger {
  /** Name of the log, the C2SP origin. */
  readonly origin: string
  record(entry: RecordEntry): Promise<Appended>
  recordAct(entry: ActEntry): Promise<Result<Appended, { readonly code: 'replay_detected' }>>
  issueLease(entry: LeaseEntry): Promise<Result<Appended, { readonly code: 'replay_detected' }>>
  intend(entry: IntendEntry): Promise<Result<Intended, IntendRefusal>>
  seal(entry: SealEntry): Promise<Appended>
  hold(entry: HoldEntry): Promise<Result<Appended & { readonly sessionSeq: number }, HoldRefusal>>
  decide(
    entry: DecideEntry,
  ): Promise<Result<Decided, ApprovalRefusal | { readonly code: 'replay_detected' }>>
  /** The number is of the pending approvals that ended with it. */
  revoke(
    entry: RevokeEntry,
  ): Promise<
    Result<Appended & { readonly approvals: number }, { readonly code: 'replay_detected' }>
  >
  /** The number is of the rules that changed. */
  learn(
    entry: LearnEntry & { readonly proof: ProofUse },
  ): Promise<
    Result<
      Appended & { readonly changed: number },
      { readonly code: 'replay_detected' | 'too_many_rules' }
    >
  >
  /** `undefined`: no such budget. `null`: no limit. */
  callsRemaining(sessionId: string): Promise<number | null | undefined>
  receipt(receiptId: string): Promise<StoredReceipt | undefined>
  payload(traceId: string, kind: PayloadDraft['kind']): Promise<Uint8Array | undefined>
  approval(approvalId: string): Promise<StoredApproval | undefined>
  approvals(query: ApprovalQuery): Promise<readonly StoredApproval[]>
  /** Pending ones that have not expired. */
  pendingApprovals(): Promise<number>
  /** Undefined once it is erased. */
  heldPlan(approvalId: string): Promise<HeldPlan | undefined>
  revocations(): Promise<readonly Revocation[]>
  learnedRules(): Promise<readonly StoredRule[]>
  keys(): Promise<readonly LogKeyRecord[]>
  openIntents(): Promise<readonly OpenIntent[]>
  /** The latest signed C2SP checkpoint note. */
  checkpoint(): string
  inclusionProof(index: number, size: number): Promise<readonly Uint8Array[]>
  consistencyProof(from: number, to: number): Promise<readonly Uint8Array[]>
  leaf(index: number): Promise<Uint8Array | undefined>
  /** One bounded step of a walk over committed records: short enough for an event loop. */
  walk(step: LeafWalk): Promise<LeafStep>
  /** True while commits succeed. */
  healthy(): Promise<boolean>
  /** Commits what is queued and closes. */
  close(): Promise<void>
}
