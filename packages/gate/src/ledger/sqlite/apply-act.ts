import { pendingRefusal } from './apply-call.js'
import { type Command, type Outcome, STATUS } from './commands.js'
import { appendRef, refused, type Tables } from './tables.js'

type Decide = Extract<Command, { op: 'decide' }>
type Learn = Extract<Command, { op: 'learn' }>
type Revoke = Extract<Command, { op: 'revoke' }>

/** A decision that begins nothing: a denial, a refusal by the gate, one vote of several. */
export function applyDecide(tables: Tables, command: Decide, arena: Uint8Array): Outcome {
  const { approvals, proofs, log } = tables
  const { approvalId, to, operator, proof, planHash, time } = command
  if (proof !== null && !proofs.use(proof, log.next)) return refused(STATUS.replay_detected)
  const status = pendingRefusal(approvals.find(approvalId), planHash, time)
  if (status !== null) {
    if (proof !== null) proofs.release(proof)
    return refused(status)
  }
  const index = appendRef(log, arena, command.leaf, null)
  if (to !== 'vote') approvals.end(approvalId, to, index)
  else if (operator !== null && !approvals.hasVoted(approvalId, operator)) {
    approvals.vote(approvalId, operator, index)
  }
  return { ...refused(STATUS.ok, approvals.votes(approvalId)), index }
}

/** A revocation, and the end of every pending approval that it reaches. */
export function applyRevoke(tables: Tables, command: Revoke, arena: Uint8Array): Outcome {
  const { proofs, log, revocations, approvals } = tables
  if (!proofs.use(command.proof, log.next)) return refused(STATUS.replay_detected)
  const index = appendRef(log, arena, command.leaf, null)
  revocations.add(command.revocation, index)
  return { ...refused(STATUS.ok, approvals.revoke(command.revocation, index, command.time)), index }
}

/** A change of the learned rules by an operator. */
export function applyLearn(tables: Tables, command: Learn, arena: Uint8Array): Outcome {
  const { proofs, log, learned } = tables
  const { change, rule } = command
  if (!proofs.use(command.proof, log.next)) return refused(STATUS.replay_detected)
  if (change === 'add' && learned.isFull(rule)) {
    proofs.release(command.proof)
    return refused(STATUS.too_many_rules)
  }
  const index = appendRef(log, arena, command.leaf, null)
  return { ...refused(STATUS.ok, learned.apply({ change, rule }, index)), index }
}
