import type { Database } from '../database.js'
import type { Row } from '../row.js'

/**
 * Unix milliseconds of the oldest row that must still be there, in a table that forgets what is older than
 * `keptMs` at the latest record.
 */
export function keptSince(db: Database, keptMs: number): number {
  const state = db.prepare('SELECT highest_time FROM log_state WHERE id = 1').get() as
    | Row
    | undefined
  // Whether that is the time of the latest record is another check.
  const latest = Number(state?.['highest_time'])
  return Number.isFinite(latest) ? latest - keptMs : 0
}
