import type { ApproveRequest, QuorumPendingResponse, Result } from '@latchgate/protocol'
import type { OperatorContext } from '../auth/operator.js'
import type { Decided, StoredApproval } from '../ledger/port.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { checkDecision } from './check-decision.js'
import { commitDecision, decisionLeaf, findApproval, openFor } from './decide.js'
import { approverProblem } from './eligible.js'
import { executeApproved, type Granted, refusedExecution } from './execute-approved.js'
import { learnEntries } from './learning.js'
import { approversOf, peopleAmong } from './people.js'
import { openRecorded } from './recheck.js'

/**
 * One operator's approval (spec/http-api 11.5, design 9). With as many of them as it takes the plan is
 * held against everything as it is now and executed; that commit decides between approving, denying,
 * expiring and revoking. What is refused for good ends the approval, what may pass leaves it pending.
 */
export async function approve(
  services: Services,
  operator: OperatorContext,
  given: {
    readonly traceId: string
    readonly approvalId: string
    readonly request: ApproveRequest
  },
): Promise<Answer> {
  const { traceId, request } = given
  const refused = (refusal: Refusal): Answer => answerError(traceId, refusal)
  if (services.drain.active) return refused(refuse('draining'))
  const found = await findApproval(services, given.approvalId)
  if (!found.ok) return refused(found.error)
  const approval = found.value
  const open = openFor(services, approval)
  if (!open.open) return 'code' in open.answer ? refused(open.answer) : open.answer
  const decided = checkDecision(services, approval, operator, { decision: 'approve', request })
  if (!decided.ok) return refused(decided.error)
  const problem = approverProblem(services, approval, operator)
  if (problem !== null) {
    return refused(refuse('approver_not_eligible', { message: problem }))
  }
  const learn = learnEntries(services, approval, operator, request.learn)
  if (!learn.ok) return refused(learn.error)
  if (givenWith(services, approval, operator) < approval.required) {
    const voted = await vote(services, approval, operator, request)
    if (!voted.ok) return refused(voted.error)
    if (voted.value.votes < approval.required) return waitsForMore(approval, voted.value.votes)
    // Others voted meanwhile: this was the last that it took.
    const complete = await findApproval(services, approval.approvalId)
    if (!complete.ok) return refused(complete.error)
    const granted = { traceId, operator, request, learn: learn.value, proof: null }
    const people = givenWith(services, complete.value, operator)
    if (people < approval.required) return tooFewPeople(services, complete.value, granted, people)
    return executeApproved(services, complete.value, granted)
  }
  const { proof } = operator
  const granted = { traceId, operator, request, learn: learn.value, proof }
  return executeApproved(services, approval, granted)
}

function givenWith(
  { config }: Services,
  approval: StoredApproval,
  operator: OperatorContext,
): number {
  return peopleAmong(config.operator_credentials, [...approversOf(approval), operator])
}

async function vote(
  services: Services,
  approval: StoredApproval,
  operator: OperatorContext,
  { attestation }: ApproveRequest,
): Promise<Result<Decided, Refusal>> {
  const leaf = decisionLeaf(services, approval, {
    event: 'approval_vote',
    decision: 'vote',
    operator,
    members: attestation === undefined ? {} : { attestation },
  })
  const { approvalId, planHash } = approval
  const { operator: name, proof } = operator
  return commitDecision(services, { leaf, approvalId, to: 'vote', planHash, operator: name, proof })
}

// Two votes at one moment may be those of one person; one that nobody gave is another matter.
async function tooFewPeople(
  services: Services,
  approval: StoredApproval,
  granted: Granted,
  people: number,
): Promise<Answer> {
  const recorded = await openRecorded(services, approval)
  if (recorded.ok) return waitsForMore(approval, people)
  return refusedExecution(services, approval, granted, recorded.error)
}

function waitsForMore({ approvalId, required, hold }: StoredApproval, votes: number): Answer {
  const body: QuorumPendingResponse = {
    status: 'pending',
    approval_id: approvalId,
    approvals: votes,
    required,
    trace_id: String(hold.body['trace_id']),
  }
  return { status: 202, body, headers: {} }
}
