import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@latchgate/gate'

/**
 * The yardstick of design 12: a writer that makes two durable SQLite transactions a call, one after
 * the other, and nothing else. Calls a second on the same disk.
 */
export function twoTransactionsPerCall(seconds: number): number {
  const directory = mkdtempSync(join(tmpdir(), 'lgb-'))
  const database = openDatabase(join(directory, 'yardstick.db'))
  try {
    database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (a TEXT)')
    const insert = database.prepare('INSERT INTO t (a) VALUES (?)')
    const row = 'x'.repeat(2000)
    const end = performance.now() + seconds * 1000
    const began = performance.now()
    let calls = 0
    while (performance.now() < end) {
      insert.run(row)
      insert.run(row)
      calls += 1
    }
    return calls / ((performance.now() - began) / 1000)
  } finally {
    database.close()
    rmSync(directory, { recursive: true, force: true })
  }
}
