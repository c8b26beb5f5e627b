import { isoMillis, type JsonObject, type Result } from '@latchgate/protocol'
import { digestBytes, uuidv7 } from '@latchgate/protocol/node'
import type { Intended, IntendRefusal } from '../ledger/port.js'
import { ledgerFault } from '../ledger-fault.js'
import { type Refusal, refuse } from '../refusal.js'
import { limitsOf } from '../registered-action.js'
import type { Services } from '../services.js'
import type { Authorized, Intending } from './call.js'
import { budgetSnapshot, decisionSubject } from './decision-body.js'
import { commitPayload } from './payload.js'
import { Overloaded } from './slots.js'

/** Milliseconds beyond the action's time-out in which a dispatch may still begin. */
const DISPATCH_SLACK_MS = 5000

/** The durable intent and the slot that the execution holds. */
export interface Begun {
  readonly call: Intending
  readonly release: () => void
}

/**
 * Waits for a slot, then makes grant, proof, budget and intent durable in one commit (design 3).
 * The slot comes first: a call that waited in vain has used up nothing.
 */
export async function intend(
  services: Services,
  call: Authorized,
): Promise<Result<Begun, Refusal>> {
  let release: () => void
  try {
    release = await services.slots.acquire(call.agent.claims.sub)
  } catch (error) {
    if (error instanceof Overloaded) {
      return { ok: false, error: refuse('overloaded', { detail: 'no execution slot in time' }) }
    }
    throw error
  }
  try {
    const committed = await commitIntent(services, call)
    if (committed.ok) return { ok: true, value: { call: committed.value, release } }
    release()
    return { ok: false, error: refusalOf(committed.error) }
  } catch (error) {
    release()
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
    proof: { jkt: proof.jkt, jti: proof.jti },
    approved_by: null,
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
    proof,
    debit: claims.budgets !== undefined,
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

function refusalOf(refused: IntendRefusal): Refusal {
  return refuse(refused.code, { detail: `intent: ${refused.code}` })
}
