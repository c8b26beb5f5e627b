const LONGEST_MS = 30_000
const SHARE_OF_JITTER = 0.25
const LEAST_MS = 1_000

/** The gate could not be reached a moment ago, and is not asked again before its time. */
export class GateAway extends Error {
  override readonly name = 'GateAway'
  readonly retryAfterSeconds: number

  constructor(reason: string, waitMs: number) {
    const seconds = Math.ceil(waitMs / 1000)
    super(`the gate cannot be reached, it is tried again in ${seconds} s: ${reason}`)
    this.retryAfterSeconds = seconds
  }
}

/**
 * Whether the gate can be reached, and when it may be asked again (spec/mcp-webhooks-sandbox 1.13).
 * Only a gate that cannot be reached counts: one that answers with an error is there.
 */
export class GateHealth {
  readonly #now: () => number
  readonly #random: () => number
  #hasAnswered = false
  #attempt = 0
  #retryAt = 0
  #reason = ''

  /** `now` in milliseconds, never going back; `random` from 0 to below 1. */
  constructor(now: () => number = () => performance.now(), random: () => number = Math.random) {
    this.#now = now
    this.#random = random
  }

  /** Whether it answered when it was last asked; false before it was. */
  get isHealthy(): boolean {
    return this.#hasAnswered && this.#attempt === 0
  }

  /** Whether it could not be reached when it was last asked. */
  get isAway(): boolean {
    return this.#attempt > 0
  }

  /** Milliseconds until it is asked again; 0: now. */
  get waitMs(): number {
    return this.isAway ? Math.max(0, this.#retryAt - this.#now()) : 0
  }

  /** Why it could not be reached. */
  get reason(): string {
    return this.#reason
  }

  /** It answered. */
  answered(): void {
    this.#hasAnswered = true
    this.#attempt = 0
  }

  /** It could not be reached. Failures of requests that were under way together are one. */
  failed(reason: string): void {
    this.#reason = reason
    if (this.waitMs > 0) return
    this.#attempt += 1
    this.#retryAt = this.#now() + backOffMs(this.#attempt, this.#random())
  }
}

/** 1, 2, 4, 8, 16, 30, 30 … s by attempt, a quarter and at least 1 s more or less, never below 1 s. */
export function backOffMs(attempt: number, random: number): number {
  const base = Math.min(LONGEST_MS, 1000 * 2 ** Math.min(attempt - 1, 5))
  const spread = Math.max(LEAST_MS, base * SHARE_OF_JITTER)
  // Adapters of one gate that is restarted must not come back in step.
  return Math.max(LEAST_MS, base + (2 * random - 1) * spread)
}
