import { type CallGuards, type Command, type Outcome, STATUS } from './commands.js'
import { appendRef, refused, type Tables } from './tables.js'

type Hold = Extract<Command, { op: 'hold' }>
type Intend = Extract<Command, { op: 'intend' }>

/** What a guard found: the status, and what it adds. */
type Guarded = { readonly status: number; readonly extra: number | null } | null

/** The intent of a call: everything that it uses up, in one commit (design 3). */
export function applyIntend(tables: Tables, command: Intend, arena: Uint8Array): Outcome {
  const { sessions, intents, proofs, log, approvals, quotas } = tables
  const { sessionId, principal, proof, debit, grantId, approval, time } = command
  // The proof comes first: whoever repeats one is not told anything about approvals and budgets.
  if (proof !== null && !proofs.use(proof, log.next)) return refused(STATUS.replay_detected)
  const refusal = approvalRefusal(tables, command) ?? callRefusal(tables, command)
  if (refusal !== null) return undone(tables, command, refusal)
  // In the order of the log: the decision, then what it began.
  const leaf = log.next + (approval === null ? 0 : 1)
  if (!intents.consume({ ...command, leaf, debited: debit })) {
    return undone(tables, command, { status: STATUS.grant_consumed, extra: null })
  }
  if (approval !== null) {
    const decision = appendRef(log, arena, approval.leaf, null)
    if (!approvals.hasVoted(approval.approvalId, approval.operator)) {
      approvals.vote(approval.approvalId, approval.operator, decision)
    }
    approvals.begin(approval.approvalId, grantId, decision)
  }
  if (debit) sessions.addCalls(sessionId, -1)
  if (command.quotas.length > 0) {
    quotas.count({ grantId, principal, at: time, costUsdCents: command.costUsdCents })
  }
  const sessionSeq = sessions.nextSeq(sessionId)
  const index = appendRef(log, arena, command.leaf, sessionSeq)
  tables.payloads.keep(command.payloads, arena, index)
  const callsRemaining = sessions.get(sessionId).callsRemaining ?? null
  return { status: STATUS.ok, index, sessionSeq, callsRemaining, extra: null }
}

/** A call that is to wait. Budget and quotas are looked at, and not drawn on. */
export function applyHold(tables: Tables, command: Hold, arena: Uint8Array): Outcome {
  const { sessions, proofs, log, approvals, records } = tables
  const { sessionId, principal, callHash, time, proof } = command
  if (proof !== null && !proofs.use(proof, log.next)) return refused(STATUS.replay_detected)
  const refusal = callRefusal(tables, command) ?? holdRefusal(tables, command)
  if (refusal !== null) return undone(tables, command, refusal)
  const lapsed = approvals.pendingCall(principal, callHash)
  if (lapsed !== undefined) {
    records.expire(lapsed, time)
    // The proof's row names the leaf of this hold, which the record of the lapse has pushed on.
    if (proof !== null) proofs.release(proof)
    if (proof !== null) proofs.use(proof, log.next)
  }
  const sessionSeq = sessions.nextSeq(sessionId)
  const index = appendRef(log, arena, command.leaf, sessionSeq)
  approvals.insert({ ...command, leaseJti: command.lease.jti, leaf: index })
  tables.payloads.keep(command.payloads, arena, index)
  return { status: STATUS.ok, index, sessionSeq, callsRemaining: null, extra: null }
}

function holdRefusal({ approvals }: Tables, command: Hold): Guarded {
  const { principal, callHash, time, maxPending } = command
  const same = approvals.pendingCall(principal, callHash)
  if (same !== undefined && same.expiresAt > time) {
    return { status: STATUS.call_pending, extra: same.leaf }
  }
  if (approvals.countPending(principal, time) < maxPending) return null
  return { status: STATUS.too_many_pending_approvals, extra: null }
}

function callRefusal(tables: Tables, call: CallGuards & { readonly time: number }): Guarded {
  const { sessionId, principal, lease, debit, quotas, time: at, costUsdCents } = call
  if (tables.revocations.reaches({ ...lease, sessionId, principal })) {
    return { status: STATUS.lease_revoked, extra: null }
  }
  const budget = budgetRefusal(tables.sessions.get(sessionId).callsRemaining, debit)
  if (budget !== null) return { status: budget, extra: null }
  const wait = tables.quotas.waitFor({ principal, at, costUsdCents }, quotas)
  return wait === null ? null : { status: STATUS.quota_exhausted, extra: wait }
}

function budgetRefusal(callsRemaining: number | null | undefined, debit: boolean): number | null {
  if (!debit || callsRemaining === null) return null
  if (callsRemaining === undefined) return STATUS.budget_session_not_found
  return callsRemaining <= 0 ? STATUS.budget_exhausted : null
}

// Approving, denying, expiring and revoking meet here: the first to be committed wins.
function approvalRefusal({ approvals }: Tables, { approval, time }: Intend): Guarded {
  if (approval === null) return null
  const found = approvals.find(approval.approvalId)
  if (found === undefined) return { status: STATUS.approval_not_found, extra: null }
  const status = pendingRefusal(found, approval.planHash, time)
  if (status !== null) return { status, extra: null }
  const isNew = !approvals.hasVoted(found.approvalId, approval.operator)
  const votes = approvals.votes(found.approvalId) + (isNew ? 1 : 0)
  return votes < found.required ? { status: STATUS.quorum_not_reached, extra: votes } : null
}

/** Why an approval cannot be decided any more; null while it can. */
export function pendingRefusal(
  found: ReturnType<Tables['approvals']['find']>,
  planHash: string | null,
  now: number,
): number | null {
  if (found === undefined) return STATUS.approval_not_found
  if (found.state === 'expired') return STATUS.approval_expired
  if (found.state === 'revoked') return STATUS.approval_revoked
  if (found.state !== 'pending') return STATUS.approval_decided
  if (found.expiresAt <= now) return STATUS.approval_expired
  return planHash !== null && planHash !== found.planHash ? STATUS.plan_hash_mismatch : null
}

function undone(
  { proofs }: Tables,
  { proof }: CallGuards,
  { status, extra }: NonNullable<Guarded>,
): Outcome {
  if (proof !== null) proofs.release(proof)
  return refused(status, extra)
}
