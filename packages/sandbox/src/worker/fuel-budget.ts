import { ExecutionStop } from './execution-stop.js'

/** Instructions granted at a time: about a third of a millisecond. */
const SLICE = 4_000_000n

/**
 * Instructions for what is not the module's own work: unwinding and rewinding its frames, and its
 * post-return. They are not charged to the call, so a call costs the same whether it was suspended
 * or not.
 */
export const ALLOWANCE = 1_000_000n

/**
 * The fuel of one execution. The module's tank is filled by the slice; what is left in it and what
 * was granted say how much was used, to the instruction.
 */
export class FuelBudget {
  readonly #limit: bigint
  readonly #maxStretchMs: number
  readonly #now: () => number
  #granted = 0n
  #closed = false
  #stretchStart = 0
  #spent = false

  constructor(limit: number, maxStretchMs: number, now: () => number) {
    this.#limit = BigInt(limit)
    this.#maxStretchMs = maxStretchMs
    this.#now = now
  }

  /** The module begins to compute, after which it may do so for `maxStretchMs` in one go. */
  beginStretch(): void {
    this.#stretchStart = this.#now()
  }

  /** While closed nothing is granted: the module runs on an allowance. */
  set closed(closed: boolean) {
    this.#closed = closed
  }

  /**
   * Grants at least `missing` instructions.
   *
   * @throws ExecutionStop `fuel_exhausted`, or `wall_clock` when the computation has gone on too long
   */
  grant(missing: bigint): bigint {
    if (this.#closed) {
      throw new ExecutionStop('fuel_exhausted', `used all of ${ALLOWANCE} instructions set aside`)
    }
    const left = this.#limit - this.#granted
    if (missing > left) {
      this.#spent = true
      throw new ExecutionStop('fuel_exhausted', `used all of ${this.#limit} instructions`)
    }
    // Fuel bounds instructions, and some of them are slow (a load that misses every cache).
    if (this.#now() - this.#stretchStart > this.#maxStretchMs) {
      throw new ExecutionStop('wall_clock', `computed for ${this.#maxStretchMs} ms in one go`)
    }
    const atMost = missing > SLICE ? missing : SLICE
    const grant = atMost < left ? atMost : left
    this.#granted += grant
    return grant
  }

  /** Instructions used, when `tank` are left in the module. */
  consumed(tank: bigint): number {
    return Number(this.#spent ? this.#limit : this.#granted - tank)
  }
}
