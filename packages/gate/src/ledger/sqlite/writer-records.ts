import { type Leaf, parseLeaf } from '@latchgate/evidence'
import { isoMillis } from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import { approvalSubject } from '../approval-subject.js'
import type { ApprovalRow, ApprovalTable } from './approval-table.js'
import type { Database, Statement } from './database.js'
import type { LogAppender } from './log-appender.js'
import { blob, requireRow } from './row.js'

/** The log that the writer's own records are for. */
export interface WriterIdentity {
  readonly origin: string
  readonly gateId: string
}

/** Records that nobody asked for: what the writer itself finds out. */
export class WriterRecords {
  readonly #log: LogAppender
  readonly #approvals: ApprovalTable
  readonly #identity: WriterIdentity
  readonly #leaf: Statement

  constructor(db: Database, log: LogAppender, approvals: ApprovalTable, identity: WriterIdentity) {
    this.#log = log
    this.#approvals = approvals
    this.#identity = identity
    this.#leaf = db.prepare('SELECT bytes FROM leaves WHERE leaf = ?')
  }

  /** Run of the gate that this writer belongs to. */
  get gateId(): string {
    return this.#identity.gateId
  }

  /** The stored leaf at an index that a row names. */
  leafAt(index: number, what: string): Leaf {
    return parseLeaf(blob(requireRow(this.#leaf.get(index), what), 'bytes'))
  }

  /** Appends a record of the writer itself; returns its index. */
  append(type: Leaf['type'], body: Leaf['body'], now: number): number {
    const { origin, gateId } = this.#identity
    return this.#log.appendLeaf({
      v: 1,
      type,
      log: origin,
      id: uuidv7(now),
      time: isoMillis(now),
      gate: gateId,
      body,
    })
  }

  /** Nobody decided in time. */
  expire(approval: ApprovalRow, now: number): void {
    const { approvalId, leaf, expiresAt } = approval
    const hold = this.leafAt(leaf, `the leaf of approval ${approvalId}`)
    const body = {
      ...approvalSubject(hold.body),
      event_type: 'approval_expired',
      decision: 'expired',
      expired_at: isoMillis(expiresAt),
    }
    this.#approvals.end(approvalId, 'expired', this.append('approval', body, now))
  }
}
