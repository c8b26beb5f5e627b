/** A clock that moves only when the test says so. Milliseconds since the epoch. */
export class ManualClock {
  #now: number
  #sleepers: readonly { readonly at: number; readonly wake: () => void }[] = []

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#now = startMs
  }

  /** The time; bound, so that it can be passed where code takes `() => number`. */
  readonly now = (): number => this.#now

  /** Moves forward (or, with a negative number, back) and wakes the sleepers that are due. */
  advance(ms: number): void {
    this.set(this.#now + ms)
  }

  /** Jumps to a time, as an operator or NTP would. Setting it back wakes nobody. */
  set(ms: number): void {
    this.#now = ms
    const due = this.#sleepers.filter((sleeper) => sleeper.at <= ms)
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.at > ms)
    for (const sleeper of due.toSorted((a, b) => a.at - b.at)) sleeper.wake()
  }

  /** Resolves once the clock has been moved `ms` further. */
  readonly sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (ms <= 0) return resolve()
      this.#sleepers = [...this.#sleepers, { at: this.#now + ms, wake: resolve }]
    })

  /** How many sleeps have not ended. */
  get sleeping(): number {
    return this.#sleepers.length
  }
}
