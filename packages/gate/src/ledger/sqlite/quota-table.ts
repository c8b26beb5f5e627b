import type { QuotaLimit } from '../port.js'
import type { Database, Statement } from './database.js'
import { integer, type Row } from './row.js'

/** Longest window of a quota (see the policy's data document), in milliseconds. */
export const LONGEST_WINDOW_MS: number = 366 * 24 * 3600 * 1000

/** A use that is to be counted. */
export interface QuotaUse {
  readonly grantId: string
  readonly principal: string
  /** Unix milliseconds. */
  readonly at: number
  readonly costUsdCents: number
}

/** Calls that count against the quotas of their principals, over sliding windows (design 10). */
export class QuotaTable {
  readonly #insert: Statement
  readonly #delete: Statement
  readonly #nth: Statement
  readonly #recent: Statement
  readonly #forget: Statement

  constructor(db: Database) {
    this.#insert = db.prepare(
      'INSERT INTO quota_uses (grant_id, principal, used_at, cost_usd_cents) VALUES (?, ?, ?, ?)',
    )
    this.#delete = db.prepare('DELETE FROM quota_uses WHERE grant_id = ?')
    this.#nth = db.prepare(`SELECT used_at FROM quota_uses WHERE principal = ? AND used_at > ?
      ORDER BY used_at DESC LIMIT 1 OFFSET ?`)
    this.#recent = db.prepare(`SELECT used_at, cost_usd_cents FROM quota_uses
      WHERE principal = ? AND used_at > ? ORDER BY used_at DESC`)
    this.#forget = db.prepare(`DELETE FROM quota_uses WHERE grant_id IN
      (SELECT grant_id FROM quota_uses WHERE used_at < ? LIMIT ?)`)
  }

  /**
   * Milliseconds until one more call of this cost fits into every quota; null when it fits now. A call
   * that can never fit waits for a whole window.
   */
  waitFor(use: Omit<QuotaUse, 'grantId'>, quotas: readonly QuotaLimit[]): number | null {
    const waits = quotas.flatMap((quota) => {
      const from = use.at - quota.windowSeconds * 1000
      const blocking = [this.#blockingCall(use, quota, from), this.#blockingCost(use, quota, from)]
      return blocking.flatMap((at) =>
        at === null ? [] : [at + quota.windowSeconds * 1000 - use.at],
      )
    })
    return waits.length === 0 ? null : Math.max(1, ...waits)
  }

  count({ grantId, principal, at, costUsdCents }: QuotaUse): void {
    this.#insert.run(grantId, principal, at, costUsdCents)
  }

  /** The call never left the gate. */
  giveBack(grantId: string): void {
    this.#delete.run(grantId)
  }

  /**
   * Forgets what no window reaches any more at `latest`, the time of the latest record; returns how
   * many. By the wall clock a use could go whose absence no reader of the log could explain.
   */
  forget(latest: number, limit: number): number {
    return Number(this.#forget.run(latest - LONGEST_WINDOW_MS, limit).changes)
  }

  // The call whose end of window makes room for one more.
  #blockingCall(
    { principal, at }: Omit<QuotaUse, 'grantId'>,
    { calls }: QuotaLimit,
    from: number,
  ): number | null {
    if (calls === undefined) return null
    if (calls === 0) return at
    const row = this.#nth.get(principal, from, calls - 1)
    return row === undefined ? null : integer(row as Row, 'used_at')
  }

  #blockingCost(
    { principal, at, costUsdCents }: Omit<QuotaUse, 'grantId'>,
    { costUsdCents: limit }: QuotaLimit,
    from: number,
  ): number | null {
    if (limit === undefined || costUsdCents === 0) return null
    if (costUsdCents > limit) return at
    let sum = costUsdCents
    for (const row of this.#recent.iterate(principal, from) as Iterable<Row>) {
      sum += integer(row, 'cost_usd_cents')
      if (sum > limit) return integer(row, 'used_at')
    }
    return null
  }
}
