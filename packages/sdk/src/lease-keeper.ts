import { LatchGateAuthError, LatchGateNotConnected } from './errors.js'
import { type Lease, type LeaseDesk, type LeaseWish, renewLease, requestLease } from './lease.js'

/**
 * Keeps one lease good (spec/http-api 15.3). Callers that need one at the same time share one
 * request; after a failure the next caller asks again. A renewal keeps the session; only a lease
 * that the gate no longer knows is replaced by one of a new session, with the same wish and with
 * what is left of its budget.
 */
export class LeaseKeeper {
  readonly #desk: LeaseDesk
  #wish: LeaseWish
  #lease: Lease | null = null
  #pending: Promise<Lease> | null = null
  #callsMade = 0

  constructor(desk: LeaseDesk, wish: LeaseWish) {
    this.#desk = desk
    this.#wish = wish
  }

  /** The lease in use. */
  get lease(): Lease | null {
    return this.#lease
  }

  /** Opens a new session, whatever there was before. A failure leaves things as they are. */
  async connect(wish: LeaseWish): Promise<Lease> {
    const earlier = this.#pending
    return this.#share(async () => {
      // Its own caller hears of its failure; here it only must not finish later than this one.
      if (earlier !== null) await Promise.allSettled([earlier])
      const lease = await requestLease(this.#desk, wish)
      this.#wish = wish
      this.#callsMade = 0
      return lease
    })
  }

  /** A lease that can be used now; connects or renews first where that is needed. */
  async current(): Promise<Lease> {
    if (this.#pending !== null) return this.#pending
    const lease = this.#lease
    if (lease === null) {
      if (this.#wish.agentId === null) throw new LatchGateNotConnected()
      return this.#share(() => this.#open())
    }
    if (this.#desk.channel.clock.now() < lease.renewAt) return lease
    return this.#share(() => this.#renew(lease))
  }

  /** A lease in place of one that the gate refused with `code`, unless another caller has it. */
  async replace(refused: Lease, code: 'invalid_lease' | 'lease_expired'): Promise<Lease> {
    if (this.#pending !== null || this.#lease !== refused) return this.current()
    return this.#share(() => (code === 'lease_expired' ? this.#renew(refused) : this.#open()))
  }

  /** Counts a call against the budget that a lease of a new session would be given. */
  countCall(): void {
    this.#callsMade += 1
  }

  /** Forgets the lease and its key. */
  forget(): void {
    this.#lease = null
  }

  #share(obtain: () => Promise<Lease>): Promise<Lease> {
    const shared = obtain()
      .then((lease) => {
        this.#lease = lease
        return lease
      })
      .finally(() => {
        if (this.#pending === shared) this.#pending = null
      })
    this.#pending = shared
    return shared
  }

  #open(): Promise<Lease> {
    return requestLease(this.#desk, this.#remainingWish())
  }

  async #renew(lease: Lease): Promise<Lease> {
    try {
      return await renewLease(this.#desk, lease, this.#remainingWish())
    } catch (error) {
      // Only a lease that is not known or too old: one that was revoked stays revoked.
      if (!(error instanceof LatchGateAuthError)) throw error
      if (error.code !== 'invalid_lease' && error.code !== 'lease_expired') throw error
      return this.#open()
    }
  }

  // A new session with the whole budget again would make a capped agent an uncapped one.
  #remainingWish(): LeaseWish {
    const { maxCalls } = this.#wish
    if (maxCalls === null) return this.#wish
    return { ...this.#wish, maxCalls: Math.max(0, maxCalls - this.#callsMade) }
  }
}
