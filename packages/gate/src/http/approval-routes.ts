import { APPROVAL_STATES, type ApprovalListBody, type Json, type Result } from '@latchgate/protocol'
import { approve } from '../approvals/approve.js'
import { findApproval } from '../approvals/decide.js'
import { deny } from '../approvals/deny.js'
import { openPlan } from '../approvals/recheck.js'
import { resultAnswer } from '../approvals/result.js'
import { stateAt } from '../approvals/state.js'
import { detailOf, pollBody, summaryOf } from '../approvals/view.js'
import type { AgentContext } from '../auth/agent.js'
import type { StoredApproval } from '../ledger/port.js'
import { readLedger } from '../ledger-fault.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { agentRoute } from './agent-route.js'
import { isBodyless, readJson } from './body.js'
import { ok, parameter } from './client-routes.js'
import { parseApproveRequest, parseDenyRequest } from './decision-bodies.js'
import type { InFlight } from './in-flight.js'
import { withLearnQuery } from './learn-query.js'
import type { Route, RouteRequest } from './listener.js'
import { operatorRoute } from './operator-route.js'

const LIST = '/v1/approvals'
const ONE = '/v1/approvals/:approval_id'

/** Approvals as the principal that asked sees them; on both listeners (spec/http-api 11.1). */
export function agentApprovalRoutes(services: Services): readonly Route[] {
  return [
    agentRoute(services, `${ONE}/poll`, 'approvals', (agent, request) =>
      own(services, agent, request, async (approval) => ok(await pollBody(services, approval))),
    ),
    agentRoute(services, `${ONE}/wait`, 'approvals', (agent, request) =>
      own(services, agent, request, (approval) => wait(services, agent, request, approval)),
    ),
    agentRoute(services, `${ONE}/result`, 'approvals', (agent, request) =>
      own(services, agent, request, (approval) =>
        resultAnswer(services, approval, request.traceId),
      ),
    ),
  ]
}

// Two hundred records are read and parsed for one answer: at the rate of calls one agent could keep
// the gate from everything else.
const LIST_SHARE = 0.1

/** `GET /v1/approvals` with a lease, on the client listener: the principal's own. */
export function agentApprovalListRoute(services: Services): Route {
  return agentRoute(
    services,
    LIST,
    'approval-list',
    (agent, request) => list(services, request, agent.claims.sub),
    { share: LIST_SHARE },
  )
}

/** Approvals as operators see and decide them (spec/http-api 11.3 to 11.6). */
export function operatorApprovalRoutes(services: Services, inFlight: InFlight): readonly Route[] {
  return [
    operatorRoute(services, { method: 'GET', path: LIST }, (_operator, request) =>
      list(services, request, null),
    ),
    operatorRoute(services, { method: 'GET', path: ONE }, (_operator, request) =>
      detail(services, request),
    ),
    operatorRoute(
      services,
      { method: 'POST', path: `${ONE}/approve`, namesCause: true },
      async (operator, request) => {
        const body = await approveRequest(request)
        const parsed = body.ok ? withLearnQuery(body.value, request.query) : body
        if (!parsed.ok) return answerError(request.traceId, parsed.error)
        const { traceId } = request
        const given = {
          traceId,
          approvalId: parameter(request, 'approval_id'),
          request: parsed.value,
        }
        // The execution goes on and is waited for at shutdown, whether or not its operator stays.
        return inFlight.track(approve(services, operator, given))
      },
    ),
    operatorRoute(
      services,
      { method: 'POST', path: `${ONE}/deny`, namesCause: true, proofInLedger: true },
      async (operator, request) => {
        const parsed = await bodyOr(request, parseDenyRequest)
        if (!parsed.ok) return answerError(request.traceId, parsed.error)
        const { traceId } = request
        const given = {
          traceId,
          approvalId: parameter(request, 'approval_id'),
          request: parsed.value,
        }
        return deny(services, operator, given)
      },
    ),
  ]
}

/** How many approvals a list holds, when the request does not say, and at most. */
export const LIST_LIMIT = { fallback: 50, most: 200 } as const

/** Milliseconds that a long poll waits at most. */
export const LONGEST_WAIT_MS = 30_000

