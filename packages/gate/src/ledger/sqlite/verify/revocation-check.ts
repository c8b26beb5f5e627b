import type { Findings, Leaf } from '@latchgate/evidence'
import type { Database, Statement } from '../database.js'
import { integer, type Row } from '../row.js'

/** Holds the table of revocations against the log: one that is missing gives a lease its life back. */
export class RevocationCheck {
  readonly #db: Database
  readonly #findings: Findings
  readonly #row: Statement
  #revocations = 0

  constructor(db: Database, findings: Findings) {
    this.#db = db
    this.#findings = findings
    this.#row = db.prepare('SELECT * FROM revocations WHERE leaf = ?')
  }

  add(index: number, { type, id, body }: Leaf): void {
    if (type !== 'revocation') return
    const row = this.#row.get(index) as Row | undefined
    const at = { index, id, column: 'revocations' }
    if (row === undefined) {
      this.#findings.add('the revocation is not in the table: what it ended would work again', at)
      return
    }
    this.#revocations += 1
    const { kind, value, epoch } = body
    const isSame = row['kind'] === kind && row['value'] === value && row['epoch'] === epoch
    if (!isSame) this.#findings.add('the revocation in the table is not the one of the log', at)
  }

  finish(): void {
    const count = this.#db.prepare('SELECT count(*) AS n FROM revocations').get() as Row
    const extra = integer(count, 'n') - this.#revocations
    if (extra <= 0) return
    const problem = `${extra} revocations in the table are not in the log`
    this.#findings.add(problem, { column: 'revocations' })
  }
}
