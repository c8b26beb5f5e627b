import { parentPort, workerData } from 'node:worker_threads'
import { LeafError, type LogReport, parseLeaf } from '@latchgate/evidence'
import { openDatabase } from '../ledger/sqlite/database.js'
import type { Row } from '../ledger/sqlite/row.js'
import {
  type LedgerFileToVerify,
  verifyLedgerFile,
} from '../ledger/sqlite/verify/verify-ledger-file.js'

/** What the thread says when it is done. */
export type FromVerifier =
  | { readonly kind: 'verified'; readonly report: LogReport; readonly brokenAt: string | null }
  | { readonly kind: 'failed'; readonly message: string }

// A walk over a whole ledger takes as long as the ledger is: not on the thread that answers calls.
function verify(file: LedgerFileToVerify): FromVerifier {
  try {
    const report = verifyLedgerFile(file)
    return { kind: 'verified', report, brokenAt: traceOfFirst(file.path, report) }
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

function traceOfFirst(path: string, { findings }: LogReport): string | null {
  const indexes = findings.flatMap(({ index }) => (index === null ? [] : [index]))
  if (indexes.length === 0) return null
  const db = openDatabase(path, { readOnly: true })
  try {
    db.exec('PRAGMA busy_timeout = 2000')
    const row = db
      .prepare('SELECT trace_id, bytes FROM leaves WHERE leaf = ?')
      .get(indexes.reduce((first, index) => Math.min(first, index)))
    return row === undefined ? null : traceOf(row as Row)
  } finally {
    db.close()
  }
}

function traceOf({ trace_id: column, bytes }: Row): string | null {
  try {
    const trace = bytes instanceof Uint8Array ? parseLeaf(bytes).body['trace_id'] : undefined
    if (typeof trace === 'string') return trace
  } catch (error) {
    if (!(error instanceof LeafError)) throw error
  }
  return typeof column === 'string' ? column : null
}

parentPort?.postMessage(verify(workerData as LedgerFileToVerify))
