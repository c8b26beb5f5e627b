/** No slot became free in time. */
export class Overloaded extends Error {
  override readonly name = 'Overloaded'
}

interface Waiter {
  readonly grant: () => void
  readonly refuse: () => void
}

/**
 * Slots for executions in flight: a total, a share per principal, and a bounded wait. Freed slots go
 * round the waiting principals, so that one with a thousand calls does not starve one with two. The
 * places to wait are shared likewise: in a full queue whoever waits with fewer calls takes a place of
 * whoever waits with most, so that nobody can keep all others out by filling it.
 */
export class ExecutionSlots {
  readonly #total: number
  readonly #perPrincipal: number
  readonly #queueMs: number
  readonly #held = new Map<string, number>()
  readonly #waiting = new Map<string, Waiter[]>()
  #inFlight = 0
  #queued = 0

  constructor(limits: {
    readonly max_in_flight: number
    readonly max_in_flight_per_principal: number
    readonly queue_ms: number
  }) {
    this.#total = limits.max_in_flight
    this.#perPrincipal = limits.max_in_flight_per_principal
    this.#queueMs = limits.queue_ms
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** How many wait. */
  get queued(): number {
    return this.#queued
  }

  /** Resolves to the function that frees the slot; rejects with `Overloaded` after `queue_ms`. */
  async acquire(principal: string): Promise<() => void> {
    if (this.#free(principal) && !this.#waiting.has(principal)) return this.#take(principal)
    if (this.#queueMs === 0) throw new Overloaded()
    // The queue is bounded as well: memory must not grow with the number of refused calls.
    if (this.#queued >= this.#total * 4 && !this.#displaceFor(principal)) throw new Overloaded()
    await this.#wait(principal)
    return this.#releaser(principal)
  }

  #free(principal: string): boolean {
    return this.#inFlight < this.#total && (this.#held.get(principal) ?? 0) < this.#perPrincipal
  }

  #take(principal: string): () => void {
    this.#inFlight += 1
    this.#held.set(principal, (this.#held.get(principal) ?? 0) + 1)
    return this.#releaser(principal)
  }

  #releaser(principal: string): () => void {
    let released = false
    return () => {
      if (released) return
      released = true
      this.#inFlight -= 1
      const held = (this.#held.get(principal) ?? 1) - 1
      if (held > 0) this.#held.set(principal, held)
      else this.#held.delete(principal)
      this.#serveNext()
    }
  }

  #wait(principal: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(principal) ?? []
      this.#waiting.set(principal, queue)
      const timer = setTimeout(() => waiter.refuse(), this.#queueMs)
      const waiter: Waiter = {
        grant: () => {
          clearTimeout(timer)
          resolve()
        },
        refuse: () => {
          clearTimeout(timer)
          this.#remove(principal, waiter)
          reject(new Overloaded())
        },
      }
      queue.push(waiter)
      this.#queued += 1
    })
  }

  // The newest waiter of the longest queue goes: it has waited least, and its principal keeps most. One
  // more call must leave the newcomer's queue no longer than that one, or two would displace each other
  // for ever.
  #displaceFor(principal: string): boolean {
    let longest: readonly Waiter[] = []
    for (const queue of this.#waiting.values()) if (queue.length > longest.length) longest = queue
    const own = this.#waiting.get(principal)?.length ?? 0
    if (own + 1 >= longest.length) return false
    longest.at(-1)?.refuse()
    return true
  }

  #remove(principal: string, waiter: Waiter): void {
    const queue = this.#waiting.get(principal)
    const at = queue?.indexOf(waiter) ?? -1
    if (queue === undefined || at < 0) return
    queue.splice(at, 1)
    this.#queued -= 1
    if (queue.length === 0) this.#waiting.delete(principal)
  }

  #serveNext(): void {
    for (const [principal, queue] of this.#waiting) {
      if (!this.#free(principal)) continue
      const waiter = queue[0]
      if (waiter === undefined) continue
      this.#remove(principal, waiter)
      // Last in turn again: a map keeps the order of insertion.
      const rest = this.#waiting.get(principal)
      if (rest !== undefined) {
        this.#waiting.delete(principal)
        this.#waiting.set(principal, rest)
      }
      this.#take(principal)
      waiter.grant()
      return
    }
  }
}
