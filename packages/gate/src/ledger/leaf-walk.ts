import type { LeafType } from '@latchgate/evidence'

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
