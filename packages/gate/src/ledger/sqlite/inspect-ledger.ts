import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LedgerDamaged, LedgerRolledBack } from '../faults.js'
import { type Database, openDatabase } from './database.js'
import { readHighWater } from './high-water.js'
import { readLogState } from './log-state.js'
import { checkOptions } from './open-ledger.js'
import { checkState, type ExpectedLog, logSigner } from './open-writer.js'
import { RecordClock } from './record-clock.js'
import { text } from './row.js'
import { BUSY_TIMEOUT_MS, isEmptyDatabase } from './schema.js'

/** What a look at a ledger found. */
export interface LedgerFacts {
  /** Records in the log. */
  readonly size: number
  /** Unix milliseconds of the latest record; 0 for a log that has none. */
  readonly highestTime: number
  /** True when calls would be denied as `clock_error`. */
  readonly isClockBehind: boolean
  /** Records that the high-water file remembers; null when it remembers none of this log. */
  readonly highWater: number | null
}

/** Where the high-water file of a ledger is. */
export function highWaterPathOf(ledger: string): string {
  // Beside the database's directory, not in it: a restored copy must not bring its mark along.
  return join(dirname(dirname(ledger)), `${basename(ledger)}.high-water`)
}

/**
 * Holds a ledger against everything that `openLedger` does, and its pages against each other
 * (`quick_check`), writing nothing and making no file. Null when there is no ledger yet. A gate may
 * be running on it. Throws one of the refusals of `faults.ts`.
 */
export function inspectLedger(expected: ExpectedLog, now: number): LedgerFacts | null {
  const { path, origin, highWaterPath } = expected
  checkOptions(expected)
  const signer = logSigner(expected)
  if (!existsSync(path)) {
    const mark = readHighWater(highWaterPath, origin, signer)
    return mark === null ? null : lost(path, mark.size, highWaterPath)
  }
  return readOnly(path, (db) => {
    const state = isEmptyDatabase(db) ? null : readLogState(db)
    if (state !== null) quickCheck(db)
    checkState(db, expected, state, signer)
    const highestTime = state?.highestTime ?? 0
    return {
      size: state?.size ?? 0,
      highestTime,
      isClockBehind: new RecordClock(() => now, highestTime).isBehind,
      highWater: readHighWater(highWaterPath, origin, signer)?.size ?? null,
    }
  })
}

function lost(path: string, records: number, highWaterPath: string): never {
  throw new LedgerRolledBack(
    `the ledger ${path} is missing, and ${highWaterPath} remembers ${records} records of it: put ` +
      'the newest copy back, or begin a new log: another gate_name and another ledger_db_path',
  )
}

// A read-only connection makes `-wal` and `-shm` beside an idle database and leaves them there.
// Without a write-ahead log everything is in the one file, which is read as it is.
function readOnly<T>(path: string, read: (db: Database) => T): T {
  if (!existsSync(`${path}-wal`)) {
    const url = pathToFileURL(path)
    url.searchParams.set('immutable', '1')
    try {
      return snapshot(openDatabase(url.href, { readOnly: true }), read)
    } catch (error) {
      // A gate that began meanwhile writes what this connection believed to be still.
      if (!existsSync(`${path}-wal`)) throw asDamage(error)
    }
  }
  try {
    return snapshot(openDatabase(path, { readOnly: true }), read)
  } catch (error) {
    throw asDamage(error)
  }
}

function snapshot<T>(db: Database, read: (db: Database) => T): T {
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    db.exec('BEGIN')
    const result = read(db)
    db.exec('COMMIT')
    return result
  } finally {
    db.close()
  }
}

function quickCheck(db: Database): void {
  const rows = db.prepare('PRAGMA quick_check(1)').all() as { readonly quick_check: unknown }[]
  const found = rows.map((row) => text(row, 'quick_check'))
  if (found.length === 1 && found[0] === 'ok') return
  throw new LedgerDamaged(`SQLite: ${found.join('; ')}`)
}

// SQLite's own words: they do not come from the ledger's contents.
function asDamage(error: unknown): unknown {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  if (code !== 'ERR_SQLITE_ERROR' && code !== 'SQLITE_ERROR') return error
  return new LedgerDamaged(`the file cannot be read: ${String(message)}`, { cause: error })
}