async function wait(
  services: Services,
  agent: AgentContext,
  request: RouteRequest,
  first: StoredApproval,
): Promise<Answer> {
  const asked = wholeNumber(request, 'timeout_ms', {
    fallback: LONGEST_WAIT_MS,
    most: LONGEST_WAIT_MS,
  })
  if (!asked.ok) return answerError(request.traceId, asked.error)
  const until = performance.now() + asked.value
  const { approvalId } = first
  const signal = request.gone()
  for (let approval = first; ; ) {
    const now = services.now()
    const isOpen = ['pending', 'claimed'].includes(stateAt(approval, now))
    const left = until - performance.now()
    if (!isOpen || left <= 0 || signal.aborted) return ok(await pollBody(services, approval))
    // Expiry is nobody's act: it is waited for by the clock, and looked at a moment later.
    const expiry = stateAt(approval, now) === 'pending' ? approval.expiresAt - now + 1 : left
    const timeoutMs = Math.max(1, Math.min(left, expiry))
    const woken = await services.approvalSignals.wait(approvalId, agent.claims.sub, {
      timeoutMs,
      signal,
    })
    if (woken === 'full') {
      const message = 'too many requests of this principal wait for approvals: poll instead'
      return answerError(request.traceId, refuse('rate_limited', { message }))
    }
    const found = await findApproval(services, approvalId)
    if (!found.ok) return answerError(request.traceId, found.error)
    approval = found.value
  }
}

async function own(
  services: Services,
  agent: AgentContext,
  request: RouteRequest,
  answer: (approval: StoredApproval) => Promise<Answer>,
): Promise<Answer> {
  const found = await findApproval(services, parameter(request, 'approval_id'))
  // By principal, not by session: a renewed lease still asks. A foreign one and none look the same.
  const isOwn = found.ok && found.value.principal === agent.claims.sub
  if (!isOwn) return answerError(request.traceId, refuse('approval_not_found'))
  return answer(found.value)
}

async function detail(services: Services, request: RouteRequest): Promise<Answer> {
  const found = await findApproval(services, parameter(request, 'approval_id'))
  if (!found.ok) return answerError(request.traceId, found.error)
  const approval = found.value
  const held = await readLedger(services.ledger.heldPlan(approval.approvalId))
  if (held === undefined) return ok(detailOf(services, approval, null))
  const opened = await openPlan(services, approval)
  // A plan that is not the recorded one is not shown: somebody would decide on it.
  if (!opened.ok) return answerError(request.traceId, opened.error)
  return ok(detailOf(services, approval, opened.value))
}

async function list(
  services: Services,
  request: RouteRequest,
  principal: string | null,
): Promise<Answer> {
  const { status } = request.query
  const state = APPROVAL_STATES.find((one) => one === status)
  if (status !== undefined && state === undefined) {
    const message = `status is one of ${APPROVAL_STATES.join(', ')}`
    return answerError(request.traceId, refuse('bad_request', { message }))
  }
  const limit = wholeNumber(request, 'limit', LIST_LIMIT)
  if (!limit.ok) return answerError(request.traceId, limit.error)
  const states = state === undefined ? null : [state]
  try {
    const found = await services.ledger.approvals({ states, principal, limit: limit.value })
    const approvals = found.map((approval) => summaryOf(services, approval))
    const body: ApprovalListBody = { approvals, count: approvals.length }
    return ok(body)
  } catch (error) {
    services.log.error({ err: error }, 'the approvals cannot be read')
    return answerError(request.traceId, refuse('approval_store_unavailable'))
  }
}

// Published clients send no body, or one that was never looked at: they approve the plan as it is,
// which cannot have changed. What says that it is JSON has to be.
async function approveRequest(
  request: RouteRequest,
): Promise<ReturnType<typeof parseApproveRequest>> {
  const type = request.raw.headers['content-type'] ?? ''
  if (!/json/i.test(type)) return parseApproveRequest({})
  return bodyOr(request, parseApproveRequest)
}

async function bodyOr<T>(
  request: RouteRequest,
  parse: (json: Json) => Result<T, Refusal>,
): Promise<Result<T, Refusal>> {
  if (isBodyless(request.raw)) return parse({})
  const json = await readJson(request.raw)
  return json.ok ? parse(json.value) : json
}

function wholeNumber(
  request: RouteRequest,
  name: string,
  { fallback, most }: { readonly fallback: number; readonly most: number },
): Result<number, Refusal> {
  const value = request.query[name]
  if (value === undefined) return { ok: true, value: fallback }
  if (typeof value === 'string' && /^[0-9]{1,9}$/.test(value)) {
    return { ok: true, value: Math.min(Number(value), most) }
  }
  const message = `${name} must be a whole number, given once`
  return { ok: false, error: refuse('bad_request', { message }) }
}
