import { type Command, type LeafRef, type Outcome, STATUS } from './commands.js'
import { appendRef, refused, type Tables } from './tables.js'

type Seal = Extract<Command, { op: 'seal' }>

/** Receipt and decision of a call, and what came of its approval (design 3). */
export function applySeal(tables: Tables, command: Seal, arena: Uint8Array): Outcome {
  const { log, intents, sessions, payloads, approvals, quotas, learned } = tables
  const { grantId, receipt } = command
  const intent = intents.settle(grantId, 'receipt', log.next)
  if (intent === undefined) return sealedBefore(tables, grantId, receipt)
  const index = appendRef(log, arena, receipt, null)
  appendRef(log, arena, command.decision, null)
  approvals.settle(grantId, command.succeeded ? 'approved' : 'failed', index)
  if (command.refund && intent.debited) sessions.addCalls(intent.sessionId, 1)
  if (command.refund) quotas.giveBack(grantId)
  for (const { leaf, change, rule } of command.learn) {
    if (change === 'add' && learned.isFull(rule)) continue
    learned.apply({ change, rule }, appendRef(log, arena, leaf, null))
  }
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
