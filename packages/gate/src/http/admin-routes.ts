import type { DrainBody, IntentsBody, StatusBody } from '@latchgate/protocol'
import type { OperatorContext } from '../auth/operator.js'
import { readLedger } from '../ledger-fault.js'
import { recordAct } from '../operator-act.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { ok } from './client-routes.js'
import type { InFlight } from './in-flight.js'
import type { Route, RouteRequest } from './listener.js'
import { operatorRoute } from './operator-route.js'

// What stops an agent works while `State` is away (design 5).
const DRAIN = { path: '/v1/admin/drain', proofInLedger: true } as const

/** Routes of the admin listener alone; all need an operator's key and proof. */
export function adminRoutes(services: Services, inFlight: InFlight): readonly Route[] {
  return [
    operatorRoute(services, { method: 'GET', path: '/v1/admin/status' }, () =>
      status(services, inFlight),
    ),
    operatorRoute(services, { method: 'GET', path: '/v1/admin/intents' }, () =>
      openIntents(services),
    ),
    operatorRoute(services, { ...DRAIN, method: 'POST' }, (operator, request) =>
      drain(services, inFlight, operator, request),
    ),
    operatorRoute(services, { ...DRAIN, method: 'DELETE' }, (operator, request) =>
      resume(services, inFlight, operator, request),
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
    pending_approvals: ledger ? await services.ledger.pendingApprovals() : 0,
    revocation_epoch: services.revocations.epoch,
    draining: services.drain.active,
    in_flight_executions: inFlight.size,
    unknown_intents: intents.filter((intent) => intent.outcome === 'unknown').length,
    dependencies: { redis, opa, ledger },
    webhooks: { active: false, pending_deliveries: 0 },
  }
  return ok(body)
}

async function openIntents(services: Services): Promise<Answer> {
  const intents = await readLedger(services.ledger.openIntents())
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
}

async function drain(
  services: Services,
  inFlight: InFlight,
  operator: OperatorContext,
  request: RouteRequest,
): Promise<Answer> {
  const already = services.drain.active
  // First the effect, then its record: a broken ledger must not keep an operator from stopping.
  services.drain.active = true
  services.drain.acts += 1
  const { acts } = services.drain
  const running = inFlight.size
  const recorded = await recordAct(services, operator, {
    type: 'admin',
    event: 'admin_drain',
    text: `drain initiated, in_flight=${running}, was_first=${!already}`,
    detail: { in_flight: running, was_first: !already },
  })
  if (!recorded.ok) {
    // Whoever repeats an operator's request must not stop the gate; whoever stopped it since has.
    if (!already && services.drain.acts === acts) services.drain.active = services.drain.closing
    return answerError(request.traceId, recorded.error)
  }
  const body: DrainBody = {
    draining: true,
    already_draining: already,
    in_flight_executions: running,
  }
  return ok(body)
}

async function resume(
  services: Services,
  inFlight: InFlight,
  operator: OperatorContext,
  request: RouteRequest,
): Promise<Answer> {
  if (services.drain.closing) {
    const message = 'the gate is being stopped: start it again'
    return answerError(request.traceId, refuse('draining', { message }))
  }
  const already = services.drain.active
  // First the record: calls must not begin again on the word of an act that left no trace.
  const recorded = await recordAct(services, operator, {
    type: 'admin',
    event: 'admin_drain_ended',
    text: `drain ended, was_draining=${already}`,
    detail: { was_draining: already },
  })
  if (!recorded.ok) return answerError(request.traceId, recorded.error)
  services.drain.active = services.drain.closing
  const body: DrainBody = {
    draining: services.drain.active,
    already_draining: already,
    in_flight_executions: inFlight.size,
  }
  return ok(body)
}
