import type { ApprovalTable } from './approval-table.js'
import { arenaLeafBytes } from './byte-arena.js'
import type { LeafRef, Outcome } from './commands.js'
import type { IdentityTokenTable } from './identity-token-table.js'
import type { IntentTable } from './intent-table.js'
import type { LearnedTable } from './learned-table.js'
import type { LogAppender } from './log-appender.js'
import type { PayloadTable } from './payload-table.js'
import type { ProofTable } from './proof-table.js'
import type { QuotaTable } from './quota-table.js'
import type { RevocationTable } from './revocation-table.js'
import type { SessionTable } from './session-table.js'
import type { WriterRecords } from './writer-records.js'

/** The tables of one connection. */
export interface Tables {
  readonly log: LogAppender
  readonly sessions: SessionTable
  readonly intents: IntentTable
  readonly proofs: ProofTable
  readonly identityTokens: IdentityTokenTable
  readonly payloads: PayloadTable
  readonly approvals: ApprovalTable
  readonly revocations: RevocationTable
  readonly quotas: QuotaTable
  readonly learned: LearnedTable
  readonly records: WriterRecords
}

/** Appends a leaf of a command; returns its index. */
export function appendRef(
  log: LogAppender,
  arena: Uint8Array,
  leaf: LeafRef,
  sessionSeq: number | null,
): number {
  const prefixed = arenaLeafBytes(arena, leaf, sessionSeq)
  return log.append(prefixed, leaf.columns, sessionSeq ?? leaf.columns.session_seq)
}

/** The outcome of a command that appended nothing. */
export function refused(status: number, extra: number | null = null): Outcome {
  return { status, index: -1, sessionSeq: null, callsRemaining: null, extra }
}
