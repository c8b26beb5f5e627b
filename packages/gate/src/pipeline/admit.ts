import type { Result } from '@latchgate/protocol'
import { computeAth } from '@latchgate/protocol/node'
import { dpopToken } from '../auth/credentials.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Admitted, Arrival } from './call.js'

/** Largest body the transport reads, for any endpoint (spec/http-api 6.2). */
export const MAX_BODY_BYTES = 1_048_576

/** Bucket of a peer whose lease is not known yet. */
export function anonymousBucket(arrival: Arrival): string {
  return `anonymous:${arrival.peer.key}`
}

/**
 * Before any cryptography: drain, declared size, rate by peer. A token that was verified before does
 * not draw on the peer's bucket, so garbage from one client does not lock out its neighbours.
 */
export async function admit(
  services: Services,
  arrival: Arrival,
): Promise<Result<Admitted, Refusal>> {
  if (services.drain.active) return { ok: false, error: refuse('draining') }
  if (arrival.declaredBytes !== null && arrival.declaredBytes > MAX_BODY_BYTES) {
    return { ok: false, error: refuse('request_too_large') }
  }
  if (isKnownLease(services, arrival)) return { ok: true, value: { ...arrival, admitted: true } }
  const rate = services.config.rate_limits.execute_rps_anonymous
  if (await services.state.take(anonymousBucket(arrival), rate)) {
    return { ok: true, value: { ...arrival, admitted: true } }
  }
  return { ok: false, error: refuse('rate_limited', { detail: 'rate of the peer' }) }
}

function isKnownLease(services: Services, arrival: Arrival): boolean {
  const token =
    arrival.headers.authorization === undefined
      ? undefined
      : dpopToken(arrival.headers.authorization)
  return token !== undefined && services.leases.get(computeAth(token)) !== undefined
}
