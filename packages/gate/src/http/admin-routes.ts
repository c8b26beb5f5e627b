import type { DrainBody, IntentsBody, StatusBody } from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import type { OperatorContext } from '../auth/operator.js'
import { ledgerFault } from '../ledger-fault.js'
import type { Answer } from '../pipeline/call.js'
import type { Services } from '../services.js'
import { ok } from './client-routes.js'
import type { InFlight } from './in-flight.js'
import type { Route } from './listener.js'
import { operatorRoute } from './operator-route.js'

/** Routes of the admin listener alone; all need an operator's key and proof. */
export function adminRoutes(services: Services, inFlight: InFlight): readonly Route[] {
  return [
    operatorRoute(services, 'GET', '/v1/admin/status', () => status(services, inFlight)),
    operatorRoute(services, 'GET', '/v1/admin/intents', () => openIntents(services)),
    operatorRoute(services, 'POST', '/v1/admin/drain', (operator) =>
      drain(services, inFlight, operator),
    ),
  ]
}

async function status(services: Services, inFlight: InFlight): Promise<Answer> {
  const [redis, opa, ledger] = await Promise.all([
    services.state.healthy(),
    services.policy.healthy(),
    services.ledger.healthy(),
  ])
  const intents = ledger ? await services.ledger.openIntents() : []
  const healthy = redis && opa && ledger
  const body: StatusBody = {
    status: services.drain.active ? 'draining' : healthy ? 'ok' : 'degraded',
    version: services.version,
    uptime_seconds: Math.floor((services.now() - services.startedAt) / 1000),
    actions_registered: services.actions().actions.size,
    pending_approvals: 0,
    revocation_epoch: 0,
    draining: services.drain.active,
    in_flight_executions: inFlight.size,
    unknown_intents: intents.filter((intent) => intent.outcome === 'unknown').length,
    dependencies: { redis, opa, ledger },
    webhooks: { active: false, pending_deliveries: 0 },
  }
  return ok(body)
}

async function openIntents(services: Services): Promise<Answer> {
  try {
    const intents = await services.ledger.openIntents()
    const body: IntentsBody = {
      intents: intents.map((intent) => ({
        intent_id: intent.grantId,
        trace_id: intent.traceId,
        principal: intent.principal,
        action_id: intent.actionId,
        target: intent.target,
        dispatched_at: intent.dispatchedAt,
        outcome: intent.outcome,
      })),
    }
    return ok(body)
  } catch (error) {
    throw ledgerFault(error)
  }
}

async function drain(
  services: Services,
  inFlight: InFlight,
  operator: OperatorContext,
): Promise<Answer> {
  const already = services.drain.active
  // First the effect, then its record: a broken ledger must not keep an operator from stopping.
  services.drain.active = true
  const inFlightNow = inFlight.size
  await recordAdmin(services, operator, 'admin_drain', {
    in_flight: inFlightNow,
    was_first: !already,
  })
  const body: DrainBody = {
    draining: true,
    already_draining: already,
    in_flight_executions: inFlightNow,
  }
  return ok(body)
}

async function recordAdmin(
  services: Services,
  operator: OperatorContext,
  event: string,
  detail: Readonly<Record<string, number | boolean | string>>,
): Promise<void> {
  const traceId = uuidv7(services.now())
  try {
    await services.ledger.record({
      leaf: {
        type: 'admin',
        id: traceId,
        body: {
          event_type: event,
          trace_id: traceId,
          operator: operator.operator,
          operator_sender_binding: operator.jkt,
          operator_proof_jti: operator.proofJti,
          detail,
          dev_mode: services.devMode,
        },
      },
      traceId,
    })
  } catch (error) {
    throw ledgerFault(error)
  }
}
