import { type AgentContext, authenticateAgent } from '../auth/agent.js'
import { takePeerToken } from '../auth/peer-rate.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { credentials } from './client-routes.js'
import type { Route, RouteRequest } from './listener.js'
import { requestedPath } from './operator-route.js'

/**
 * A route on which the principal of a lease reads what is its own. `rate` names the bucket: reading
 * what came of a call takes nothing from the next one. `share`: how much of the principal's rate it
 * has, for answers that cost more than others.
 */
export function agentRoute(
  services: Services,
  path: string,
  rate: string,
  handle: (agent: AgentContext, request: RouteRequest) => Promise<Answer>,
  { share = 1 }: { readonly share?: number } = {},
): Route {
  return {
    method: 'GET',
    path,
    handle: async (request) => {
      const headers = credentials(request)
      const refused = (refusal: Refusal): Answer => {
        services.summary.count(refusal.code)
        return answerError(request.traceId, refusal)
      }
      const peerToken = await takePeerToken(services, request.peer, headers)
      if (!peerToken.allowed) return refused(refuse('rate_limited'))
      const agent = await authenticateAgent(services, request.peer, headers, {
        method: request.raw.method ?? 'GET',
        path: path.includes('/:') ? requestedPath(request) : path,
      })
      if (!agent.ok) return refused(agent.error)
      await peerToken.giveBack()
      const { sub } = agent.value.claims
      const { execute_rps_per_principal } = services.config.rate_limits
      const allowed = Math.ceil(execute_rps_per_principal * share)
      if (!(await services.state.take(`${rate}:${sub}`, allowed))) {
        return refused(refuse('rate_limited', { detail: `${rate} of ${sub}` }))
      }
      return handle(agent.value, request)
    },
  }
}
