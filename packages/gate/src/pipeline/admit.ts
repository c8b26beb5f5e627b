import type { Result } from '@latchgate/protocol'
import { takePeerToken } from '../auth/peer-rate.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Admitted, Arrival } from './call.js'

/** Largest body the transport reads, for any endpoint (spec/http-api 6.2). */
export const MAX_BODY_BYTES = 1_048_576

/** Before any cryptography: drain, declared size, rate by peer. */
export async function admit(
  services: Services,
  arrival: Arrival,
): Promise<Result<Admitted, Refusal>> {
  if (services.drain.active) return { ok: false, error: refuse('draining') }
  if (arrival.declaredBytes !== null && arrival.declaredBytes > MAX_BODY_BYTES) {
    return { ok: false, error: refuse('request_too_large') }
  }
  const peerToken = await takePeerToken(services, arrival.peer, arrival.headers)
  if (peerToken.allowed) return { ok: true, value: { ...arrival, peerToken } }
  return { ok: false, error: refuse('rate_limited', { detail: 'rate of the peer' }) }
}
