import { authenticateOperator, type OperatorContext } from '../auth/operator.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { credentials } from './client-routes.js'
import type { Route, RouteRequest } from './listener.js'

/**
 * A route that only an operator may use, with the rate that operators have for reading or writing.
 * `path` may name parameters; the proof is bound to the path with their values.
 */
export function operatorRoute(
  services: Services,
  method: 'GET' | 'POST',
  path: string,
  handle: (operator: OperatorContext, request: RouteRequest) => Promise<Answer>,
): Route {
  return {
    method,
    path,
    handle: async (request) => {
      const operator = await authenticateOperator(services, request.peer, credentials(request), {
        // HEAD is a GET whose body is not sent, and its proof says HEAD.
        method: request.raw.method ?? method,
        path: requestedPath(path, request.params),
      })
      if (!operator.ok) {
        services.summary.count(`operator:${operator.error.code}`)
        return answerError(request.traceId, operator.error)
      }
      const { operator_read_rps, operator_write_rps } = services.config.rate_limits
      const rate = method === 'GET' ? operator_read_rps : operator_write_rps
      if (!(await services.state.take(`operator:${method}:${operator.value.operator}`, rate))) {
        return answerError(request.traceId, refuse('rate_limit_exceeded'))
      }
      return handle(operator.value, request)
    },
  }
}

function requestedPath(path: string, params: RouteRequest['params']): string {
  const parts = path.split('/')
  return parts
    .map((part) => (part.startsWith(':') ? (params[part.slice(1)] ?? '') : part))
    .join('/')
}
