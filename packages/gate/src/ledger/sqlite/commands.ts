import type { LeafColumns } from '@latchgate/evidence'
import type {
  IdentityTokenUse,
  LearnedRule,
  LeaseUse,
  ProofUse,
  QuotaLimit,
  Revocation,
} from '../port.js'
import type { ArenaLeaf } from './byte-arena.js'

/** A leaf on its way to the writer thread: where its bytes are, and what is indexed beside them. */
export interface LeafRef extends ArenaLeaf {
  /** `session_seq` is null where the writer assigns it. */
  readonly columns: LeafColumns
}

/** A payload's row id is its leaf's index times this, plus its position in the record. */
export const PAYLOADS_PER_LEAF = 8

/** A payload on its way to the writer thread: 32 bytes of salt, then its bytes, in the arena. */
export interface PayloadRef {
  readonly kind: string
  readonly hash: string
  readonly eraseAfter: number
  readonly at: number
  /** Without the salt. */
  readonly length: number
}

/** Whose call it is, and what it is held against: the guards of an intent and of a hold. */
export interface CallGuards {
  readonly sessionId: string
  readonly principal: string
  readonly lease: LeaseUse
  /** Null: used up by an earlier commit. */
  readonly proof: ProofUse | null
  /** The session has a budget. */
  readonly debit: boolean
  readonly quotas: readonly QuotaLimit[]
  readonly costUsdCents: number
}

/** A change of the learned rules on its way to the writer. */
export interface LearnRef {
  readonly leaf: LeafRef
  readonly change: 'add' | 'remove' | 'clear'
  readonly rule: LearnedRule
}

/** One entry of the port, as the writer applies it. */
export type Command =
  | {
      readonly op: 'record'
      readonly time: number
      readonly leaf: LeafRef
      readonly sessionId: string | null
      readonly proof: ProofUse | null
      readonly payloads: readonly PayloadRef[]
    }
  | {
      readonly op: 'lease'
      readonly time: number
      readonly leaf: LeafRef
      readonly sessionId: string
      /** Absent: the budget stays as it is. */
      readonly maxCalls?: number | null
      readonly proof: ProofUse | null
      readonly identityToken: IdentityTokenUse | null
    }
  | (CallGuards & {
      readonly op: 'intend'
      readonly time: number
      readonly leaf: LeafRef
      readonly grantId: string
      readonly dispatchNotAfter: number
      readonly approval: {
        readonly approvalId: string
        readonly planHash: string
        readonly operator: string
        readonly leaf: LeafRef
      } | null
      readonly payloads: readonly PayloadRef[]
    })
  | (CallGuards & {
      readonly op: 'hold'
      readonly time: number
      readonly leaf: LeafRef
      readonly approvalId: string
      readonly callHash: string
      readonly planHash: string
      readonly expiresAt: number
      readonly required: number
      readonly maxPending: number
      readonly payloads: readonly PayloadRef[]
    })
  | {
      readonly op: 'decide'
      readonly time: number
      readonly leaf: LeafRef
      readonly approvalId: string
      readonly to: 'vote' | 'denied' | 'failed'
      readonly planHash: string | null
      readonly operator: string | null
      readonly proof: ProofUse | null
    }
  | {
      readonly op: 'revoke'
      readonly time: number
      readonly leaf: LeafRef
      readonly revocation: Revocation
      readonly proof: ProofUse
    }
  | (LearnRef & { readonly op: 'learn'; readonly time: number; readonly proof: ProofUse })
  | {
      readonly op: 'seal'
      readonly time: number
      readonly receipt: LeafRef
      readonly decision: LeafRef
      readonly grantId: string
      readonly refund: boolean
      /** The provider returned a result. */
      readonly succeeded: boolean
      readonly learn: readonly LearnRef[]
      readonly payloads: readonly PayloadRef[]
    }

/** What became of a command. Everything but `ok` has appended nothing. */
export const STATUS = {
  ok: 0,
  grant_consumed: 1,
  replay_detected: 2,
  budget_exhausted: 3,
  budget_session_not_found: 4,
  intent_not_found: 5,
  already_sealed: 6,
  lease_revoked: 7,
  quota_exhausted: 8,
  approval_not_found: 9,
  approval_decided: 10,
  approval_expired: 11,
  approval_revoked: 12,
  plan_hash_mismatch: 13,
  quorum_not_reached: 14,
  too_many_pending_approvals: 15,
  call_pending: 16,
  too_many_rules: 17,
  identity_token_used: 18,
} as const

/** Result of one command. */
export interface Outcome {
  readonly status: number
  readonly index: number
  readonly sessionSeq: number | null
  readonly callsRemaining: number | null
  /**
   * What the operation adds: milliseconds to wait (`quota_exhausted`), the hold's index
   * (`call_pending`), votes, approvals revoked, rules changed.
   */
  readonly extra: number | null
}

/** To the writer. */
export type ToWriter =
  | { readonly kind: 'commands'; readonly commands: readonly Command[]; readonly arena: Uint8Array }
  | { readonly kind: 'sweep'; readonly now: number; readonly id: number }
  | { readonly kind: 'close' }

/** What one run of the sweeper did. */
export interface Swept {
  /** Intents that became `unknown`. */
  readonly unknown: number
  readonly payloadsErased: number
  readonly proofsForgotten: number
  readonly identityTokensForgotten: number
  readonly approvalsExpired: number
  readonly quotaUsesForgotten: number
}

/** The writer has started: the state it found. */
export interface Ready {
  readonly kind: 'ready'
  readonly note: string
  readonly size: number
  /** Unix milliseconds. */
  readonly highestTime: number
  readonly lastBatch: string
  readonly warnings: readonly string[]
  readonly swept: Swept
}

/** From the writer. */
export type FromWriter =
  | Ready
  | { readonly kind: 'refused'; readonly name: string; readonly message: string }
  | {
      readonly kind: 'committed'
      readonly size: number
      readonly note: string
      /** See `outcome-codec.ts`. */
      readonly outcomes: Float64Array
    }
  | {
      readonly kind: 'swept'
      readonly id: number
      readonly note: string
      readonly swept: Swept
      readonly size: number
    }
  | { readonly kind: 'failed'; readonly message: string; readonly batch: string }
  | { readonly kind: 'closed' }

/** What the writer thread is started with. */
export interface WriterData {
  readonly path: string
  readonly origin: string
  readonly gateId: string
  readonly logKeySeed: Uint8Array
  readonly receiptKeys: readonly AnnouncedKey[]
  readonly highWaterPath: string
  readonly synchronous: 'FULL' | 'NORMAL' | 'OFF'
  /** Unix milliseconds. */
  readonly now: number
}

/** A public key that the log announces. */
export interface AnnouncedKey {
  readonly kid: string
  readonly publicKey: Uint8Array
  readonly addedAt: string
}
