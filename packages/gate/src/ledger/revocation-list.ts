import type { LeaseUse, Revocation } from './port.js'

/** A lease with whose it is. */
export interface RevocableLease extends LeaseUse {
  readonly sessionId: string
  readonly principal: string
}

/**
 * What has been revoked, in memory. The writer keeps one for its guards, the gate one for the first
 * look at a lease; both are filled from the table.
 */
export class RevocationList {
  #epoch = 0
  #all = 0
  readonly #principals = new Map<string, number>()
  readonly #sessions = new Set<string>()
  readonly #leases = new Set<string>()

  /** Number of the latest revocation: leases are issued with it. */
  get epoch(): number {
    return this.#epoch
  }

  add({ kind, value, epoch }: Revocation): void {
    this.#epoch = Math.max(this.#epoch, epoch)
    if (kind === 'all') this.#all = Math.max(this.#all, epoch)
    if (value === null) return
    if (kind === 'principal') {
      this.#principals.set(value, Math.max(this.#principals.get(value) ?? 0, epoch))
    }
    if (kind === 'session') this.#sessions.add(value)
    if (kind === 'lease') this.#leases.add(value)
  }

  /** Whether a revocation reaches the lease. */
  reaches({ jti, sessionId, principal, epoch }: RevocableLease): boolean {
    // An epoch that is still to come was given out by a gate whose revocation was never recorded.
    if (epoch < this.#all || epoch > this.#epoch) return true
    if (epoch < (this.#principals.get(principal) ?? 0)) return true
    return this.#sessions.has(sessionId) || this.#leases.has(jti)
  }
}
