import type { ReplayVerdict } from '../port.js'

/** Milliseconds between two walks over everything: thousands of refused calls must not each make one. */
const WHOLE_SWEEP_EVERY_MS = 1000

/**
 * Proof identifiers seen, in memory. Bounded twice: as a whole, and per owner, so that one
 * authenticated caller cannot fill it for all.
 */
export class ReplayMemory {
  readonly #seen = new Map<string, { readonly owner: string; readonly forgetAfter: number }>()
  readonly #held = new Map<string, number>()
  readonly #capacity: number
  readonly #perOwner: number
  #sweptWholeAt = Number.NEGATIVE_INFINITY

  constructor(capacity = 200_000, perOwner = 50_000) {
    this.#capacity = capacity
    this.#perOwner = perOwner
  }

  remember(
    proof: {
      readonly jkt: string
      readonly jti: string
      readonly owner: string
      readonly forgetAfter: number
    },
    nowMs: number,
  ): ReplayVerdict {
    const key = `${proof.jkt} ${proof.jti}`
    const known = this.#seen.get(key)
    if (known !== undefined && known.forgetAfter >= nowMs) return 'replayed'
    this.sweep(nowMs, 64)
    const held = this.#held.get(proof.owner) ?? 0
    if (held >= this.#perOwner || this.#seen.size >= this.#capacity) {
      this.#sweepWhole(nowMs)
      const now = this.#held.get(proof.owner) ?? 0
      // Forgetting a live identifier would let its proof be used again.
      if (now >= this.#perOwner || this.#seen.size >= this.#capacity) return 'full'
    }
    if (known !== undefined) this.#forget(key, known.owner)
    this.#seen.set(key, { owner: proof.owner, forgetAfter: proof.forgetAfter })
    this.#held.set(proof.owner, (this.#held.get(proof.owner) ?? 0) + 1)
    return 'fresh'
  }

  /** Drops up to `limit` expired entries, oldest first. */
  sweep(nowMs: number, limit: number): void {
    let left = limit
    for (const [key, entry] of this.#seen) {
      if (left <= 0) return
      left -= 1
      if (entry.forgetAfter >= nowMs) {
        if (limit !== Number.POSITIVE_INFINITY) return
        continue
      }
      this.#forget(key, entry.owner)
    }
  }

  // Needed only where a clock was set back: otherwise the oldest entries are the first to expire.
  #sweepWhole(nowMs: number): void {
    if (Math.abs(nowMs - this.#sweptWholeAt) < WHOLE_SWEEP_EVERY_MS) return
    this.#sweptWholeAt = nowMs
    this.sweep(nowMs, Number.POSITIVE_INFINITY)
  }

  get size(): number {
    return this.#seen.size
  }

  #forget(key: string, owner: string): void {
    this.#seen.delete(key)
    const held = (this.#held.get(owner) ?? 1) - 1
    if (held > 0) this.#held.set(owner, held)
    else this.#held.delete(owner)
  }
}
