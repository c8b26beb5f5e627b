import type { SecureContext } from 'node:tls'
import { err, ok, type Result } from '@latchgate/protocol'
import { type AdmittedRequest, admitRequest } from './admitted-request.js'
import { ConnectionPool } from './connection-pool.js'
import { Cutoff } from './cutoff.js'
import { dial, type Undialed } from './dialer.js'
import { type EgressFailure, notSent } from './egress-failure.js'
import { concludeExchange } from './egress-result.js'
import { type Endpoint, formatEndpoint, parseUnsafeResolve } from './endpoint.js'
import { exchange } from './exchange.js'
import { systemAddresses } from './own-addresses.js'
import { PinnedConnection, poolKey } from './pinned-connection.js'
import type {
  Egress,
  EgressOptions,
  EgressRequest,
  EgressResult,
  KeepAliveLimits,
  Route,
} from './port.js'
import { lazySecureContext } from './trust-roots.js'
import { AddressVetting, lookupSystem } from './vetted-addresses.js'

const KEEP_ALIVE: KeepAliveLimits = { maxIdle: 256, maxIdlePerPool: 64, idleMs: 4_000 }

/**
 * The pinned HTTP client (design 8). A request's host is resolved once, every address judged, and
 * the connection made to a judged address under the original name.
 *
 * @throws {Error} naming the entry of `[egress]` that is unusable.
 */
export function createEgress(options: EgressOptions): Egress {
  return new PinnedClient(options)
}

/** What the steps of one request share. */
interface Call {
  readonly admitted: AdmittedRequest
  readonly request: EgressRequest
  readonly cutoff: Cutoff
}

interface Line {
  readonly connection: PinnedConnection
  readonly reused: boolean
}

class PinnedClient implements Egress {
  readonly #unsafeResolve: ReadonlyMap<string, Endpoint>
  readonly #secureContext: () => SecureContext
  readonly #vetting: AddressVetting
  readonly #keepAlive: KeepAliveLimits
  readonly #pool: ConnectionPool
  readonly #route: Route | undefined
  readonly #running = new Set<Cutoff>()
  #closed = false

  constructor(options: EgressOptions) {
    this.#unsafeResolve = parseUnsafeResolve(options.unsafeResolve)
    this.#secureContext = lazySecureContext(options.extraCaPem)
    this.#vetting = new AddressVetting(
      options.lookup ?? lookupSystem,
      options.ownAddresses ?? systemAddresses(),
    )
    this.#keepAlive = { ...KEEP_ALIVE, ...options.keepAlive }
    this.#pool = new ConnectionPool(this.#keepAlive)
    this.#route = options.route
  }

  async request(request: EgressRequest): Promise<EgressResult> {
    const admitted = admitRequest(request, this.#unsafeResolve)
    if (!admitted.ok) return notSent({ type: 'egress_denied', message: admitted.error })
    const cutoff = new Cutoff(admitted.value.host, request.timeoutMs, request.signal)
    this.#running.add(cutoff)
    if (this.#closed) cutoff.cut('closed')
    try {
      return await this.#perform({ admitted: admitted.value, request, cutoff })
    } finally {
      cutoff.end()
      this.#running.delete(cutoff)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const cutoff of this.#running) cutoff.cut('closed')
    await this.#pool.destroy()
  }

  async #perform(call: Call): Promise<EgressResult> {
    const { admitted, request, cutoff } = call
    const endpoints = await this.#endpoints(call)
    if (!endpoints.ok) return notSent(endpoints.error)
    const { path, method, headers, host } = admitted
    const limits = { host, maxResponseBytes: request.maxResponseBytes }
    for (;;) {
      const line = await this.#line(call, endpoints.value)
      if (!line.ok) return notSent(line.error.failure, line.error.address)
      const { connection, reused } = line.value
      const options = { path, method, headers, body: request.body }
      const outcome = await exchange(connection, options, limits, cutoff)
      // The upstream closed a kept connection before anything was written to it: not a resend.
      if (outcome.failure !== null && !outcome.sent && reused && !cutoff.isCut) continue
      if (outcome.failure === null) this.#pool.keep(connection)
      return await concludeExchange(connection, outcome, limits, cutoff)
    }
  }

  async #endpoints({
    admitted,
    cutoff,
  }: Call): Promise<Result<readonly Endpoint[], EgressFailure>> {
    if (admitted.unsafeTarget !== null) return ok([admitted.unsafeTarget])
    const vetted = await cutoff.race(this.#vetting.vet(admitted.host, admitted.literal))
    if (vetted === null) return err(cutoff.failure)
    if (!vetted.ok) return vetted
    return ok(vetted.value.map((ip) => ({ ip, port: admitted.port })))
  }

  async #line(
    { admitted, request, cutoff }: Call,
    endpoints: readonly Endpoint[],
  ): Promise<Result<Line, Undialed>> {
    const { origin, host, scheme } = admitted
    for (const endpoint of endpoints) {
      const key = poolKey(request.principal, origin, formatEndpoint(endpoint))
      const connection = this.#pool.take(key)
      if (connection !== null) return ok({ connection, reused: true })
    }
    const secureContext = scheme === 'https' ? this.#secureContext() : null
    const dialed = await dial(host, endpoints, secureContext, cutoff, this.#route)
    if (!dialed.ok) return dialed
    const address = formatEndpoint(dialed.value.endpoint)
    const connection = new PinnedConnection(dialed.value, {
      origin,
      address,
      poolKey: poolKey(request.principal, origin, address),
      idleMs: this.#keepAlive.idleMs,
    })
    this.#pool.adopt(connection)
    return ok({ connection, reused: false })
  }
}
