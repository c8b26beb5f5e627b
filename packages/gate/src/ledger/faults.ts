/** Why a write of the ledger failed. */
export type LedgerFaultCode =
  /** The commit's fate is unknown. The writer has stopped; a new one must be opened. */
  | 'commit_failed'
  /** The wall clock is behind the time of the last record. */
  | 'clock_error'
  /** The ledger was closed. */
  | 'closed'
  /** The entry cannot become a leaf: too large, or a value that a leaf cannot hold. */
  | 'invalid_entry'
  /** A receipt for a grant that has no intent. */
  | 'intent_not_found'
  /** Another receipt for a grant that has one. */
  | 'already_sealed'

/** A write that is not confirmed. The caller must deny; only `invalid_entry` is certain to be absent. */
export class LedgerFault extends Error {
  override readonly name = 'LedgerFault'
  readonly code: LedgerFaultCode
  /** The batch whose commit failed; compare with `lastBatch` of the reopened ledger. */
  readonly batch: string | null

  constructor(
    code: LedgerFaultCode,
    message: string,
    options: { readonly cause?: unknown; readonly batch?: string | null } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.batch = options.batch ?? null
  }
}

/** Another process has the ledger open: there is one writer, or none. */
export class LedgerInUse extends Error {
  override readonly name = 'LedgerInUse'
}

/** The ledger is older than, or another one than, the high-water file remembers (notes/evidence 4). */
export class LedgerRolledBack extends Error {
  override readonly name = 'LedgerRolledBack'
}

/** The ledger contradicts itself, or is no ledger of this version. */
export class LedgerDamaged extends Error {
  override readonly name = 'LedgerDamaged'
}

/** The ledger belongs to another configuration: another log name, log key, or misplaced file. */
export class LedgerMismatch extends Error {
  override readonly name = 'LedgerMismatch'
}

const REFUSALS = { LedgerInUse, LedgerRolledBack, LedgerDamaged, LedgerMismatch } as const

/** The refusal of that name, as the writer thread reported it; anything else is a plain fault. */
export function openRefusal(name: string, message: string): Error {
  const Refusal = Object.hasOwn(REFUSALS, name)
    ? REFUSALS[name as keyof typeof REFUSALS]
    : undefined
  return Refusal === undefined
    ? new LedgerFault('commit_failed', `the ledger did not open: ${message}`)
    : new Refusal(message)
}
