import { DOMAIN_FAULTS, validateLearnedDomain } from '@latchgate/catalogue'
import type { Json, JsonObject, LearnedRuleBody, Result } from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import { pathGlobProblem } from '../approvals/path-glob.js'
import type { OperatorContext } from '../auth/operator.js'
import type { LearnEntry, LearnedRule, StoredRule } from '../ledger/port.js'
import { ledgerFault } from '../ledger-fault.js'
import { actBody } from '../operator-act.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { refused } from '../policy/policy-edit.js'
import { checkActionId, checkPrincipal } from '../policy/policy-names.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { readJson } from './body.js'
import { ok } from './client-routes.js'
import type { Route, RouteRequest } from './listener.js'
import { operatorRoute } from './operator-route.js'
import { invalidRequest, knownMembers } from './request-members.js'

/** Names of one of the two resources (spec/http-api 12.6). */
interface Resource {
  readonly kind: LearnedRule['kind']
  readonly list: 'domains' | 'paths'
  readonly member: 'domain' | 'path_glob'
}

const RESOURCES: readonly Resource[] = [
  { kind: 'domain', list: 'domains', member: 'domain' },
  { kind: 'path', list: 'paths', member: 'path_glob' },
]

/** Destinations and paths that actions were given at run time: list, add, remove, clear. */
export function learnedRoutes(services: Services): readonly Route[] {
  return RESOURCES.flatMap((resource) => {
    const path = `/v1/admin/${resource.list}`
    return [
      operatorRoute(services, { method: 'GET', path }, async (_operator, request) =>
        list(services, request, resource),
      ),
      operatorRoute(services, { method: 'POST', path }, (operator, request) =>
        change(services, operator, request, { resource, change: 'add' }),
      ),
      operatorRoute(services, { method: 'DELETE', path }, (operator, request) =>
        change(services, operator, request, { resource, change: 'remove' }),
      ),
      operatorRoute(services, { method: 'DELETE', path: `${path}/clear` }, (operator, request) =>
        clear(services, operator, request, resource),
      ),
    ]
  })
}

async function list(
  services: Services,
  request: RouteRequest,
  { kind, list: name, member }: Resource,
): Promise<Answer> {
  const { action } = request.query
  if (action !== undefined && typeof action !== 'string') {
    return answerError(request.traceId, refuse('bad_request', { message: 'action is given once' }))
  }
  const rules = services.learned.list(kind, action ?? null)
  return ok({ [name]: rules.map((rule) => listed(rule, member)) })
}

async function change(
  services: Services,
  operator: OperatorContext,
  request: RouteRequest,
  given: { readonly resource: Resource; readonly change: 'add' | 'remove' },
): Promise<Answer> {
  const { resource } = given
  const json = await readJson(request.raw)
  const rule = json.ok ? readRule(json.value, resource) : json
  if (!rule.ok) return answerError(request.traceId, rule.error)
  const { actionId, value, principal } = rule.value
  if (given.change === 'add' && !services.actions().actions.has(actionId)) {
    const message = `there is no action '${actionId}': GET /v1/actions lists what there is`
    const refusal = refuse('unknown_action', { message, body: { action_id: actionId } })
    return answerError(request.traceId, refusal)
  }
  const changed = await apply(services, operator, { ...given, rule: rule.value })
  if (!changed.ok) return answerError(request.traceId, changed.error)
  const outcome = given.change === 'add' ? 'inserted' : 'deleted'
  return ok({
    action_id: actionId,
    [resource.member]: value,
    principal,
    [outcome]: changed.value > 0,
  })
}

async function clear(
  services: Services,
  operator: OperatorContext,
  request: RouteRequest,
  resource: Resource,
): Promise<Answer> {
  const { action } = request.query
  if (typeof action !== 'string' || action === '') {
    const message = 'name the action whose rules are to go: ?action=<action_id>'
    return answerError(request.traceId, refuse('bad_request', { message }))
  }
  const rule = { kind: resource.kind, actionId: action, value: '*', principal: '*' }
  const changed = await apply(services, operator, { resource, change: 'clear', rule })
  if (!changed.ok) return answerError(request.traceId, changed.error)
  return ok({ action_id: action, deleted_count: changed.value })
}

