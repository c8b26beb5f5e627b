import { arenaLeafBytes } from './byte-arena.js'
import { type Command, type LeafRef, type Outcome, STATUS } from './commands.js'
import type { IntentTable } from './intent-table.js'
import type { LogAppender } from './log-appender.js'
import type { PayloadTable } from './payload-table.js'
import type { ProofTable } from './proof-table.js'
import type { SessionTable } from './session-table.js'

/** The tables of one connection. */
export interface Tables {
  readonly log: LogAppender
  readonly sessions: SessionTable
  readonly intents: IntentTable
  readonly proofs: ProofTable
  readonly payloads: PayloadTable
}

type Intend = Extract<Command, { op: 'intend' }>
type Lease = Extract<Command, { op: 'lease' }>
type Record = Extract<Command, { op: 'record' }>
type Seal = Extract<Command, { op: 'seal' }>

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
  const { proof, leaf, sessionId, maxCalls } = command
  if (proof !== null && !tables.proofs.use(proof, tables.log.next)) {
    return refused(STATUS.replay_detected)
  }
  if (maxCalls !== undefined) tables.sessions.setBudget(sessionId, maxCalls)
  return { ...refused(STATUS.ok), index: appendRef(tables.log, arena, leaf, null) }
}

// The proof comes first: whoever repeats a proof is not told anything about budgets.
function applyIntend(tables: Tables, command: Intend, arena: Uint8Array): Outcome {
  const { sessions, intents, proofs, log } = tables
  const { sessionId, proof, debit } = command
  if (!proofs.use(proof, log.next)) return refused(STATUS.replay_detected)
  const refusal = budgetRefusal(sessions.get(sessionId).callsRemaining, debit)
  if (refusal !== null) {
    proofs.release(proof)
    return refused(refusal)
  }
  if (!intents.consume({ ...command, leaf: log.next, debited: debit })) {
    proofs.release(proof)
    return refused(STATUS.grant_consumed)
  }
  if (debit) sessions.addCalls(sessionId, -1)
  const sessionSeq = sessions.nextSeq(sessionId)
  const index = appendRef(log, arena, command.leaf, sessionSeq)
  tables.payloads.keep(command.payloads, arena, index)
  const callsRemaining = sessions.get(sessionId).callsRemaining ?? null
  return { status: STATUS.ok, index, sessionSeq, callsRemaining }
}

function budgetRefusal(callsRemaining: number | null | undefined, debit: boolean): number | null {
  if (!debit || callsRemaining === null) return null
  if (callsRemaining === undefined) return STATUS.budget_session_not_found
  return callsRemaining <= 0 ? STATUS.budget_exhausted : null
}

function applySeal(tables: Tables, command: Seal, arena: Uint8Array): Outcome {
  const { log, intents, sessions, payloads } = tables
  const { grantId, receipt } = command
  const intent = intents.settle(grantId, 'receipt', log.next)
  if (intent === undefined) return sealedBefore(tables, grantId, receipt)
  const index = appendRef(log, arena, receipt, null)
  appendRef(log, arena, command.decision, null)
  if (command.refund && intent.debited) sessions.addCalls(intent.sessionId, 1)
  payloads.keep(command.payloads, arena, index)
  return { ...refused(STATUS.ok), index }
}

// A seal is tried again after a commit whose fate was unknown: the same receipt is no error.
function sealedBefore(tables: Tables, grantId: string, receipt: LeafRef): Outcome {
  const intent = tables.intents.find(grantId)
  if (intent === undefined) return refused(STATUS.intent_not_found)
  const index = tables.log.receiptIndex(receipt.columns.id)
  const isSame = index !== undefined && index === intent.outcomeLeaf
  return isSame ? { ...refused(STATUS.ok), index } : refused(STATUS.already_sealed)
}

function appendRef(
  log: LogAppender,
  arena: Uint8Array,
  leaf: LeafRef,
  sessionSeq: number | null,
): number {
  const prefixed = arenaLeafBytes(arena, leaf, sessionSeq)
  return log.append(prefixed, leaf.columns, sessionSeq ?? leaf.columns.session_seq)
}

function refused(status: number): Outcome {
  return { status, index: -1, sessionSeq: null, callsRemaining: null }
}
