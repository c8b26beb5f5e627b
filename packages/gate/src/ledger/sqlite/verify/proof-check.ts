import type { Findings, Leaf } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import type { Database } from '../database.js'
import type { Row } from '../row.js'

/**
 * Holds the used proofs that are still remembered against the leaves that used them. They are
 * forgotten in the order of their use, so that between the first that is there and the end of the log
 * none may be missing: it could be used again.
 */
export class ProofCheck {
  readonly #findings: Findings
  readonly #rows: Iterator<unknown, undefined>
  #next: Row | undefined
  #hasBegun = false

  constructor(db: Database, findings: Findings) {
    this.#findings = findings
    this.#rows = db.prepare('SELECT jkt, jti, leaf FROM proofs ORDER BY id').iterate() as Iterator<
      unknown,
      undefined
    >
    this.#advance()
  }

  add(index: number, { body }: Leaf): void {
    const proof = body['proof'] as JsonObject | undefined
    if (proof === undefined) return
    const row = this.#next
    if (row?.['leaf'] === index && row['jkt'] === proof['jkt'] && row['jti'] === proof['jti']) {
      this.#hasBegun = true
      this.#advance()
      return
    }
    if (row?.['leaf'] === index) {
      this.#report(index, proof['jti'], 'the proof in the table is not the one of its record')
      this.#hasBegun = true
      this.#advance()
      return
    }
    if (!this.#hasBegun) return
    this.#report(index, proof['jti'], 'the proof is not in the table: it could be used again')
  }

  /** Rows that are left are of no leaf, or not in the order of the log. */
  finish(): void {
    for (; this.#next !== undefined; this.#advance()) {
      const { leaf, jti } = this.#next
      const index = typeof leaf === 'number' ? leaf : null
      this.#report(index, jti, 'the proof in the table is not one of its record')
    }
  }

  #advance(): void {
    const next = this.#rows.next()
    this.#next = next.done === true ? undefined : (next.value as Row)
  }

  #report(index: number | null, jti: unknown, problem: string): void {
    this.#findings.add(problem, { index, id: String(jti), column: 'proofs' })
  }
}