async function apply(
  services: Services,
  operator: OperatorContext,
  given: Pick<LearnEntry, 'change' | 'rule'> & { readonly resource: Resource },
): Promise<Result<number, Refusal>> {
  const { change: what, rule, resource } = given
  const traceId = uuidv7(services.now())
  const named = what === 'clear' ? {} : { [resource.member]: rule.value, principal: rule.principal }
  const shown = what === 'clear' ? '' : ` ${resource.member}=${rule.value}`
  const act = {
    type: 'policy',
    event: `${resource.kind}_${what}`,
    text: `action=${rule.actionId}${shown}${outcomeText(services, given)}`,
    detail: { action_id: rule.actionId, ...named },
  } as const
  const body: JsonObject = { ...actBody(services, operator, act, traceId), source: 'api' }
  const leaf = { type: 'policy', id: traceId, body } as const
  try {
    const done = await services.ledger.learn({ leaf, change: what, rule, proof: operator.proof })
    if (!done.ok) return { ok: false, error: refusalOf(done.error.code, rule) }
    await services.learned.refresh()
    return { ok: true, value: done.value.changed }
  } catch (error) {
    throw ledgerFault(error)
  }
}

// As published. The record is made before the change: what it says is what the rules in memory give,
// which nothing but this gate's own commits change.
function outcomeText(
  services: Services,
  { change: what, rule }: Pick<LearnEntry, 'change' | 'rule'>,
): string {
  const known = services.learned.list(rule.kind, rule.actionId)
  if (what === 'clear') return ` deleted_count=${known.length}`
  const isThere = known.some((one) => one.value === rule.value && one.principal === rule.principal)
  return what === 'add' ? ` inserted=${!isThere}` : ` deleted=${isThere}`
}

function refusalOf(
  code: 'replay_detected' | 'too_many_rules',
  { kind, actionId }: LearnedRule,
): Refusal {
  if (code === 'replay_detected') return refuse(code)
  const message = `the action '${actionId}' has as many learned ${kind} rules as it may have: remove some`
  return refuse('conflict', { message })
}

function readRule(json: Json, { kind, member }: Resource): Result<LearnedRule, Refusal> {
  const body = knownMembers(json, ['action_id', 'principal', 'domain', 'path_glob', 'value'])
  if (!body.ok) return withDetail(body)
  const { action_id, principal: whose = '*', ...others } = body.value
  const [value, another] = Object.values(others)
  if (typeof value !== 'string' || another !== undefined) {
    return withDetail(invalidRequest([member], `name exactly one ${member}, a string`))
  }
  const actionId = typeof action_id === 'string' ? action_id : ''
  const action = checkActionId(actionId)
  if (!action.ok) return action
  const principal = typeof whose === 'string' ? whose : ''
  const who = checkPrincipal(principal)
  if (!who.ok) return who
  if (kind === 'path') {
    const problem = pathGlobProblem(value)
    if (problem !== null) return refused('invalid_path_glob', problem)
    return { ok: true, value: { kind, actionId, value, principal } }
  }
  const domain = validateLearnedDomain(value)
  if (!domain.ok) return refused('invalid_domain', DOMAIN_FAULTS[domain.error])
  return { ok: true, value: { kind, actionId, value: domain.value, principal } }
}

// As published: here every refusal has a `detail` (spec/http-api 12.6).
function withDetail({ error }: Refused): Refused {
  return { ok: false, error: { ...error, body: { ...error.body, detail: error.message } } }
}

function listed(rule: StoredRule, member: Resource['member']): LearnedRuleBody {
  return {
    action_id: rule.actionId,
    [member]: rule.value,
    principal: rule.principal,
    added_by: rule.addedBy,
    added_at: rule.addedAt,
    source: rule.source,
    approval_id: rule.approvalId,
  }
}
