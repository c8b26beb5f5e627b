/**
 * Turns for the searches of large responses: one slice of one of them in each turn of the event loop,
 * in the order of asking. However many hostile bodies come at once, what else the gate has to do waits
 * for one slice, not for all of them.
 */
export class SearchTurns {
  readonly #waiting: (() => void)[] = []
  #scheduled = false

  /** Resolves when it is the caller's turn to do one slice. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return
    this.#scheduled = true
    // An immediate that is set within one runs in the next turn, behind the I/O of this one.
    setImmediate(() => {
      this.#scheduled = false
      this.#waiting.shift()?.()
      this.#schedule()
    })
  }
}
