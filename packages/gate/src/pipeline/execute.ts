import type { Services } from '../services.js'
import { admit } from './admit.js'
import { answerError, answerSealed } from './answer.js'
import { authenticate } from './authenticate.js'
import { authorize } from './authorize.js'
import { type Answer, type Arrival, type Authenticated, isHeld } from './call.js'
import { recordDenial } from './denial.js'
import { answerFault } from './fault-edge.js'
import { hold } from './hold.js'
import { perform } from './perform.js'
import { readBudget } from './read-budget.js'
import { reauthorize } from './reauthorize.js'
import { resolve } from './resolve.js'
import { resolveCallTarget } from './target.js'
import { validate } from './validate.js'

/**
 * One governed call (design 3). The statements are the stages, in order; each takes what the one
 * before returned. Before authentication a refusal is counted, after it every refusal is a record.
 * Nothing here looks at whether the client is still there: what was begun ends with a receipt.
 */
export async function execute(services: Services, arrival: Arrival): Promise<Answer> {
  let known: Authenticated | undefined
  try {
    const admitted = await admit(services, arrival)
    if (!admitted.ok) return uncredited(services, arrival, admitted.error)
    const authenticated = await authenticate(services, admitted.value)
    if (!authenticated.ok) return uncredited(services, arrival, authenticated.error)
    known = authenticated.value
    const resolved = resolve(services, known)
    if (!resolved.ok) return await recordDenial(services, known, resolved.error)
    const validated = await validate(resolved.value)
    if (!validated.ok) return await recordDenial(services, resolved.value, validated.error)
    const targeted = resolveCallTarget(validated.value)
    if (!targeted.ok) return await recordDenial(services, validated.value, targeted.error)
    const budgeted = await readBudget(services, targeted.value)
    if (!budgeted.ok) return await recordDenial(services, targeted.value, budgeted.error)
    const authorized = await authorize(services, budgeted.value)
    if (!authorized.ok) return await recordDenial(services, budgeted.value, authorized.error)
    const call = authorized.value
    if (isHeld(call)) {
      const held = await hold(services, call)
      return held.ok ? held.value : await recordDenial(services, call, held.error)
    }
    const prepare = (): ReturnType<typeof reauthorize> =>
      reauthorize(services, budgeted.value, call)
    const sealed = await perform(services, call.agent.claims.sub, prepare)
    if (!sealed.ok) return await recordDenial(services, call, sealed.error)
    return answerSealed(sealed.value)
  } catch (error) {
    return await answerFault(services, known ?? arrival, error)
  }
}

function uncredited(
  services: Services,
  arrival: Arrival,
  refusal: Parameters<typeof answerError>[1],
): Answer {
  services.summary.count(refusal.code)
  services.log.debug(
    { trace_id: arrival.traceId, code: refusal.code, detail: refusal.detail },
    'call refused before authentication',
  )
  return answerError(arrival.traceId, refusal)
}
