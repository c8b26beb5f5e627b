import type { ProofUse } from '../port.js'
import type { Database, Statement } from './database.js'
import { integer, type Row } from './row.js'

/** Proofs of possession that an effect has used up (design 5). */
export class ProofTable {
  readonly #insert: Statement
  readonly #delete: Statement
  readonly #oldest: Statement
  readonly #deleteUpTo: Statement

  constructor(db: Database) {
    this.#insert = db.prepare(`INSERT INTO proofs (jkt, jti, forget_after, leaf) VALUES (?, ?, ?, ?)
      ON CONFLICT DO NOTHING`)
    this.#delete = db.prepare('DELETE FROM proofs WHERE jkt = ? AND jti = ?')
    this.#oldest = db.prepare('SELECT id, forget_after FROM proofs ORDER BY id LIMIT ?')
    this.#deleteUpTo = db.prepare('DELETE FROM proofs WHERE id <= ?')
  }

  /** Uses the proof; false when it was used before. */
  use(proof: ProofUse, leaf: number): boolean {
    const { jkt, jti, forgetAfter } = proof
    return Number(this.#insert.run(jkt, jti, forgetAfter, leaf).changes) === 1
  }

  /** Takes back a use of the same transaction: another guard refused. */
  release(proof: ProofUse): void {
    this.#delete.run(proof.jkt, proof.jti)
  }

  /**
   * Forgets proofs that are too old to be accepted anyway, in the order of their use: a proof that
   * must be kept longer keeps those after it a little longer too.
   */
  forget(now: number, limit: number): number {
    let upTo: number | undefined
    let count = 0
    for (const row of this.#oldest.all(limit) as Row[]) {
      if (integer(row, 'forget_after') >= now) break
      upTo = integer(row, 'id')
      count += 1
    }
    if (upTo !== undefined) this.#deleteUpTo.run(upTo)
    return count
  }
}
