import type { ReadyBody } from '@latchgate/protocol'
import type { Answer } from '../pipeline/call.js'
import type { Services } from '../services.js'

/**
 * `GET /readyz`: the names of the reference, whatever the backend (spec/http-api 7). A drain does not
 * change it, as published tools expect; `GET /v1/admin/status` shows one.
 */
export async function readiness(services: Services): Promise<Answer> {
  const [state, policy, ledger] = await Promise.all([
    services.state.healthy(),
    services.policy.healthy(),
    services.ledger.healthy(),
  ])
  const actions = services.actions().actions.size
  const ready = state && policy && ledger && actions > 0
  const body: ReadyBody = {
    status: ready ? 'ready' : 'not_ready',
    redis: state,
    opa: policy,
    ledger,
    approval_store: ledger,
    egress_proxy: null,
    actions_registered: actions,
  }
  return { status: ready ? 200 : 503, body, headers: {} }
}
