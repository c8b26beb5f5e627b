import { authenticateOperator, type OperatorContext } from '../auth/operator.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { Fault, type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { credentials } from './client-routes.js'
import type { Route, RouteRequest } from './listener.js'

/** An endpoint of operators. */
export interface OperatorEndpoint {
  readonly method: Route['method']
  /** May name parameters; the proof is bound to the path as it was sent. */
  readonly path: string
  /**
   * Approving and denying name the cause of a failed authentication, and have a code of their own for
   * too many requests; all other endpoints answer `unauthorized` (spec/http-api 5.2).
   */
  readonly namesCause?: boolean
  /** Works while the replay memory is away: the handler commits the proof to the ledger. */
  readonly proofInLedger?: boolean
}

/** A route that only an operator may use, with the rate that operators have for reading or writing. */
export function operatorRoute(
  services: Services,
  endpoint: OperatorEndpoint,
  handle: (operator: OperatorContext, request: RouteRequest) => Promise<Answer>,
): Route {
  const { method, path, namesCause = false, proofInLedger = false } = endpoint
  return {
    method,
    path,
    handle: async (request) => {
      const bound = {
        // HEAD is a GET whose body is not sent, and its proof says HEAD.
        method: request.raw.method ?? method,
        path: path.includes('/:') ? requestedPath(request) : path,
      }
      const headers = credentials(request)
      const checks = { proofInLedger }
      const operator = await authenticateOperator(services, request.peer, headers, bound, checks)
      if (!operator.ok) {
        const refusal = namesCause ? operator.error : unnamed(operator.error)
        services.summary.count(`operator:${refusal.code}`)
        return answerError(request.traceId, refusal)
      }
      if (!(await withinRate(services, endpoint, operator.value))) {
        const code = namesCause ? 'operator_throttled' : 'rate_limit_exceeded'
        return answerError(request.traceId, refuse(code))
      }
      return handle(operator.value, request)
    },
  }
}

// A broken gate and wrong credentials must not look the same. The code is the published one; what was
// wrong stands in the message.
function unnamed(refusal: Refusal): Refusal {
  if (refusal.status !== 401) return refusal
  const { message, detail } = refusal
  return refuse('unauthorized', { message, detail })
}

async function withinRate(
  services: Services,
  { method, proofInLedger = false }: OperatorEndpoint,
  { operator }: OperatorContext,
): Promise<boolean> {
  const { operator_read_rps, operator_write_rps } = services.config.rate_limits
  const rate = method === 'GET' ? operator_read_rps : operator_write_rps
  const kind = method === 'GET' ? 'GET' : 'POST'
  try {
    return await services.state.take(`operator:${kind}:${operator}`, rate)
  } catch (error) {
    // What stops an agent must not wait for the memory of rates (design 5).
    if (proofInLedger && error instanceof Fault && error.code === 'replay_cache_unavailable') {
      return true
    }
    throw error
  }
}

/**
 * The path of a request as it was sent: a name in it may be percent-encoded, and a proof is over what
 * the client wrote.
 */
export function requestedPath({ raw }: RouteRequest): string {
  const target = (raw.url ?? '').replace(/^https?:\/\/[^/]*/i, '')
  return target.split(/[?#]/)[0] ?? ''
}
