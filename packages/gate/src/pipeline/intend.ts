import { isoMillis, type JsonObject, type Result } from '@latchgate/protocol'
import { digestBytes, uuidv7 } from '@latchgate/protocol/node'
import type { ApprovalUse, Intended, IntendRefusal } from '../ledger/port.js'
import { ledgerFault } from '../ledger-fault.js'
import { type Refusal, refuse } from '../refusal.js'
import { limitsOf } from '../registered-action.js'
import type { Services } from '../services.js'
import type { Approved, Authorized, Intending } from './call.js'
import { callRefusal } from './call-refusal.js'
import { budgetSnapshot, decisionSubject } from './decision-body.js'
import { commitPayload } from './payload.js'
import { quotasOf } from './quotas.js'

/** Milliseconds beyond the action's time-out in which a dispatch may still begin. */
const DISPATCH_SLACK_MS = 5000

/** Makes grant, proof, approval, budget, quotas and intent durable in one commit (design 3). */
export async function intend(
  services: Services,
  call: Authorized,
): Promise<Result<Intending, Refusal>> {
  try {
    const committed = await commitIntent(services, call)
    return committed.ok ? committed : { ok: false, error: refusalOf(committed.error) }
  } catch (error) {
    throw ledgerFault(error)
  }
}

async function commitIntent(
  services: Services,
  call: Authorized,
): Promise<Result<Intending, IntendRefusal>> {
  const startedAt = services.now()
  const grantId = uuidv7(startedAt)
  const { claims, proof } = call.agent
  const { approval } = call
  const { manifest } = call.registered
  const dispatchNotAfter = startedAt + manifest.limits.timeout_seconds * 1000 + DISPATCH_SLACK_MS
  const { commitment, draft } = commitPayload('arguments', call.argumentBytes, startedAt)
  const body: JsonObject = {
    ...decisionSubject(services, call),
    grant_id: grantId,
    arguments: { ...commitment },
    target: plannedTarget(call),
    secrets: [...call.secrets.keys()],
    egress: call.decision.egress,
    imports: manifest.required_imports,
    limits: limitsOf(manifest),
    allowed_sinks: call.decision.sinks,
    budgets_before: budgetSnapshot(call.callsBefore),
    approved_by: approval?.operator.operator ?? null,
    ...(approval === null ? {} : { plan_hash: approval.planHash }),
    started_at: isoMillis(startedAt),
    dispatch_not_after: isoMillis(dispatchNotAfter),
  }
  const intended: Result<Intended, IntendRefusal> = await services.ledger.intend({
    leaf: { type: 'intent', id: grantId, body },
    traceId: call.traceId,
    grantId,
    sessionId: claims.session_id,
    principal: claims.sub,
    actionId: call.actionId,
    target: `${call.target.method} ${call.target.url}`,
    lease: { jti: claims.jti, epoch: claims.epoch },
    proof: approval === null ? proof : approval.proof,
    debit: claims.budgets !== undefined,
    ...quotasOf(services, call),
    ...(approval === null ? {} : { approval: approvalUse(approval) }),
    dispatchNotAfter,
    payloads: [draft],
  })
  if (!intended.ok) return intended
  return {
    ok: true,
    value: { ...call, grantId, intent: intended.value, startedAt, dispatchNotAfter },
  }
}

function plannedTarget(call: Authorized): JsonObject {
  const { method, url, headers, body } = call.target
  return {
    method,
    url,
    header_names: headers.map(([name]) => name),
    body_sha256: body === null ? null : digestBytes(body),
    body_bytes: body?.length ?? 0,
  }
}

function approvalUse({ approvalId, planHash, operator, leaf }: Approved): ApprovalUse {
  return { approvalId, planHash, operator: operator.operator, leaf }
}

function refusalOf(refused: IntendRefusal): Refusal {
  switch (refused.code) {
    case 'replay_detected':
    case 'lease_revoked':
    case 'budget_exhausted':
    case 'budget_session_not_found':
    case 'quota_exhausted':
      return callRefusal(refused)
    // Somebody else was first: what he decided is for the caller to look up.
    case 'approval_decided':
    case 'quorum_not_reached':
      return refuse('conflict', { detail: `intent: ${refused.code}` })
    default:
      return refuse(refused.code, { detail: `intent: ${refused.code}` })
  }
}
