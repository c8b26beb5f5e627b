import type { EgressFailure } from './egress-failure.js'

/** What ended a call before its answer was complete. */
export type CutReason = 'timeout' | 'cancelled' | 'closed'

const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * The one clock of a call: its total time (resolving, connecting, sending, receiving, decoding) and
 * its abort signal. Whatever comes first cuts it, once.
 */
export class Cutoff {
  readonly #host: string
  readonly #timeoutMs: number
  readonly #deadline: number
  readonly #timer: NodeJS.Timeout
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.cut('cancelled')
  #reason: CutReason | null = null
  #waiting: (() => void) | null = null

  constructor(host: string, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#host = host
    this.#timeoutMs = Math.min(Math.max(Math.trunc(timeoutMs), 1), LONGEST_TIMER_MS)
    this.#deadline = performance.now() + this.#timeoutMs
    this.#timer = setTimeout(() => this.cut('timeout'), this.#timeoutMs)
    this.#signal = signal
    if (signal?.aborted === true) this.cut('cancelled')
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get isCut(): boolean {
    return this.#reason !== null
  }

  /** At least 1. */
  get remainingMs(): number {
    return Math.max(1, this.#deadline - performance.now())
  }

  get failure(): EgressFailure {
    return { type: 'upstream_timeout', message: this.#message() }
  }

  /** Ends the call; the first reason stands. */
  cut(reason: CutReason): void {
    if (this.#reason !== null) return
    this.#reason = reason
    this.#waiting?.()
  }

  /** What to do at the cut, in this phase of the call; at once if it is cut already. */
  whenCut(stop: () => void): void {
    this.#waiting = stop
    if (this.isCut) stop()
  }

  /** The work's value, or null if the cut came first; the work then ends unobserved. */
  async race<T>(work: Promise<T>): Promise<T | null> {
    return await Promise.race([
      work,
      new Promise<null>((resolve) => this.whenCut(() => resolve(null))),
    ])
  }

  /** Releases timer and signal. */
  end(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#waiting = null
  }

  #message(): string {
    if (this.#reason === 'cancelled') return `the request to ${this.#host} was cancelled`
    if (this.#reason === 'closed') return `the request to ${this.#host} was ended by a shutdown`
    return `no complete answer of ${this.#host} within ${this.#timeoutMs} ms`
  }
}
