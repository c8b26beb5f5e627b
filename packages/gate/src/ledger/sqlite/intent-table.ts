import type { Database, Statement } from './database.js'
import { integer, integerOrNull, type Row, text } from './row.js'

/** A consumed grant and what became of it. */
export interface IntentRow {
  readonly grantId: string
  /** Index of the intent's leaf. */
  readonly leaf: number
  readonly sessionId: string
  /** A call was taken from the session's budget. */
  readonly debited: boolean
  readonly outcome: string
  /** Index of the leaf that says the outcome. */
  readonly outcomeLeaf: number | null
}

/** Consumed grants. A row stays for ever: a grant begins at most once (design 1). */
export class IntentTable {
  readonly #insert: Statement
  readonly #select: Statement
  readonly #settle: Statement
  readonly #markUnknown: Statement
  readonly #overdue: Statement

  constructor(db: Database) {
    this.#insert = db.prepare(`INSERT INTO intents
      (grant_id, leaf, session_id, debited, dispatch_not_after, outcome, outcome_leaf, settled)
      VALUES (?, ?, ?, ?, ?, 'open', NULL, 0) ON CONFLICT DO NOTHING`)
    this.#select = db.prepare('SELECT * FROM intents WHERE grant_id = ?')
    this.#settle = db.prepare(`UPDATE intents SET outcome = ?, outcome_leaf = ?, settled = 1
      WHERE grant_id = ? AND settled = 0 RETURNING session_id, debited`)
    this.#markUnknown = db.prepare(
      "UPDATE intents SET outcome = 'unknown', outcome_leaf = ? WHERE grant_id = ?",
    )
    this.#overdue = db.prepare(`SELECT * FROM intents
      WHERE settled = 0 AND outcome = 'open' AND dispatch_not_after < ?
      ORDER BY dispatch_not_after LIMIT ?`)
  }

  /** Consumes the grant; false when it was consumed before. */
  consume(intent: {
    readonly grantId: string
    readonly leaf: number
    readonly sessionId: string
    readonly debited: boolean
    readonly dispatchNotAfter: number
  }): boolean {
    const { grantId, leaf, sessionId, debited, dispatchNotAfter } = intent
    const result = this.#insert.run(grantId, leaf, sessionId, debited ? 1 : 0, dispatchNotAfter)
    return Number(result.changes) === 1
  }

  find(grantId: string): IntentRow | undefined {
    const row = this.#select.get(grantId)
    return row === undefined ? undefined : intentRow(row as Row)
  }

  /**
   * The receipt is there, or an operator has decided. Undefined when there is no such intent, or it
   * was settled before.
   */
  settle(
    grantId: string,
    outcome: 'receipt' | 'resolved',
    leaf: number,
  ): Pick<IntentRow, 'sessionId' | 'debited'> | undefined {
    const row = this.#settle.get(outcome, leaf, grantId) as Row | undefined
    if (row === undefined) return undefined
    return { sessionId: text(row, 'session_id'), debited: integer(row, 'debited') === 1 }
  }

  /** Nobody can know any more by itself. Listed until an operator resolves it. */
  markUnknown(grantId: string, leaf: number): void {
    this.#markUnknown.run(leaf, grantId)
  }

  /** Intents without any outcome whose time to dispatch ended before `time`, oldest first. */
  overdue(time: number, limit: number): readonly IntentRow[] {
    return this.#overdue.all(time, limit).map((row) => intentRow(row as Row))
  }
}

function intentRow(row: Row): IntentRow {
  return {
    grantId: text(row, 'grant_id'),
    leaf: integer(row, 'leaf'),
    sessionId: text(row, 'session_id'),
    debited: integer(row, 'debited') === 1,
    outcome: text(row, 'outcome'),
    outcomeLeaf: integerOrNull(row, 'outcome_leaf'),
  }
}
