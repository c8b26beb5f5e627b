import type { Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Authenticated, Resolved } from './call.js'

/** Looks the action up in the current snapshot; the call keeps what it found. */
export function resolve(services: Services, call: Authenticated): Result<Resolved, Refusal> {
  const registered = services.actions().actions.get(call.actionId)
  if (registered === undefined) {
    const message = `no action '${call.actionId}': GET /v1/actions lists what there is`
    return { ok: false, error: refuse('action_not_found', { message }) }
  }
  return { ok: true, value: { ...call, registered } }
}
