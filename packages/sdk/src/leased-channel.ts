import { refusalCode } from './answer-error.js'
import type { GateAnswer } from './gate-answer.js'
import type { GateChannel, GateRequest } from './gate-channel.js'
import type { Lease } from './lease.js'
import type { LeaseKeeper } from './lease-keeper.js'

/** A request that a lease answers for. */
export type LeasedRequest = Pick<GateRequest, 'method' | 'path' | 'body' | 'signal' | 'ifNoneMatch'>

/** Sends the requests of one client with its lease, each with a proof of its own (spec/http-api 15.3). */
export class LeasedChannel {
  readonly #channel: GateChannel
  readonly #leases: LeaseKeeper

  constructor(channel: GateChannel, leases: LeaseKeeper) {
    this.#channel = channel
    this.#leases = leases
  }

  /** One request with the lease of now; throws as {@link withLease} does. */
  send(request: LeasedRequest, timeoutMs: number): Promise<GateAnswer> {
    return this.withLease((lease) => this.sendWith(lease, request, timeoutMs))
  }

  /** One request with this very lease. Throws `LatchGateTransportError`. */
  sendWith(lease: Lease, request: LeasedRequest, timeoutMs: number): Promise<GateAnswer> {
    const { agentLabel, key, token } = lease
    return this.#channel.send({ ...request, agentLabel, proof: { key, token }, timeoutMs })
  }

  /**
   * What `send` gets with the lease of now, and with another one where the gate does not know that: it
   * has not looked at the request then, so that repeating it repeats no effect. Throws what getting a
   * lease throws, and what `send` does.
   */
  async withLease(send: (lease: Lease) => Promise<GateAnswer>): Promise<GateAnswer> {
    const lease = await this.#leases.current()
    const answer = await send(lease)
    const refusal = refusalCode(answer)
    if (refusal !== 'invalid_lease' && refusal !== 'lease_expired') return answer
    return send(await this.#leases.replace(lease, refusal))
  }
}
