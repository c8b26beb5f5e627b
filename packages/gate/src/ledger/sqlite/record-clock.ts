import { LedgerFault } from '../faults.js'

/** How far the wall clock may be behind the latest record (notes/evidence 4). */
export const CLOCK_TOLERANCE_MS = 5000

/**
 * The wall clock, held against the latest record: were it set back, grants and approvals would live
 * longer than anybody said.
 */
export class RecordClock {
  readonly #now: () => number
  #highest: number

  /** `now` and `highest` in Unix milliseconds; `highest` is the time of the latest record. */
  constructor(now: () => number, highest: number) {
    this.#now = now
    this.#highest = highest
  }

  get isBehind(): boolean {
    return this.#now() < this.#highest - CLOCK_TOLERANCE_MS
  }

  /** The time for a record of what has happened already: taken whatever the clock says. */
  timeAnyway(): number {
    const now = this.#now()
    if (now > this.#highest) this.#highest = now
    return now
  }

  /** The time for a record. Throws LedgerFault `clock_error` when the clock went back. */
  time(): number {
    const now = this.#now()
    if (now > this.#highest) this.#highest = now
    if (now >= this.#highest - CLOCK_TOLERANCE_MS) return now
    throw new LedgerFault(
      'clock_error',
      `the clock is ${this.#highest - now} ms behind the latest record: set it right; until then calls are denied`,
    )
  }
}
