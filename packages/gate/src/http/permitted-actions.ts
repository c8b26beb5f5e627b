import { createHash } from 'node:crypto'
import type { LeaseClaims, PermittedAction, PermittedActionsBody } from '@latchgate/protocol'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { standingInput } from '../pipeline/standing-input.js'
import { type Decision, PolicyFault, type PolicyInput, UNLIMITED_CALLS } from '../policy/engine.js'
import { refuse } from '../refusal.js'
import type { RegisteredAction } from '../registered-action.js'
import type { Services } from '../services.js'
import { agentRoute } from './agent-route.js'
import { ok } from './client-routes.js'
import { requestSchema, shownEgress } from './discovery.js'
import { namesTag } from './entity-tag.js'
import type { Route } from './listener.js'

// One answer is a decision for each action of the catalogue: at the rate of calls one agent could
// keep the gate from everything else.
const SHARE = 0.1
/** Decisions between two turns of the event loop. */
const DECISIONS_A_TURN = 16

/**
 * `GET /v1/permitted-actions`: the actions that policy does not refuse the principal of the lease,
 * with their schemas, in one answer. The policy is asked as for a call without parameters, whose
 * budget is not spent; what it says of a real call is decided when that call is made. The `ETag`
 * changes with anything in the answer; who sends it back in `If-None-Match` is answered 304 as long as
 * nothing has changed.
 */
export function permittedActionsRoute(services: Services): Route {
  return agentRoute(
    services,
    '/v1/permitted-actions',
    'permitted-actions',
    async ({ claims }, request) => {
      try {
        const body = await permittedActions(services, claims)
        return tagged(body, request.raw.headers['if-none-match'])
      } catch (error) {
        if (!(error instanceof PolicyFault)) throw error
        services.log.error({ trace_id: request.traceId, err: error }, 'no decision of the policy')
        return answerError(request.traceId, refuse(error.code))
      }
    },
    { share: SHARE },
  )
}

async function permittedActions(
  services: Services,
  claims: LeaseClaims,
): Promise<PermittedActionsBody> {
  // One snapshot and, as long as no edit comes between, one policy; each decision is sound by itself.
  const snapshot = services.actions()
  const entries = [...snapshot.actions.values()].sort((a, b) =>
    a.manifest.action_id < b.manifest.action_id ? -1 : 1,
  )
  const actions: PermittedAction[] = []
  for (const [index, entry] of entries.entries()) {
    if (index % DECISIONS_A_TURN === DECISIONS_A_TURN - 1) await nextTurn()
    const decision = await services.policy.decide(question(services, claims, entry))
    if (decision.kind === 'deny') continue
    const schema = requestSchema(snapshot, entry.manifest.action_id) ?? null
    actions.push({ ...shown(entry, decision), request_schema: schema })
  }
  return { policy_version: services.policy.version, actions }
}

function shown(
  { manifest }: RegisteredAction,
  decision: Decision,
): Omit<PermittedAction, 'request_schema'> {
  return {
    action_id: manifest.action_id,
    version: manifest.version,
    description: manifest.description,
    risk_level: manifest.risk_level,
    declared_side_effects: manifest.declared_side_effects,
    egress: shownEgress(manifest),
    approval: decision.kind === 'hold' ? 'required' : 'none',
  }
}

function question(services: Services, claims: LeaseClaims, entry: RegisteredAction): PolicyInput {
  return {
    ...standingInput(services, claims, entry),
    request_hash: '',
    budgets_before: { calls_remaining: UNLIMITED_CALLS },
    params: {},
    target: null,
    session: { calls: UNLIMITED_CALLS },
    approved: false,
  }
}

// `no-cache`, not `no-store`: whoever may keep the answer has to ask before each use.
function tagged(body: PermittedActionsBody, known: string | undefined): Answer {
  const digest = createHash('sha256').update(JSON.stringify(body)).digest('base64url')
  const etag = `"${digest}"`
  const headers = { etag, 'cache-control': 'private, no-cache' }
  if (namesTag(known, etag)) return { status: 304, body: {}, headers }
  return { ...ok({ ...body }), headers }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
