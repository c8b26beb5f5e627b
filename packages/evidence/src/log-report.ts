/** One thing that is wrong, and where. */
export interface Finding {
  /** Leaf index, or null for something that is not one leaf. */
  readonly index: number | null
  /** Id of the record or row. */
  readonly id: string | null
  /** Column, member or table that differs. */
  readonly column: string | null
  readonly problem: string
}

/** How a checkpoint relates to the log that was read. */
export interface CheckpointReport {
  readonly size: number
  /** Hex. */
  readonly root: string
  /**
   * `valid`: signed by the key that was handed in. `valid_by_log_key`: signed by the key that the
   * log itself announces, which whoever rewrote the log could have replaced.
   */
  readonly signature: 'valid' | 'valid_by_log_key' | 'invalid'
  /** `differs`: the log was changed since. `log_is_shorter`: its tail was cut off. */
  readonly consistency: 'matches' | 'differs' | 'log_is_shorter' | 'not_computed'
}

/**
 * What a walk over a log found. Each question is answered on its own; there is no word for
 * "everything is well" (notes/evidence 6).
 */
export interface LogReport {
  readonly origin: string | null
  /** Leaves that were read and checked. */
  readonly leavesChecked: number
  /** Size and root (hex) of the tree over the leaves as read; root null when leaves are missing. */
  readonly size: number
  readonly root: string | null
  /** Root (hex) over the stored hashes, where they differ from the leaves. */
  readonly storedHashesRoot: string | null
  readonly checkpoint: CheckpointReport | null
  /** Where trust in the keys comes from. */
  readonly trust: 'key_given' | 'log_itself'
  readonly receipts: { readonly checked: number; readonly signatureValid: number }
  readonly findings: readonly Finding[]
  /** Findings beyond the limit, counted and not kept. */
  readonly findingsOmitted: number
}

/** Collects findings up to a limit: a wholly rewritten log must not exhaust memory. */
export class Findings {
  readonly #limit: number
  readonly #kept: Finding[] = []
  #omitted = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get kept(): readonly Finding[] {
    return this.#kept
  }

  get omitted(): number {
    return this.#omitted
  }

  add(
    problem: string,
    at: {
      readonly index?: number | null
      readonly id?: string | null
      readonly column?: string | null
    } = {},
  ): void {
    if (this.#kept.length >= this.#limit) {
      this.#omitted += 1
      return
    }
    const { index = null, id = null, column = null } = at
    this.#kept.push({ index, id, column, problem })
  }
}
