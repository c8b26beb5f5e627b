import type { LeaseClaims, Result } from '@latchgate/protocol'
import type { LeafDraft, Ledger, ProofUse, Revocation } from '../ledger/port.js'
import { RevocationList } from '../ledger/revocation-list.js'
import { ledgerFault } from '../ledger-fault.js'
import { type Refusal, refuse } from '../refusal.js'

/** What came of a revocation. */
export interface Revoked {
  readonly previousEpoch: number
  readonly epoch: number
  /** Pending approvals that ended with it. */
  readonly approvals: number
}

/** Revocations of leases, sessions, principals, or all (design 10). */
export class Revocations {
  readonly #ledger: Ledger
  /** In order, those of this run among them whether or not they are durable. */
  #known: readonly Revocation[] = []
  #list = new RevocationList()
  #next = 0
  #durable = 0

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** Reads what was revoked before this run. */
  async load(): Promise<void> {
    this.#know(await this.#ledger.revocations())
    this.#next = this.#list.epoch
    this.#durable = this.#list.epoch
  }

  /**
   * The epoch that leases are issued with: that of the last revocation on record. One that is not would
   * be given out again after a restart, and the revocation that then has it would miss these leases.
   */
  get epoch(): number {
    return this.#durable
  }

  /** Whether a lease may not be used any more. */
  reaches(claims: LeaseClaims): boolean {
    const { jti, session_id: sessionId, sub: principal, epoch } = claims
    return this.#list.reaches({ jti, sessionId, principal, epoch })
  }

  /**
   * Revokes at once, and then makes it durable: whatever the ledger says, nothing that it reaches
   * begins any more in this run. `describe` gets the epoch that the record is to name. Throws a Fault
   * when the record is not durable: after a restart it would not hold.
   */
  async revoke(
    target: Omit<Revocation, 'epoch'>,
    proof: ProofUse,
    describe: (epoch: number, previous: number) => LeafDraft,
  ): Promise<Result<Revoked, Refusal>> {
    const previousEpoch = this.#durable
    // A number is never given twice, also not when its record failed.
    this.#next = Math.max(this.#next, previousEpoch) + 1
    const revocation = { ...target, epoch: this.#next }
    this.#know([...this.#known, revocation])
    try {
      const leaf = describe(revocation.epoch, previousEpoch)
      const done = await this.#ledger.revoke({ leaf, revocation, proof })
      if (!done.ok) {
        // Whoever repeats an operator's request must not revoke what was issued since.
        this.#know(this.#known.filter((one) => one !== revocation))
        return { ok: false, error: refuse(done.error.code) }
      }
      const { approvals } = done.value
      this.#durable = Math.max(this.#durable, revocation.epoch)
      return { ok: true, value: { previousEpoch, epoch: revocation.epoch, approvals } }
    } catch (error) {
      throw ledgerFault(error)
    }
  }

  #know(revocations: readonly Revocation[]): void {
    const list = new RevocationList()
    for (const revocation of revocations) list.add(revocation)
    this.#known = revocations
    this.#list = list
  }
}
