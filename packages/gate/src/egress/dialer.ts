import type { SecureContext } from 'node:tls'
import { err, ok, type Result } from '@latchgate/protocol'
import type { Cutoff } from './cutoff.js'
import { connectFailure, type EgressFailure } from './egress-failure.js'
import { type Endpoint, formatEndpoint } from './endpoint.js'
import { type OpenProblem, type OpenSocket, openSocket } from './open-socket.js'
import type { Route } from './port.js'

// Of one address, TCP and TLS together.
const CONNECT_MS = 10_000
const MAX_ADDRESSES_TRIED = 4

/** A connection to one of the endpoints. */
export interface Dialed extends OpenSocket {
  readonly endpoint: Endpoint
}

/** No connection; the address is the one tried last, if any was. */
export interface Undialed {
  readonly failure: EgressFailure
  readonly address: string | null
}

/**
 * Connects to the first endpoint that answers, one after the other, as long as there is time. No
 * request has been sent yet, so trying another vetted address repeats nothing.
 *
 * @param secureContext null for plain HTTP
 * @param route see `EgressOptions`
 */
export async function dial(
  host: string,
  endpoints: readonly Endpoint[],
  secureContext: SecureContext | null,
  cutoff: Cutoff,
  route: Route = directly,
): Promise<Result<Dialed, Undialed>> {
  const tried = endpoints.slice(0, MAX_ADDRESSES_TRIED)
  let last: Undialed = { failure: cutoff.failure, address: null }
  for (const [at, endpoint] of tried.entries()) {
    if (cutoff.isCut) return err({ ...last, failure: cutoff.failure })
    const left = tried.length - at
    const withinMs = left === 1 ? CONNECT_MS : Math.min(CONNECT_MS, cutoff.remainingMs / left)
    const opened = await openSocket(host, endpoint, secureContext, withinMs, cutoff, route)
    if (opened.ok) return ok({ ...opened.value, endpoint })
    const address = formatEndpoint(endpoint)
    last = { failure: describe(opened.error, host, address, withinMs, cutoff), address }
  }
  return err(last)
}

function directly(vetted: Endpoint): Endpoint {
  return vetted
}

function describe(
  problem: OpenProblem,
  host: string,
  address: string,
  withinMs: number,
  cutoff: Cutoff,
): EgressFailure {
  if (problem.kind === 'cut') return cutoff.failure
  if (problem.kind === 'error') return connectFailure(problem.error, host, address)
  const message = `no connection to ${host} at ${address} within ${Math.round(withinMs)} ms`
  return { type: 'upstream_unreachable', message }
}
