import { Fault, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { answerError } from './answer.js'
import type { Answer, Arrival, Known } from './call.js'
import { isAuthenticated } from './decision-body.js'
import { appendDecision } from './denial.js'

/**
 * The edge: a fault is logged with its cause, recorded where a principal is known, and answered
 * without detail.
 */
export async function answerFault(
  services: Services,
  call: Pick<Arrival, 'traceId'> | Known,
  error: unknown,
): Promise<Answer> {
  const fault =
    error instanceof Fault ? error : new Fault('internal_error', 'unexpected', { cause: error })
  services.log.error({ trace_id: call.traceId, code: fault.code, err: fault }, 'call failed')
  const refusal = refuse(fault.code, { detail: fault.message })
  if (isAuthenticated(call) && fault.code !== 'evidence_persistence_failed') {
    try {
      await appendDecision(services, call, 'error', refusal)
    } catch (unrecorded) {
      services.log.error(
        { trace_id: call.traceId, err: unrecorded },
        'the failure could not be recorded either',
      )
    }
  }
  return answerError(call.traceId, refusal)
}
