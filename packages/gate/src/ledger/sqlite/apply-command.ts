import { applyDecide, applyLearn, applyRevoke } from './apply-act.js'
import { applyHold, applyIntend } from './apply-call.js'
import { applySeal } from './apply-seal.js'
import { type Command, type Outcome, STATUS } from './commands.js'
import { appendRef, refused, type Tables } from './tables.js'

type Lease = Extract<Command, { op: 'lease' }>
type Record = Extract<Command, { op: 'record' }>

/**
 * Evaluates the guards of one command and appends its leaves, inside the caller's transaction. A
 * refused command leaves nothing behind, so that the others of the batch go on (notes/evidence 3).
 */
export function applyCommand(tables: Tables, command: Command, arena: Uint8Array): Outcome {
  switch (command.op) {
    case 'record':
      return applyRecord(tables, command, arena)
    case 'lease':
      return applyLease(tables, command, arena)
    case 'intend':
      return applyIntend(tables, command, arena)
    case 'seal':
      return applySeal(tables, command, arena)
    case 'hold':
      return applyHold(tables, command, arena)
    case 'decide':
      return applyDecide(tables, command, arena)
    case 'revoke':
      return applyRevoke(tables, command, arena)
    case 'learn':
      return applyLearn(tables, command, arena)
  }
}

function applyRecord(tables: Tables, command: Record, arena: Uint8Array): Outcome {
  const { sessionId, leaf, proof } = command
  if (proof !== null && !tables.proofs.use(proof, tables.log.next)) {
    return refused(STATUS.replay_detected)
  }
  const sessionSeq = sessionId === null ? null : tables.sessions.nextSeq(sessionId)
  const index = appendRef(tables.log, arena, leaf, sessionSeq)
  tables.payloads.keep(command.payloads, arena, index)
  return { ...refused(STATUS.ok), index, sessionSeq }
}

function applyLease(tables: Tables, command: Lease, arena: Uint8Array): Outcome {
  const { proof, identityToken, leaf, sessionId, maxCalls, time } = command
  if (proof !== null && !tables.proofs.use(proof, tables.log.next)) {
    return refused(STATUS.replay_detected)
  }
  if (identityToken !== null && !tables.identityTokens.use(identityToken, tables.log.next, time)) {
    if (proof !== null) tables.proofs.release(proof)
    return refused(STATUS.identity_token_used)
  }
  if (maxCalls !== undefined) tables.sessions.setBudget(sessionId, maxCalls)
  return { ...refused(STATUS.ok), index: appendRef(tables.log, arena, leaf, null) }
}
