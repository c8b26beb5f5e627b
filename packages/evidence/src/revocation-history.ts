import type { Leaf } from './leaf.js'

/**
 * Follows revocations through the log: no call that one of them reaches is held or begun after it.
 * Needs nothing but the leaves, from the first one on.
 */
export class RevocationHistory {
  #epoch = 0
  #all = 0
  readonly #principals = new Map<string, number>()
  /** Index of the revocation. */
  readonly #sessions = new Map<string, number>()
  readonly #leases = new Map<string, number>()

  /** Takes note of a leaf. Returns what is wrong with it, or null. */
  add(index: number, leaf: Leaf): string | null {
    if (leaf.type === 'revocation') return this.#revoke(index, leaf)
    return leaf.type === 'intent' || leaf.type === 'hold' ? this.#call(leaf) : null
  }

  #revoke(index: number, { body }: Leaf): string | null {
    const { kind, value, epoch } = body
    if (typeof epoch !== 'number') return 'the revocation has no epoch'
    // A lease that was issued with this number, or a later one, would not be reached.
    const problem =
      epoch > this.#epoch ? null : `epoch ${epoch} is not after that before it, ${this.#epoch}`
    this.#epoch = Math.max(this.#epoch, epoch)
    if (kind === 'all' && value === null) this.#all = Math.max(this.#all, epoch)
    else if (typeof value !== 'string') return 'the revocation does not say whose'
    else if (kind === 'principal') this.#principals.set(value, epoch)
    else if (kind === 'session') this.#sessions.set(value, index)
    else if (kind === 'lease') this.#leases.set(value, index)
    else return `unknown kind '${String(kind)}'`
    return problem
  }

  #call({ body }: Leaf): string | null {
    const { lease_jti: jti, lease_epoch: epoch, session_id: session, principal } = body
    const by = this.#leases.get(String(jti)) ?? this.#sessions.get(String(session))
    if (by !== undefined) return `the lease of this call had been revoked by leaf ${by}`
    if (typeof epoch !== 'number') return null
    const least = Math.max(this.#all, this.#principals.get(String(principal)) ?? 0)
    if (epoch < least) return `the lease of this call is of epoch ${epoch}, revoked by ${least}`
    return epoch > this.#epoch ? `the lease of this call is of epoch ${epoch}, yet to come` : null
  }
}
