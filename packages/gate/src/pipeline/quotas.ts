import type { IntendEntry, QuotaLimit } from '../ledger/port.js'
import type { Services } from '../services.js'
import type { Budgeted } from './call.js'

/** The quotas that a call counts against, and what it costs (design 10). */
export function quotasOf(
  services: Services,
  call: Budgeted,
): Pick<IntendEntry, 'quotas' | 'costUsdCents'> {
  const quotas = services.policy.quotasOf(call.agent.claims.sub).map(
    (quota): QuotaLimit => ({
      windowSeconds: quota.window_seconds,
      ...(quota.calls === undefined ? {} : { calls: quota.calls }),
      ...(quota.cost_usd_cents === undefined ? {} : { costUsdCents: quota.cost_usd_cents }),
    }),
  )
  if (quotas.length === 0) return {}
  return { quotas, costUsdCents: call.registered.manifest.cost_usd_cents }
}
