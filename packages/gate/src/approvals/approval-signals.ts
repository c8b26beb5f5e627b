/** Requests that may wait for the same principal's approvals at a time. */
const MAX_WAITS_PER_PRINCIPAL = 64

/**
 * Tells those who wait that something became of an approval. It carries no news itself: whoever is
 * woken reads the ledger.
 */
export class ApprovalSignals {
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #held = new Map<string, number>()

  /** An approval has changed; without an id, any of them may have. */
  changed(approvalId?: string): void {
    const woken =
      approvalId === undefined
        ? [...this.#waiting.values()].flatMap((wakes) => [...wakes])
        : [...(this.#waiting.get(approvalId) ?? [])]
    for (const wake of woken) wake()
  }

  /**
   * Resolves to `changed`, `elapsed` or, when the principal has too many requests waiting already,
   * at once to `full`. Ends as well when `signal` is aborted.
   */
  async wait(
    approvalId: string,
    principal: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<'changed' | 'elapsed' | 'full'> {
    const held = this.#held.get(principal) ?? 0
    if (held >= MAX_WAITS_PER_PRINCIPAL) return 'full'
    if (options.signal.aborted) return 'elapsed'
    this.#held.set(principal, held + 1)
    try {
      return await this.#sleep(approvalId, options)
    } finally {
      const left = (this.#held.get(principal) ?? 1) - 1
      if (left > 0) this.#held.set(principal, left)
      else this.#held.delete(principal)
    }
  }

  #sleep(
    approvalId: string,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<'changed' | 'elapsed'> {
    return new Promise((resolve) => {
      const wakes = this.#waiting.get(approvalId) ?? new Set()
      this.#waiting.set(approvalId, wakes)
      const end = (why: 'changed' | 'elapsed'): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        wakes.delete(wake)
        if (wakes.size === 0) this.#waiting.delete(approvalId)
        resolve(why)
      }
      const wake = (): void => end('changed')
      const aborted = (): void => end('elapsed')
      const timer = setTimeout(() => end('elapsed'), timeoutMs)
      wakes.add(wake)
      signal.addEventListener('abort', aborted)
    })
  }
}
