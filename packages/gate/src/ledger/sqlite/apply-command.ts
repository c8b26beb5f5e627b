import { type Command, type LeafText, type Outcome, STATUS } from './commands.js'
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
export function applyCommand(tables: Tables, command: Command, blob: Uint8Array): Outcome {
  switch (command.op) {
    case 'record':
      return applyRecord(tables, command, blob)
    case 'lease':
      return applyLease(tables, command)
    case 'intend':
      return applyIntend(tables, command, blob)
    case 'seal':
      return applySeal(tables, command, blob)
  }
}

function applyRecord(tables: Tables, command: Record, blob: Uint8Array): Outcome {
  const { sessionId, leaf } = command
  const sessionSeq = sessionId === null ? null : tables.sessions.nextSeq(sessionId)
  const index = appendText(tables.log, leaf, sessionSeq)
  for (const payload of command.payloads) tables.payloads.keep(payload, blob, index)
  return { ...refused(STATUS.ok), index, sessionSeq }
}

function applyLease(tables: Tables, command: Lease): Outcome {
  const { proof, leaf, sessionId, maxCalls } = command
  if (proof !== null && !tables.proofs.use(proof, tables.log.next)) {
    return refused(STATUS.replay_detected)
  }
  if (maxCalls !== undefined) tables.sessions.setBudget(sessionId, maxCalls)
  return { ...refused(STATUS.ok), index: appendText(tables.log, leaf, null) }
}

// The proof comes first: whoever repeats a proof is not told anything about budgets.
function applyIntend(tables: Tables, command: Intend, blob: Uint8Array): Outcome {
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
  const index = appendText(log, command.leaf, sessionSeq)
  for (const payload of command.payloads) tables.payloads.keep(payload, blob, index)
  const callsRemaining = sessions.get(sessionId).callsRemaining ?? null
  return { status: STATUS.ok, index, sessionSeq, callsRemaining }
}

function budgetRefusal(callsRemaining: number | null | undefined, debit: boolean): number | null {
  if (!debit || callsRemaining === null) return null
  if (callsRemaining === undefined) return STATUS.budget_session_not_found
  return callsRemaining <= 0 ? STATUS.budget_exhausted : null
}

function applySeal(tables: Tables, command: Seal, blob: Uint8Array): Outcome {
  const { grantId, receipt, decision } = command
  const intent = tables.intents.find(grantId)
  if (intent === undefined) return refused(STATUS.intent_not_found)
  if (intent.outcome === 'receipt' || intent.outcome === 'resolved') {
    // A seal is tried again after a commit whose fate was unknown: the same receipt is no error.
    const index = tables.log.receiptIndex(receipt.columns.id)
    const isSame = index !== undefined && index === intent.outcomeLeaf
    return isSame ? { ...refused(STATUS.ok), index } : refused(STATUS.already_sealed)
  }
  const index = appendText(tables.log, receipt, null)
  appendText(tables.log, decision, null)
  tables.intents.settle(grantId, 'receipt', index)
  if (command.refund && intent.debited) tables.sessions.addCalls(intent.sessionId, 1)
  for (const payload of command.payloads) tables.payloads.keep(payload, blob, index)
  return { ...refused(STATUS.ok), index }
}

function appendText(log: LogAppender, leaf: LeafText, sessionSeq: number | null): number {
  const { before, after, columns } = leaf
  const text = after === null ? before : `${before}${String(sessionSeq)}${after}`
  return log.append(Buffer.from(text, 'utf8'), columns, sessionSeq ?? columns.session_seq)
}

function refused(status: number): Outcome {
  return { status, index: -1, sessionSeq: null, callsRemaining: null }
}
