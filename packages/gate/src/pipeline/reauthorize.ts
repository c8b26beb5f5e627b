import { ok, type Result } from '@latchgate/protocol'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { authorize } from './authorize.js'
import { type Authorized, type Budgeted, isHeld } from './call.js'
import { policyRevision } from './decision-body.js'
import { visibleDestination } from './egress-visibility.js'

/**
 * The last look of policy at a call that may have waited for its slot: a right that an operator took
 * away meanwhile is gone, and a rule that he made holds. Refuses as `authorize` does, and with
 * `policy_changed` where the call would need an approval now. `budgeted` is the call before `authorize`.
 */
export async function reauthorize(
  services: Services,
  budgeted: Budgeted,
  call: Authorized,
): Promise<Result<Authorized, Refusal>> {
  if (call.policyRevision === policyRevision(services) && isListed(services, call)) return ok(call)
  const again = await authorize(services, budgeted)
  if (!again.ok) return again
  if (!isHeld(again.value)) return ok(again.value)
  const message =
    'the call needs an approval since the policy was changed: nothing was done, repeat it'
  const detail = 'the policy changed while the call waited for a slot'
  return { ok: false, error: refuse('policy_changed', { message, detail }) }
}

// Entries that operators add and remove are no part of the policy's revision.
function isListed(services: Services, call: Authorized): boolean {
  const visible = visibleDestination(services, call)
  return visible.ok && visible.value.onAllowList
}
