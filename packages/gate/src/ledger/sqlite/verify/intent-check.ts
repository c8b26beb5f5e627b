import type { Findings, Leaf } from '@latchgate/evidence'
import type { Database, Statement } from '../database.js'
import { integer, type Row } from '../row.js'

/** Which outcome each kind of record gives a grant. */
const OUTCOMES = { receipt: 'receipt', unknown: 'unknown', resolution: 'resolved' } as const

/**
 * Holds the table of grants against the log: a grant whose row is gone could begin again, and one
 * whose outcome was changed would hide what happened.
 */
export class IntentCheck {
  readonly #db: Database
  readonly #findings: Findings
  readonly #row: Statement
  #intents = 0
  #outcomes = 0

  constructor(db: Database, findings: Findings) {
    this.#db = db
    this.#findings = findings
    this.#row = db.prepare('SELECT * FROM intents WHERE grant_id = ?')
  }

  add(index: number, leaf: Leaf): void {
    const grant = leaf.body['grant_id']
    if (typeof grant !== 'string') return
    if (leaf.type === 'intent') this.#addIntent(index, grant, leaf)
    if (Object.hasOwn(OUTCOMES, leaf.type)) {
      this.#addOutcome(index, grant, OUTCOMES[leaf.type as keyof typeof OUTCOMES])
    }
  }

  finish(): void {
    const at = { column: 'intents' }
    // Nothing settles an open grant but a record, and the list of open ones is by `settled`.
    const rows = this.#db.prepare(`SELECT grant_id FROM intents
      WHERE (outcome = 'open') <> (outcome_leaf IS NULL)
        OR settled <> (outcome IN ('receipt', 'resolved'))`)
    for (const row of rows.iterate() as Iterable<Row>) {
      const id = String(row['grant_id'])
      this.#findings.add('the outcome in the table contradicts itself', { ...at, id })
    }
    const counts = this.#db.prepare(
      "SELECT count(*) AS n, coalesce(sum(outcome <> 'open'), 0) AS ended FROM intents",
    )
    const row = counts.get() as Row
    const extra = integer(row, 'n') - this.#intents
    const invented = integer(row, 'ended') - this.#outcomes
    if (extra > 0) this.#findings.add(`${extra} grants in the table are not in the log`, at)
    if (invented > 0) this.#findings.add(`${invented} outcomes in the table are not in the log`, at)
  }

  #addIntent(index: number, grant: string, { body }: Leaf): void {
    this.#intents += 1
    const row = this.#row.get(grant) as Row | undefined
    const at = { index, id: grant, column: 'intents' }
    if (row === undefined) {
      this.#findings.add('the grant is not in the table: it could begin again', at)
      return
    }
    const isSame =
      row['leaf'] === index &&
      row['session_id'] === body['session_id'] &&
      row['debited'] === (body['debit'] === true ? 1 : 0) &&
      row['dispatch_not_after'] === Date.parse(String(body['dispatch_not_after']))
    if (!isSame) this.#findings.add('the grant in the table is not the one of the log', at)
  }

  // `unknown` may be followed by what an operator found out; the table keeps the last.
  #addOutcome(index: number, grant: string, outcome: string): void {
    const row = this.#row.get(grant) as Row | undefined
    const at = { index, id: grant, column: 'intents' }
    if (row === undefined) {
      this.#findings.add(`the ${outcome} is of a grant that is not in the table`, at)
      return
    }
    const stored = row['outcome']
    const isFollowed = outcome === 'unknown' && (stored === 'receipt' || stored === 'resolved')
    if (isFollowed) return
    this.#outcomes += 1
    if (stored === outcome && row['outcome_leaf'] === index) return
    this.#findings.add(`the table says '${String(stored)}', the log '${outcome}'`, at)
  }
}
