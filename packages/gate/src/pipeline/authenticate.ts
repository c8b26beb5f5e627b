import type { Result } from '@latchgate/protocol'
import { authenticateAgent } from '../auth/agent.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Admitted, Authenticated } from './call.js'

/** Lease, proof and replay in full, on every request; then the rate of session and principal. */
export async function authenticate(
  services: Services,
  call: Admitted,
): Promise<Result<Authenticated, Refusal>> {
  const agent = await authenticateAgent(services, call.peer, call.headers, {
    method: 'POST',
    path: `/v1/actions/${call.actionId}/execute`,
  })
  if (!agent.ok) return agent
  await call.peerToken.giveBack()
  const { claims } = agent.value
  const { execute_rps_per_session, execute_rps_per_principal } = services.config.rate_limits
  const allowed =
    (await services.state.take(`session:${claims.session_id}`, execute_rps_per_session)) &&
    (await services.state.take(`principal:${claims.sub}`, execute_rps_per_principal))
  if (!allowed) {
    return { ok: false, error: refuse('rate_limited', { detail: `rate of ${claims.sub}` }) }
  }
  return { ok: true, value: { ...call, agent: agent.value } }
}
