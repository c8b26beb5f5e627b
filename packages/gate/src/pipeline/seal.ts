import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '@latchgate/protocol'
import { digestBytes, uuidv7 } from '@latchgate/protocol/node'
import type { Appended, SealEntry } from '../ledger/port.js'
import { isPermanent } from '../ledger-recovery.js'
import { Fault } from '../refusal.js'
import type { Services } from '../services.js'
import type { Sealed, Verified } from './call.js'
import { budgetSnapshot, decisionSubject } from './decision-body.js'
import { buildReceipt, exitCode, isFullySuccessful, type SignedReceipt } from './receipt.js'

/** How long the caller is kept waiting for a ledger that does not answer. */
const ANSWER_WITHIN_MS = 10_000
/** How long the receipt is kept in memory and tried again after the caller has gone. */
const RETRY_FOR_MS = 10 * 60_000

/**
 * Receipt and decision in one durable commit. While the ledger is away the receipt stays in memory
 * and is tried again; the caller gets 500 `evidence_persistence_failed`: the effect may have
 * happened, and a crash now leaves an `unknown` record.
 */
export async function seal(services: Services, call: Verified): Promise<Sealed> {
  const finishedAt = services.now()
  const receiptId = uuidv7(finishedAt)
  const signed = buildReceipt(services, call, receiptId, finishedAt)
  // Nothing left the gate: the call goes back to the budget and to the quotas, whichever it has drawn
  // on (notes/evidence 2).
  const refund = call.outcome === 'not_sent'
  const entry: SealEntry = {
    grantId: call.grantId,
    traceId: call.traceId,
    principal: call.agent.claims.sub,
    receipt: signed.receipt,
    decision: {
      type: 'decision',
      id: uuidv7(finishedAt),
      body: outcomeBody(services, call, receiptId, signed, refund),
    },
    refund,
    // Only what worked is remembered (design 9).
    ...(call.approval === null || !isFullySuccessful(call) ? {} : { learn: call.approval.learn }),
    payloads: signed.payloads,
  }
  const appended = await appendWithRetry(services, call, entry)
  return {
    ...call,
    receiptId,
    finishedAt,
    log: { index: appended.index, size: appended.size },
  }
}

async function appendWithRetry(
  services: Services,
  call: Verified,
  entry: SealEntry,
): Promise<Appended> {
  const attempts = retrySeal(services, call, entry)
  // Not a promise of node:timers: aborting one makes an error with a stack, for every call.
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_WITHIN_MS)
  })
  try {
    const first = await Promise.race([attempts, deadline])
    if (first !== undefined) return first
  } catch (cause) {
    throw new Fault('evidence_persistence_failed', 'the ledger refused the receipt', { cause })
  } finally {
    clearTimeout(timer)
  }
  attempts.catch((error: unknown) => {
    services.log.fatal(
      { trace_id: call.traceId, receipt_id: entry.receipt.receipt_id, err: error },
      'the receipt of a dispatched call could not be made durable',
    )
  })
  throw new Fault('evidence_persistence_failed', 'the ledger did not take the receipt in time')
}

async function retrySeal(services: Services, call: Verified, entry: SealEntry): Promise<Appended> {
  const giveUpAt = services.now() + RETRY_FOR_MS
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 5000)) {
    try {
      return await services.ledger.seal(entry)
    } catch (error) {
      services.log.error(
        { trace_id: call.traceId, receipt_id: entry.receipt.receipt_id, err: error },
        'the ledger did not take a receipt; it is kept and tried again',
      )
      if (isPermanent(error) || services.now() >= giveUpAt) throw error
    }
    await sleep(pauseMs, undefined, { ref: false })
  }
}

// As audit events have it (spec/auth-and-evidence 19.4).
function approvalMembers({ approval, failure }: Verified): JsonObject {
  const failed = failure === null ? null : `provider: ${failure.type}`
  if (approval === null) return { deny_reason: failed }
  const { approvalId, operator } = approval
  return {
    deny_reason: failed ?? `approved via ${approvalId}`,
    approval_id: approvalId,
    approved_by: operator.operator,
    operator_authn_method: 'operator_dpop',
    operator_sender_binding: operator.jkt,
    operator_proof_jti: operator.proof.jti,
  }
}

function outcomeBody(
  services: Services,
  call: Verified,
  receiptId: string,
  signed: SignedReceipt,
  refund: boolean,
): SealEntry['decision']['body'] {
  const { manifest } = call.registered
  const verified = isFullySuccessful(call)
  // As the intent's commit found it, which the budget that policy saw may not have been.
  const hasBudget = call.agent.claims.budgets !== undefined
  const debited = hasBudget ? call.intent.callsRemaining : null
  const before = debited === null ? null : debited + 1
  return {
    ...decisionSubject(services, call),
    session_seq: call.intent.sessionSeq,
    decision: call.failure !== null ? 'error' : verified ? 'allow' : 'allow_unverified',
    code: call.failure === null ? null : 'action_execution_failed',
    ...approvalMembers(call),
    allowed_sinks: call.decision.sinks,
    budgets_before: budgetSnapshot(before),
    budgets_after: budgetSnapshot(refund ? before : debited),
    grant_id: call.grantId,
    receipt_id: receiptId,
    outcome: call.outcome,
    verification_outcome: call.verification.status,
    response_hash: signed.outputBytes === null ? null : digestBytes(signed.outputBytes),
    response_bytes: signed.outputBytes?.length ?? null,
    runtime: {
      module_digest: call.registered.moduleDigest,
      egress_profile: manifest.egress.profile,
      duration_ms: call.run.durationMs,
      exit_code: exitCode(call),
      timeout_hit: call.failure?.type === 'wall_clock' || call.failure?.type === 'upstream_timeout',
      fuel_consumed: call.run.fuelConsumed,
      io_calls_made: call.run.ioCalls,
    },
  }
}
