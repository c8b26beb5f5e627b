import {
  type Json,
  type JsonObject,
  MAX_REASON_BYTES,
  type Result,
  type RevokeAllResponse,
  type RevokeResponse,
} from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import type { OperatorContext } from '../auth/operator.js'
import type { Revoked } from '../auth/revocations.js'
import type { Revocation } from '../ledger/port.js'
import { actBody, recordAct } from '../operator-act.js'
import { answerError } from '../pipeline/answer.js'
import { isPrintable } from '../policy/document-reader.js'
import type { Refusal } from '../refusal.js'
import type { Services } from '../services.js'
import { readJson } from './body.js'
import { ok } from './client-routes.js'
import type { Route } from './listener.js'
import { operatorRoute } from './operator-route.js'
import { invalidRequest, knownMembers } from './request-members.js'

/** Revocation (design 10, 14; spec/http-api 12.5). All of it works while `State` is away. */
export function revocationRoutes(services: Services): readonly Route[] {
  return [
    operatorRoute(
      services,
      { method: 'POST', path: '/v1/admin/revoke', proofInLedger: true },
      async (operator, request) => {
        const json = await readJson(request.raw)
        const parsed = json.ok ? parseRevokeRequest(json.value) : json
        if (!parsed.ok) return answerError(request.traceId, parsed.error)
        const { target, reason } = parsed.value
        const done = await revoke(services, operator, target, reason)
        if (!done.ok) return answerError(request.traceId, done.error)
        const body: RevokeResponse = {
          revoked: target,
          previous_epoch: done.value.previousEpoch,
          current_epoch: done.value.epoch,
          approvals_revoked: done.value.approvals,
        }
        return ok(body)
      },
    ),
    operatorRoute(
      services,
      { method: 'POST', path: '/v1/admin/revoke-all', proofInLedger: true },
      async (operator, request) => {
        const done = await revoke(services, operator, { kind: 'all', value: null }, null)
        if (!done.ok) return answerError(request.traceId, done.error)
        const { previousEpoch, epoch } = done.value
        const body: RevokeAllResponse = { previous_epoch: previousEpoch, current_epoch: epoch }
        return ok(body)
      },
    ),
    operatorRoute(
      services,
      { method: 'GET', path: '/v1/admin/epoch' },
      async (operator, request) => {
        const act = { type: 'admin', event: 'admin_epoch_read', text: null, detail: {} } as const
        const recorded = await recordAct(services, operator, act)
        if (!recorded.ok) return answerError(request.traceId, recorded.error)
        return ok({ current_epoch: services.revocations.epoch })
      },
    ),
  ]
}

/** The events of each kind; `admin_revoke_all` and `lease_revoked` are published (12.2). */
const EVENTS: Readonly<Record<Revocation['kind'], string>> = {
  all: 'admin_revoke_all',
  principal: 'principal_revoked',
  session: 'session_revoked',
  lease: 'lease_revoked',
}

async function revoke(
  services: Services,
  operator: OperatorContext,
  target: Omit<Revocation, 'epoch'>,
  reason: string | null,
): Promise<Result<Revoked, Refusal>> {
  const traceId = uuidv7(services.now())
  const done = await services.revocations.revoke(target, operator.proof, (epoch, previous) => {
    const what = target.value === null ? '' : `${target.kind}=${target.value} `
    const detail: JsonObject = { kind: target.kind, value: target.value, reason }
    const act = {
      type: 'revocation',
      event: EVENTS[target.kind],
      text: `${what}epoch ${previous} => ${epoch}`,
      detail,
    } as const
    return {
      type: 'revocation',
      id: traceId,
      body: { ...actBody(services, operator, act, traceId), reason },
    }
  })
  if (!done.ok) return done
  // Those who wait for an approval that has ended with it are to hear so.
  services.approvalSignals.changed()
  services.log.warn({ ...target, operator: operator.operator, ...done.value }, 'revoked')
  return done
}

const TARGETS = { lease_jti: 'lease', session_id: 'session', principal: 'principal' } as const

interface RevokeWish {
  readonly target: Omit<Revocation, 'epoch'>
  readonly reason: string | null
}

function parseRevokeRequest(json: Json): Result<RevokeWish, Refusal> {
  const members = knownMembers(json, [...Object.keys(TARGETS), 'all', 'reason'])
  if (!members.ok) return members
  const { reason, all, ...named } = members.value
  if (
    reason !== undefined &&
    (typeof reason !== 'string' || Buffer.byteLength(reason) > MAX_REASON_BYTES)
  ) {
    const message = `reason must be a string of at most ${MAX_REASON_BYTES} bytes`
    return invalidRequest(['reason'], message)
  }
  const given = Object.entries(named) as [keyof typeof TARGETS, Json][]
  const [first] = given
  if (given.length + (all === undefined ? 0 : 1) !== 1) {
    return invalidRequest([], 'name exactly one of lease_jti, session_id, principal, all')
  }
  if (first === undefined) {
    if (all !== true) return invalidRequest(['all'], 'all is true or left out')
    return { ok: true, value: { target: { kind: 'all', value: null }, reason: reason ?? null } }
  }
  const [member, value] = first
  if (typeof value !== 'string' || value === '' || value.length > 256) {
    return invalidRequest([member], `${member} must be a string of 1 to 256 characters`)
  }
  if (!isPrintable(value, 256)) {
    return invalidRequest([member], `${member} must not contain control characters`)
  }
  return { ok: true, value: { target: { kind: TARGETS[member], value }, reason: reason ?? null } }
}
