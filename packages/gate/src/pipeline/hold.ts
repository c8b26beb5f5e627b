import { parseLeaf } from '@latchgate/evidence'
import {
  type JsonObject,
  type PendingResponse,
  type Result,
  sanitizeText,
} from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import {
  callHash,
  MAX_REASON_DETAIL_BYTES,
  MAX_REASONS,
  makePlan,
  type Plan,
  planHash,
} from '../approvals/plan.js'
import { storedPlanBytes } from '../approvals/stored-plan.js'
import type { HoldEntry, HoldRefusal } from '../ledger/port.js'
import { ledgerFault } from '../ledger-fault.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Answer, Held } from './call.js'
import { callRefusal } from './call-refusal.js'
import { budgetSnapshot, decisionSubject } from './decision-body.js'
import { commitPayload } from './payload.js'
import { quotasOf } from './quotas.js'
import { MAX_DECISIONS_BYTES, MAX_HELD_VARIABLE_BYTES, variableBytes } from './record-size.js'

/**
 * Bytes that the details of all reasons take in a record. It has as much room as the receipt has for
 * the operators' decisions, which also holds the codes.
 */
const MAX_DETAILS_BYTES: number = MAX_DECISIONS_BYTES - 1024

/**
 * Stores what was to be done, and answers that a human has to decide (design 9). A call that would do
 * the same as a pending one gets that one's approval.
 */
export async function hold(services: Services, given: Held): Promise<Result<Answer, Refusal>> {
  const call = bounded(given)
  const bytes = variableBytes(call.registered.manifest, call.target)
  if (bytes > MAX_HELD_VARIABLE_BYTES) {
    const message = `the request takes ${bytes} bytes in a record, at most ${MAX_HELD_VARIABLE_BYTES} for a call that needs approval: shorten the URL`
    return { ok: false, error: refuse('schema_violation', { message, body: { path: '' } }) }
  }
  const createdAt = services.now()
  const { ttl_seconds: ttl } = services.config.approvals
  const approvalId = uuidv7(createdAt)
  const plan = makePlan(services, call, {
    approvalId,
    createdAt,
    expiresAt: createdAt + ttl * 1000,
  })
  try {
    const held = await services.ledger.hold(holdEntry(services, call, plan, createdAt))
    if (held.ok) {
      logHeld(services, call, approvalId)
      return { ok: true, value: pending(call, approvalId) }
    }
    return await refusedHold(services, call, held.error)
  } catch (error) {
    throw ledgerFault(error)
  }
}

function holdEntry(services: Services, call: Held, plan: Plan, createdAt: number): HoldEntry {
  const { claims, proof } = call.agent
  const { agentLabel } = call
  const expiresAt = createdAt + services.config.approvals.ttl_seconds * 1000
  const stored = storedPlanBytes({ plan, params: call.sent, claims, agentLabel })
  const payload = commitPayload('plan', stored, expiresAt)
  const body: JsonObject = {
    ...decisionSubject(services, call),
    decision: 'pending_approval',
    code: null,
    deny_reason: null,
    plan: { ...payload.commitment },
    reasons: plan.reasons,
    quorum: plan.quorum,
    target: { ...plan.target, headers: call.target.headers.map(([name]) => name) },
    secrets: plan.secrets,
    egress: plan.egress,
    allowed_sinks: [],
    budgets_before: budgetSnapshot(call.callsBefore),
    budgets_after: budgetSnapshot(call.callsBefore),
    created_at: plan.created_at,
  }
  return {
    leaf: { type: 'hold', id: plan.approval_id, body },
    traceId: call.traceId,
    approvalId: plan.approval_id,
    sessionId: claims.session_id,
    principal: claims.sub,
    actionId: call.actionId,
    callHash: callHash(plan),
    planHash: planHash(plan),
    expiresAt,
    required: plan.quorum.min,
    maxPending: services.config.approvals.max_pending_per_principal,
    lease: { jti: claims.jti, epoch: claims.epoch },
    proof,
    debit: claims.budgets !== undefined,
    ...quotasOf(services, call),
    payloads: [payload.draft],
  }
}

async function refusedHold(
  services: Services,
  call: Held,
  refused: HoldRefusal,
): Promise<Result<Answer, Refusal>> {
  if (refused.code === 'too_many_pending_approvals') {
    const most = services.config.approvals.max_pending_per_principal
    const message = `this principal has ${most} calls waiting for approval, as many as it may have: wait for some of them to be decided`
    return { ok: false, error: refuse(refused.code, { message }) }
  }
  if (refused.code === 'call_pending') return waitsAlready(services, call, refused.holdIndex)
  return { ok: false, error: callRefusal(refused) }
}

// The call is recorded all the same: that it was made again is evidence too.
async function waitsAlready(
  services: Services,
  call: Held,
  holdIndex: number,
): Promise<Result<Answer, Refusal>> {
  const { ledger } = services
  const bytes = await ledger.leaf(holdIndex)
  if (bytes === undefined) throw new Error(`leaf ${holdIndex} of a pending call is missing`)
  const approvalId = String(parseLeaf(bytes).body['approval_id'])
  const { claims, proof } = call.agent
  const recorded = await ledger.recordAct({
    leaf: {
      type: 'decision',
      id: uuidv7(services.now()),
      body: {
        ...decisionSubject(services, call),
        decision: 'pending_approval',
        code: null,
        deny_reason: null,
        approval_id: approvalId,
        allowed_sinks: [],
        budgets_before: budgetSnapshot(call.callsBefore),
        budgets_after: budgetSnapshot(call.callsBefore),
      },
    },
    sessionId: claims.session_id,
    traceId: call.traceId,
    proof,
  })
  if (!recorded.ok) return { ok: false, error: refuse(recorded.error.code) }
  logHeld(services, call, approvalId)
  return { ok: true, value: pending(call, approvalId) }
}

function logHeld(services: Services, call: Held, approvalId: string): void {
  services.log.info(
    {
      trace_id: call.traceId,
      approval_id: approvalId,
      principal: call.agent.claims.sub,
      action: call.actionId,
      reasons: call.decision.reasons,
    },
    'call held for approval',
  )
}

function pending(call: Held, approvalId: string): Answer {
  const body: PendingResponse = {
    decision: 'pending_approval',
    approval_id: approvalId,
    request_hash: call.requestHash,
    trace_id: call.traceId,
  }
  return { status: 202, body, headers: {} }
}

// Reasons are the policy's own text and may quote the request: they must fit into the record.
function bounded(call: Held): Held {
  let left = MAX_DETAILS_BYTES
  const reasons = call.decision.reasons.slice(0, MAX_REASONS).map(({ code, detail }) => {
    const text = sanitizeText(detail, MAX_REASON_DETAIL_BYTES)
    const bytes = Buffer.byteLength(JSON.stringify(text))
    // A code alone says why as well; half of what is quoted could say something else.
    if (bytes > left) return { code, detail: '' }
    left -= bytes
    return { code, detail: text }
  })
  return { ...call, decision: { ...call.decision, reasons } }
}
