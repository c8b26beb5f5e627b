/** Proofs may be made this long ahead of the gate's clock, in ms (spec/auth-and-evidence 1). */
const PROOF_SKEW_MS = 5_000
/** A clock that is further off has to be mended; and a proof for next year is for nobody. */
const MAX_CORRECTION_MS = 24 * 3600 * 1000

/**
 * The gate's time as this client knows it: that of this machine until the gate refuses a proof while
 * its `Date` says another time. Leases and proofs are about the gate's clock, not about ours.
 */
export class GateClock {
  #aheadMs = 0

  /** Unix milliseconds. */
  now(): number {
    return Date.now() + this.#aheadMs
  }

  /** Milliseconds by which a gate whose answer has just come with this `Date` is ahead of `now()`. */
  differenceMs(date: number | null): number {
    const difference = date === null ? 0 : date - this.now()
    // `Date` has whole seconds and is as old as the way here is long: so little says nothing.
    return Math.abs(difference) < PROOF_SKEW_MS / 2 ? 0 : difference
  }

  /**
   * Takes over the time of an answer that refused a proof. False: it is the time that the proof was
   * made with, or too far off to follow.
   */
  correct(date: number | null): boolean {
    const difference = this.differenceMs(date)
    if (difference === 0) return false
    if (Math.abs(this.#aheadMs + difference) > MAX_CORRECTION_MS) return false
    this.#aheadMs += difference
    return true
  }
}
