import type { Findings, Leaf } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import type { Database, Statement } from '../database.js'
import { TOKEN_KEPT_MS } from '../identity-token-table.js'
import { integer, type Row } from '../row.js'
import { keptSince } from './kept-since.js'

/**
 * Holds the used identity tokens against the leases that used them. A token may be missing only when it
 * had long expired at the latest record: before, it could open another session.
 */
export class IdentityTokenCheck {
  readonly #db: Database
  readonly #findings: Findings
  readonly #row: Statement
  /** Unix milliseconds: what expires from then on must not have been forgotten. */
  readonly #since: number
  #tokens = 0

  constructor(db: Database, findings: Findings) {
    this.#db = db
    this.#findings = findings
    this.#row = db.prepare('SELECT * FROM identity_tokens WHERE hash = ?')
    this.#since = keptSince(db, TOKEN_KEPT_MS)
  }

  add(index: number, { type, body }: Leaf): void {
    const token = body['identity_token'] as JsonObject | undefined
    if (type !== 'lease' || token === undefined) return
    const hash = String(token['hash'])
    const expiresAt = Date.parse(String(token['expires_at']))
    const row = this.#row.get(hash) as Row | undefined
    if (row?.['leaf'] === index) {
      this.#tokens += 1
      if (row['expires_at'] === expiresAt) return
      this.#report(index, hash, 'the token in the table is not the one of its record')
      return
    }
    // Its id may have been given to a later token.
    if (expiresAt < this.#since) return
    this.#report(index, hash, 'the token is not in the table: it could be used again')
  }

  finish(): void {
    const count = this.#db.prepare('SELECT count(*) AS n FROM identity_tokens').get() as Row
    const extra = integer(count, 'n') - this.#tokens
    if (extra <= 0) return
    const problem = `${extra} identity tokens in the table are not in the log`
    this.#findings.add(problem, { column: 'identity_tokens' })
  }

  #report(index: number, id: string, problem: string): void {
    this.#findings.add(problem, { index, id, column: 'identity_tokens' })
  }
}
