import type { Findings, Leaf } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import type { Database, Statement } from '../database.js'
import { LONGEST_WINDOW_MS } from '../quota-table.js'
import { integer, type Row } from '../row.js'
import { keptSince } from './kept-since.js'

/**
 * Holds the uses of quotas against the intents that count and the receipts that gave a call back. A
 * use may be missing only when no window reaches it any more at the latest record.
 */
export class QuotaCheck {
  readonly #db: Database
  readonly #findings: Findings
  readonly #row: Statement
  /** Unix milliseconds: from then on nothing may have been forgotten. */
  readonly #since: number
  /** Leaf and grant of every use without a row that was not given back. */
  readonly #missing = new Map<string, number>()
  #counted = 0

  constructor(db: Database, findings: Findings) {
    this.#db = db
    this.#findings = findings
    this.#row = db.prepare('SELECT * FROM quota_uses WHERE grant_id = ?')
    this.#since = keptSince(db, LONGEST_WINDOW_MS)
  }

  add(index: number, leaf: Leaf): void {
    const { body, type } = leaf
    const grant = body['grant_id']
    if (typeof grant !== 'string') return
    if (type === 'intent' && body['quota'] !== undefined) this.#use(index, grant, leaf)
    if (type === 'decision' && body['refund'] === true) this.#giveBack(index, grant)
  }

  finish(): void {
    for (const [grant, index] of this.#missing) {
      this.#report(index, grant, 'the use is not in the table: the quota would let more through')
    }
    const count = this.#db.prepare('SELECT count(*) AS n FROM quota_uses').get() as Row
    const extra = integer(count, 'n') - this.#counted
    if (extra <= 0) return
    this.#findings.add(`${extra} uses in the table are not in the log`, { column: 'quota_uses' })
  }

  #use(index: number, grant: string, { body, time }: Leaf): void {
    const at = Date.parse(time)
    const row = this.#row.get(grant) as Row | undefined
    if (row === undefined) {
      if (at >= this.#since) this.#missing.set(grant, index)
      return
    }
    this.#counted += 1
    const isSame =
      row['principal'] === body['principal'] &&
      row['used_at'] === at &&
      row['cost_usd_cents'] === (body['quota'] as JsonObject)['cost_usd_cents']
    if (!isSame) this.#report(index, grant, 'the use in the table is not the one of the log')
  }

  #giveBack(index: number, grant: string): void {
    if (this.#missing.delete(grant)) return
    if (this.#row.get(grant) === undefined) return
    this.#counted -= 1
    this.#report(index, grant, 'the use was given back, and is in the table')
  }

  #report(index: number, id: string, problem: string): void {
    this.#findings.add(problem, { index, id, column: 'quota_uses' })
  }
}
