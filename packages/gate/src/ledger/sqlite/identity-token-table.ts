import type { IdentityTokenUse } from '../port.js'
import type { Database, Statement } from './database.js'

/**
 * Milliseconds that a token is remembered beyond its expiry: longer than any token is still accepted, by
 * a clock that may be some seconds behind the latest record.
 */
export const TOKEN_KEPT_MS = 120_000

/**
 * Milliseconds after its expiry from which a token is not taken, whoever has verified it: well before it
 * can have been forgotten.
 */
const TOKEN_TAKEN_MS = 60_000

/** Identity tokens that a lease has used up: each opens or renews one (design 10). */
export class IdentityTokenTable {
  readonly #insert: Statement
  readonly #forget: Statement

  constructor(db: Database) {
    this.#insert = db.prepare(`INSERT INTO identity_tokens (hash, expires_at, leaf) VALUES (?, ?, ?)
      ON CONFLICT DO NOTHING`)
    this.#forget = db.prepare(`DELETE FROM identity_tokens WHERE hash IN
      (SELECT hash FROM identity_tokens WHERE expires_at < ? LIMIT ?)`)
  }

  /** Uses the token at `time`, that of its record; false when it was used before, or may have been. */
  use({ hash, expiresAt }: IdentityTokenUse, leaf: number, time: number): boolean {
    // A machine that slept between the verification and here has forgotten meanwhile.
    if (expiresAt < time - TOKEN_TAKEN_MS) return false
    return Number(this.#insert.run(hash, expiresAt, leaf).changes) === 1
  }

  /**
   * Forgets tokens that are not accepted any more at `latest`, the time of the latest record; returns how
   * many. By the wall clock a row could go whose absence no reader of the log could explain.
   */
  forget(latest: number, limit: number): number {
    return Number(this.#forget.run(latest - TOKEN_KEPT_MS, limit).changes)
  }
}
