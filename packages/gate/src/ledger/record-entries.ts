import type { LeafType } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'

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
  /** The token of an issuer that did: it can be used once. */
  readonly identityToken?: IdentityTokenUse
}

/** A token of an issuer that opens or renews one lease (design 10). */
export interface IdentityTokenUse {
  /** SHA-256 of issuer and `jti`, in hex. */
  readonly hash: string
  /** Unix milliseconds at which the token expires. */
  readonly expiresAt: number
}

/** A proof identifier that no second effect may use (design 5). */
export interface ProofUse {
  readonly jkt: string
  readonly jti: string
  /** Unix milliseconds after which the proof is too old to be accepted anyway. */
  readonly forgetAfter: number
}
