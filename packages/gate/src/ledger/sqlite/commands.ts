import type { LeafColumns } from '@latchgate/evidence'

/**
 * A leaf on its way to the writer thread, already in JCS form. The session's number is known only
 * inside the commit, so the text is cut where it belongs.
 */
export interface LeafText {
  readonly before: string
  /** What follows `session_seq`; null for a leaf to which no number is assigned. */
  readonly after: string | null
  /** `session_seq` is filled in by the writer when it assigns one. */
  readonly columns: LeafColumns
}

/** Bytes that travel beside the commands: 32 bytes of salt, then the payload. */
export interface PayloadText {
  readonly traceId: string | null
  readonly kind: string
  readonly hash: string
  readonly eraseAfter: number
  /** Offset in the blob of the batch. */
  readonly at: number
  readonly length: number
}

/** A proof of possession that is used up by the commit. */
export interface ProofText {
  readonly jkt: string
  readonly jti: string
  readonly forgetAfter: number
}

/** One entry of the port, as the writer applies it. */
export type Command =
  | {
      readonly op: 'record'
      readonly time: number
      readonly leaf: LeafText
      readonly sessionId: string | null
      readonly payloads: readonly PayloadText[]
    }
  | {
      readonly op: 'lease'
      readonly time: number
      readonly leaf: LeafText
      readonly sessionId: string
      /** Absent: the budget stays as it is. */
      readonly maxCalls?: number | null
      readonly proof: ProofText | null
    }
  | {
      readonly op: 'intend'
      readonly time: number
      readonly leaf: LeafText
      readonly grantId: string
      readonly sessionId: string
      readonly proof: ProofText
      readonly debit: boolean
      readonly dispatchNotAfter: number
      readonly payloads: readonly PayloadText[]
    }
  | {
      readonly op: 'seal'
      readonly time: number
      readonly receipt: LeafText
      readonly decision: LeafText
      readonly grantId: string
      readonly refund: boolean
      readonly payloads: readonly PayloadText[]
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
} as const

/** Result of one command. */
export interface Outcome {
  readonly status: number
  readonly index: number
  readonly sessionSeq: number | null
  readonly callsRemaining: number | null
}

/** To the writer. */
export type ToWriter =
  | { readonly kind: 'commands'; readonly commands: readonly Command[]; readonly blob: Uint8Array }
  | { readonly kind: 'sweep'; readonly now: number; readonly id: number }
  | { readonly kind: 'close' }

/** What one run of the sweeper did. */
export interface Swept {
  /** Intents that became `unknown`. */
  readonly unknown: number
  readonly payloadsErased: number
  readonly proofsForgotten: number
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
      /** Four numbers a command: status, index, session number, calls; NaN for null. */
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
