/**
 * Counts what happens before a principal is known, and floods: they are evidence as one signed
 * summary a minute, not as a record each, so that nobody can fill the ledger without credentials.
 */
export class UnauthenticatedSummary {
  #counts = new Map<string, number>()

  /** `kind` comes from a closed set of codes. */
  count(kind: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
  }

  /** The counts since the last call, or null when nothing was counted. */
  take(): Readonly<Record<string, number>> | null {
    if (this.#counts.size === 0) return null
    const counts = Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    this.#counts = new Map()
    return counts
  }
}
