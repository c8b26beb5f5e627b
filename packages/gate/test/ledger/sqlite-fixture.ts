import { randomUUID } from 'node:crypto'
import { ManualClock, type TempDir, tempDir } from '@latchgate/testkit'
import { openDatabase } from '../../src/ledger/sqlite/database.js'
import {
  type LedgerOptions,
  openLedger,
  type SqliteLedgerHandle,
} from '../../src/ledger/sqlite/open-ledger.js'
import { LOG_SEED, ORIGIN, RECEIPT_KEY } from './entries.js'

/** A directory for ledgers of one test. */
export interface LedgerDir {
  readonly dir: TempDir
  readonly path: string
  readonly highWaterPath: string
  readonly clock: ManualClock
  /** Warnings of every ledger opened here. */
  readonly warnings: string[]
  /** Opens the ledger, as a run of its own unless `gateId` is given. */
  open(more?: Partial<LedgerOptions>): Promise<SqliteLedgerHandle>
  /** Runs SQL on the file, with its constraints off: somebody who holds the disk. */
  tamper(sql: string): void
  /** Closes every ledger and removes the directory. */
  remove(): Promise<void>
}

export function ledgerDir(): LedgerDir {
  const dir = tempDir()
  const path = dir.file('data', 'audit.db')
  const highWaterPath = dir.file('audit.high-water')
  const clock = new ManualClock()
  const warnings: string[] = []
  const opened: SqliteLedgerHandle[] = []
  const warn = (_fields: object, message: string): void => {
    warnings.push(message)
  }
  return {
    dir,
    path,
    highWaterPath,
    clock,
    warnings,
    open: async (more = {}) => {
      const ledger = await openLedger({
        path,
        origin: ORIGIN,
        gateId: `gate-${randomUUID()}`,
        logKeySeed: LOG_SEED,
        receiptKeys: [RECEIPT_KEY],
        highWaterPath,
        now: clock.now,
        log: { info: () => undefined, warn, error: () => undefined },
        // No pass but those that a test asks for.
        sweepEveryMs: 86_400_000,
        ...more,
      })
      opened.push(ledger)
      return ledger
    },
    tamper: (sql) => {
      const db = openDatabase(path)
      try {
        db.exec('PRAGMA ignore_check_constraints = ON')
        db.exec(sql)
      } finally {
        db.close()
      }
    },
    remove: async () => {
      for (const ledger of opened) await ledger.close()
      dir.remove()
    },
  }
}
