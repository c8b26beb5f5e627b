import { openDatabase } from '@latchgate/gate'
import type { TestGate } from './gate.js'

/**
 * Keeps the ledger of a running gate from committing, as a full or a broken disk would; returns what
 * ends that.
 */
export function takeLedgerAway(gate: Pick<TestGate, 'project'>): () => void {
  const db = openDatabase(gate.project.ledger)
  db.exec('PRAGMA busy_timeout = 5000')
  db.exec('BEGIN IMMEDIATE')
  return () => {
    db.exec('ROLLBACK')
    db.close()
  }
}
