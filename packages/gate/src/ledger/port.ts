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
  readonly kind: 'arguments' | 'output'
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
  readonly proof: ProofUse
  /** True when the lease has a budget: one call is taken from it in this commit. */
  readonly debit: boolean
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

/** Why a guard of the intent's commit refused; nothing was appended. */
export type IntendRefusal =
  | { readonly code: 'grant_consumed' }
  | { readonly code: 'replay_detected' }
  | { readonly code: 'budget_exhausted' }
  | { readonly code: 'budget_session_not_found' }

/** The receipt and the decision, in one commit (design 3, `seal`). */
export interface SealEntry {
  readonly grantId: string
  readonly traceId: string
  readonly principal: string
  readonly receipt: Receipt
  /** Type `decision`. */
  readonly decision: LeafDraft
  /** The call is given back to the budget: no byte of a request left the gate. */
  readonly refund: boolean
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
  /** `undefined`: no such budget. `null`: no limit. */
  callsRemaining(sessionId: string): Promise<number | null | undefined>
  receipt(receiptId: string): Promise<StoredReceipt | undefined>
  payload(traceId: string, kind: PayloadDraft['kind']): Promise<Uint8Array | undefined>
  keys(): Promise<readonly LogKeyRecord[]>
  openIntents(): Promise<readonly OpenIntent[]>
  /** The latest signed C2SP checkpoint note. */
  checkpoint(): string
  inclusionProof(index: number, size: number): Promise<readonly Uint8Array[]>
  consistencyProof(from: number, to: number): Promise<readonly Uint8Array[]>
  leaf(index: number): Promise<Uint8Array | undefined>
  /** True while commits succeed. */
  healthy(): Promise<boolean>
  /** Commits what is queued and closes. */
  close(): Promise<void>
}
