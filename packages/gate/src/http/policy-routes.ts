import {
  type Json,
  type JsonObject,
  type PolicyBody,
  type PrincipalPolicyBody,
  type Result,
  sanitizeText,
} from '@latchgate/protocol'
import type { OperatorContext } from '../auth/operator.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { grantEdit, revokeEdit } from '../policy/edit-acl.js'
import { allowlistEdit, quorumEdit, quotaEdit, requireApprovalEdit } from '../policy/edit-rules.js'
import { type PolicyEdit, refused } from '../policy/policy-edit.js'
import type { Refusal } from '../refusal.js'
import type { Services } from '../services.js'
import { readJson } from './body.js'
import { ok, parameter } from './client-routes.js'
import type { Route, RouteRequest } from './listener.js'
import { operatorRoute } from './operator-route.js'
import { quotas } from './policy-bodies.js'
import { editPolicy } from './recorded-edit.js'
import { reloadGate } from './reload.js'
import { flag, number, readMembers, text, texts } from './request-members.js'

const BASE = '/v1/admin/policy'

/** Reading and changing what policy decides on, at run time (spec/http-api 12.5, 12.7 and 12.8). */
export function policyRoutes(services: Services): readonly Route[] {
  const get = (path: string, handle: (request: RouteRequest) => Answer): Route =>
    operatorRoute(services, { method: 'GET', path }, async (_operator, request) => handle(request))
  const change = (
    method: 'POST' | 'DELETE',
    name: string,
    read: (json: Json) => Result<PolicyEdit, Refusal>,
  ): Route =>
    // The edit's record uses the proof up: a revoke works while the replay memory is away.
    operatorRoute(
      services,
      { method, path: `${BASE}/${name}`, proofInLedger: true },
      (operator, request) => edit(services, operator, request, read),
    )
  const both = (
    name: string,
    read: (kind: 'add' | 'remove', json: Json) => Result<PolicyEdit, Refusal>,
  ): readonly Route[] => [
    change('POST', name, (json) => read('add', json)),
    change('DELETE', name, (json) => read('remove', json)),
  ]
  return [
    get(BASE, (request) => showPolicy(services, request)),
    get(`${BASE}/:principal`, (request) => showPrincipal(services, request)),
    change('POST', 'grant', (json) =>
      mapped(readMembers(json, { principal: text, actions: texts }), grantEdit),
    ),
    change('POST', 'revoke', (json) => {
      const kinds = { principal: text, actions: { ...texts, absent: [] }, remove_principal: flag }
      return mapped(readMembers(json, kinds), ({ remove_principal, ...rest }) =>
        revokeEdit({ ...rest, removePrincipal: remove_principal }),
      )
    }),
    ...both('allowlist', (kind, json) =>
      mapped(readMembers(json, { action_id: text, agent_id: text }), (body) =>
        allowlistEdit(kind, { actionId: body.action_id, agentId: body.agent_id }),
      ),
    ),
    ...both('require-approval', (kind, json) =>
      mapped(readMembers(json, { action_id: text, principal: text }), (body) =>
        requireApprovalEdit(kind, { actionId: body.action_id, principal: body.principal }),
      ),
    ),
    change('POST', 'quota', (json) =>
      mapped(readMembers(json, { principal: text, quotas }), (body) =>
        quotaEdit(body.principal, body.quotas),
      ),
    ),
    change('POST', 'quorum', (json) =>
      mapped(
        readMembers(json, { action_id: text, principal: text, approvals: number }),
        ({ action_id, ...rest }) => quorumEdit({ actionId: action_id, ...rest }),
      ),
    ),
    operatorRoute(
      services,
      { method: 'POST', path: '/v1/admin/reload', proofInLedger: true },
      async (operator, request) => answered(request, await reloadGate(services, operator)),
    ),
  ]
}

async function edit(
  services: Services,
  operator: OperatorContext,
  request: RouteRequest,
  read: (json: Json) => Result<PolicyEdit, Refusal>,
): Promise<Answer> {
  const json = await readJson(request.raw)
  if (!json.ok) return answerError(request.traceId, json.error)
  const wanted = read(json.value)
  if (!wanted.ok) return answerError(request.traceId, wanted.error)
  return answered(request, await editPolicy(services, operator, wanted.value))
}

function showPolicy(services: Services, request: RouteRequest): Answer {
  const data = services.policyStore.inForce
  if (data === null) return answerError(request.traceId, noDocument())
  const { policy_version, acl, latchgate } = data
  const body: PolicyBody = { policy_version, acl, ...latchgate }
  return ok(body)
}

function showPrincipal(services: Services, request: RouteRequest): Answer {
  const data = services.policyStore.inForce
  if (data === null) return answerError(request.traceId, noDocument())
  const principal = parameter(request, 'principal')
  const acl = Object.hasOwn(data.acl, principal) ? data.acl[principal] : undefined
  if (acl === undefined) {
    const shown = sanitizeText(principal, 253)
    const message = `there is no entry of '${shown}': without one a principal has the rights of '*'`
    const { error } = refused('principal_not_found', message, { body: { principal: shown } })
    return answerError(request.traceId, error)
  }
  const body: PrincipalPolicyBody = { principal, acl }
  return ok(body)
}

function noDocument(): Refusal {
  return refused('policy_read_error', 'data.json not found').error
}

function answered(request: RouteRequest, result: Result<JsonObject, Refusal>): Answer {
  return result.ok ? ok(result.value) : answerError(request.traceId, result.error)
}

function mapped<T, U>(result: Result<T, Refusal>, map: (value: T) => U): Result<U, Refusal> {
  return result.ok ? { ok: true, value: map(result.value) } : result
}
