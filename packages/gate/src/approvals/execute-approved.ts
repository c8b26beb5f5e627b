import {
  type ApproveRequest,
  type ApproveResponse,
  approvalHashInput,
  type JsonObject,
  sanitizeText,
} from '@latchgate/protocol'
import { sha256Hex } from '@latchgate/protocol/node'
import type { OperatorContext } from '../auth/operator.js'
import type { LearnEntry, ProofUse, StoredApproval } from '../ledger/port.js'
import { recordAct } from '../operator-act.js'
import { answerError, answerSealed } from '../pipeline/answer.js'
import type { Answer, Approved, Sealed } from '../pipeline/call.js'
import { perform } from '../pipeline/perform.js'
import { isFullySuccessful } from '../pipeline/receipt.js'
import { Fault, type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { commitDecision, decisionLeaf, findApproval, openFor } from './decide.js'
import { receiptDecisions } from './receipt-decisions.js'
import { recheck } from './recheck.js'

/** An operator's approval that is the last that it takes. */
export interface Granted {
  readonly traceId: string
  readonly operator: OperatorContext
  readonly request: ApproveRequest
  readonly learn: readonly LearnEntry[]
  /** Null where the operator's vote has used it up. */
  readonly proof: ProofUse | null
}

/**
 * Executes what was approved. What is refused for good, 4xx, ends the approval; what may pass, 5xx,
 * leaves it pending. Whatever becomes of it, those who wait are woken. Throws a Fault when the effect may
 * have happened and its receipt is not durable.
 */
export async function executeApproved(
  services: Services,
  approval: StoredApproval,
  granted: Granted,
): Promise<Answer> {
  const { approvalId, principal } = approval
  const approved = approvedBy(services, approval, granted)
  try {
    const sealed = await perform(services, principal, () => recheck(services, approved))
    if (!sealed.ok) {
      return await refusedExecution(services, approval, granted, toOperator(sealed.error))
    }
    const learned = await readLearned(
      services,
      isFullySuccessful(sealed.value) ? granted.learn : [],
    )
    return executed(approval, { ...granted, learn: learned }, sealed.value)
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'evidence_persistence_failed') throw error
    services.log.error({ approval_id: approvalId, err: error }, 'an approved call failed')
    return await refusedExecution(services, approval, granted, refuse(error.code))
  } finally {
    services.approvalSignals.changed(approvalId)
  }
}

function approvedBy(
  services: Services,
  approval: StoredApproval,
  { operator, request, learn, proof }: Granted,
): Approved {
  const { attestation } = request
  const signed = attestation === undefined ? {} : { attestation }
  const members = { ...signed, learn: { ...request.learn } }
  const leaf = decisionLeaf(services, approval, {
    event: 'approval_granted',
    decision: 'granted',
    operator,
    members,
  })
  return {
    approvalId: approval.approvalId,
    planHash: approval.planHash,
    operator,
    proof,
    decisions: receiptDecisions([...approval.votes.map((one) => one.leaf.body), leaf.body]),
    leaf,
    learn,
  }
}

// It is the agent's lease that is revoked: 401 would tell the operator that his own credentials are bad.
function toOperator(refusal: Refusal): Refusal {
  if (refusal.code !== 'lease_revoked') return refusal
  const message = 'The lease that the call was made with has been revoked.'
  return refuse('approval_revoked', { message, detail: refusal.detail })
}

/**
 * Records why an approved call was not begun, and answers it. 4xx: what was approved cannot be done any
 * more. 5xx: it may be done later.
 */
export async function refusedExecution(
  services: Services,
  approval: StoredApproval,
  { traceId, operator, proof }: Granted,
  refusal: Refusal,
): Promise<Answer> {
  const { approvalId } = approval
  const { code, detail } = refusal
  const said = { approval_id: approvalId, operator: operator.operator, code, detail }
  services.log.warn(said, 'an approved call was not begun')
  const answer = answerError(traceId, refusal)
  // Whoever repeats a request is not told what became of the first.
  if (code === 'replay_detected') return answer
  if (ENDED_OTHERWISE.has(code)) return answerAnew(services, { traceId, approvalId }, answer)
  if (refusal.status >= 500) {
    const recorded = await recordAct(
      services,
      { ...operator, proof },
      {
        type: 'admin',
        event: 'approval_attempt_failed',
        text: `approval_id=${approvalId} code=${code}`,
        detail: { approval_id: approvalId, code },
      },
    )
    return recorded.ok ? answer : answerError(traceId, recorded.error)
  }
  const leaf = decisionLeaf(services, approval, {
    event: 'approval_failed',
    decision: 'failed',
    operator,
    // It may quote the policy's own words: of a length that fits into the record.
    members: { code, reason: sanitizeText(detail, 500) },
  })
  const done = await commitDecision(services, {
    leaf,
    approvalId,
    to: 'failed',
    planHash: null,
    operator: operator.operator,
    proof,
  })
  return done.ok ? answer : answerAnew(services, { traceId, approvalId }, answer)
}

/** Codes that say that the approval had ended before anything was refused. */
const ENDED_OTHERWISE: ReadonlySet<string> = new Set([
  'approval_not_found',
  'approval_expired',
  'conflict',
])

// Somebody was first. What he made of it is what the operator has to know.
async function answerAnew(
  services: Services,
  { traceId, approvalId }: { readonly traceId: string; readonly approvalId: string },
  otherwise: Answer,
): Promise<Answer> {
  const found = await findApproval(services, approvalId)
  if (!found.ok) return otherwise
  const open = openFor(services, found.value)
  if (open.open) return otherwise
  return 'code' in open.answer ? answerError(traceId, open.answer) : open.answer
}

function executed(approval: StoredApproval, granted: Granted, sealed: Sealed): Answer {
  const { approvalId, planHash } = approval
  const { operator, learn } = granted
  const answer = answerSealed(sealed)
  const learntValue = (kind: 'domain' | 'path'): string | undefined =>
    learn.find(({ rule }) => rule.kind === kind)?.rule.value
  const domain = learntValue('domain')
  const path = learntValue('path')
  const members: Pick<ApproveResponse, 'approval' | 'learned_domain' | 'learned_path'> = {
    approval: {
      decision: 'allow',
      approval_id: approvalId,
      approved_by: operator.operator,
      approval_hash: sha256Hex(Buffer.from(approvalHashInput(approvalId, planHash))),
      operator_authn_method: 'operator_dpop',
      operator_sender_binding: operator.jkt,
    },
    ...(domain === undefined ? {} : { learned_domain: domain }),
    ...(path === undefined ? {} : { learned_path: path }),
  }
  return { ...answer, body: { ...answer.body, ...(members as JsonObject) } }
}

// The rules are durable with the receipt. Not having them in memory yet only holds the next call.
async function readLearned(
  services: Services,
  entries: readonly LearnEntry[],
): Promise<readonly LearnEntry[]> {
  if (entries.length === 0) return []
  try {
    await services.learned.refresh()
  } catch (error) {
    services.log.error({ err: error }, 'what was learned is recorded, but could not be read back')
  }
  // Where an action has as many rules as it may have, one more is not taken.
  return entries.filter(({ rule: { kind, actionId, value, principal } }) =>
    services.learned
      .list(kind, actionId)
      .some((known) => known.value === value && known.principal === principal),
  )
}
