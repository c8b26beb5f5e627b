import type { Receipt } from '@latchgate/evidence'
import type { Result } from '@latchgate/protocol'
import type {
  ApprovalQuery,
  ApprovalRefusal,
  Decided,
  DecideEntry,
  HeldPlan,
  StoredApproval,
} from './approval-entries.js'
import type {
  HoldEntry,
  HoldRefusal,
  IntendEntry,
  Intended,
  IntendRefusal,
  SealEntry,
} from './call-entries.js'
import type { LeafStep, LeafWalk } from './leaf-walk.js'
import type { LearnEntry, Revocation, RevokeEntry, StoredRule } from './operator-entries.js'
import type {
  ActEntry,
  Appended,
  LeaseEntry,
  PayloadDraft,
  ProofUse,
  RecordEntry,
} from './record-entries.js'

export type * from './approval-entries.js'
export type * from './call-entries.js'
export type * from './leaf-walk.js'
export type * from './operator-entries.js'
export type * from './record-entries.js'

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
  issueLease(
    entry: LeaseEntry,
  ): Promise<Result<Appended, { readonly code: 'replay_detected' | 'identity_token_used' }>>
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
