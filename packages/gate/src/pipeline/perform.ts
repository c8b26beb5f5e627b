import type { Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Authorized, Sealed } from './call.js'
import { dispatch } from './dispatch.js'
import { intend } from './intend.js'
import { seal } from './seal.js'
import { Overloaded } from './slots.js'
import { verify } from './verify.js'

/**
 * The tail of every call, approved by a human or not: a slot, the intent, the execution, the receipt.
 * The slot comes first: a call that waited in vain has used up nothing. `prepare` runs when it is
 * there, so that what an approved call is held against is not as old as its wait.
 */
export async function perform(
  services: Services,
  principal: string,
  prepare: () => Promise<Result<Authorized, Refusal>>,
): Promise<Result<Sealed, Refusal>> {
  const slot = await takeSlot(services, principal)
  if (!slot.ok) return slot
  try {
    const prepared = await prepare()
    if (!prepared.ok) return prepared
    const intended = await intend(services, prepared.value)
    if (!intended.ok) return intended
    const dispatched = await dispatch(services, intended.value)
    return { ok: true, value: await seal(services, verify(dispatched)) }
  } finally {
    slot.value()
  }
}

async function takeSlot(
  services: Services,
  principal: string,
): Promise<Result<() => void, Refusal>> {
  try {
    return { ok: true, value: await services.slots.acquire(principal) }
  } catch (error) {
    if (!(error instanceof Overloaded)) throw error
    return { ok: false, error: refuse('overloaded', { detail: 'no execution slot in time' }) }
  }
}
