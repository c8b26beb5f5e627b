import type { Result } from '@latchgate/protocol'
import { readLedger } from '../ledger-fault.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Budgeted, Targeted } from './call.js'

/** What is left of the lease's budget; a record of any decision from here on says it. */
export async function readBudget(
  services: Services,
  call: Targeted,
): Promise<Result<Budgeted, Refusal>> {
  const { claims } = call.agent
  if (claims.budgets === undefined) return { ok: true, value: { ...call, callsBefore: null } }
  const left = await readLedger(services.ledger.callsRemaining(claims.session_id))
  if (left === undefined) return { ok: false, error: refuse('budget_session_not_found') }
  return { ok: true, value: { ...call, callsBefore: left } }
}
