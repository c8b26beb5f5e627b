/** Executions that are running, whether or not their client is still there. */
export class InFlight {
  readonly #running = new Set<Promise<unknown>>()

  /** Counts a promise until it settles. */
  track<T>(work: Promise<T>): Promise<T> {
    const done = work.finally(() => {
      this.#running.delete(done)
    })
    this.#running.add(done)
    return done
  }

  get size(): number {
    return this.#running.size
  }

  /** Resolves when nothing is running any more; true if that came within `timeoutMs`. */
  async settled(timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs
    while (this.#running.size > 0) {
      const left = deadline - Date.now()
      if (left <= 0) return false
      let timer: NodeJS.Timeout | undefined
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, left)
      })
      await Promise.race([Promise.allSettled([...this.#running]), timeout])
      clearTimeout(timer)
    }
    return true
  }
}
