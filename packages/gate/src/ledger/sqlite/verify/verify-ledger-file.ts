import {
  Findings,
  KeyHistory,
  type Leaf,
  type LogReport,
  type LogRow,
  MAX_FINDINGS,
  verifyLog,
} from '@latchgate/evidence'
import type { Json } from '@latchgate/protocol'
import { evidenceCrypto } from '../../../evidence-crypto.js'
import { LedgerDamaged } from '../../faults.js'
import { type Database, openDatabase } from '../database.js'
import { integer, type Row } from '../row.js'
import { assertLedger } from '../schema.js'
import { ApprovalCheck } from './approval-check.js'
import { checkKeys } from './check-keys.js'
import { checkLogState } from './check-log-state.js'
import { checkPayloads } from './check-payloads.js'
import { IdentityTokenCheck } from './identity-token-check.js'
import { IntentCheck } from './intent-check.js'
import { LearnedCheck } from './learned-check.js'
import { ProofCheck } from './proof-check.js'
import { QuotaCheck } from './quota-check.js'
import { RevocationCheck } from './revocation-check.js'
import { SessionCheck } from './session-check.js'
import { TileCheck } from './tile-check.js'

/** What to verify, and what it is held against. */
export interface LedgerFileToVerify {
  /** The database, with its `-wal` beside it. A gate may be running on it. */
  readonly path: string
  /** Verifier key of the log, C2SP vkey, obtained elsewhere. */
  readonly vkey?: string
  /** A checkpoint note that was kept elsewhere. */
  readonly checkpointNote?: string
  /** Told of the leaves read so far, every thousand leaves. */
  readonly onProgress?: (read: number, size: number) => void
}

const PROGRESS_STEP = 1000

/** A table that is made again from the leaves, and compared at their end. */
interface TableCheck {
  add(index: number, leaf: Leaf): void
  finish(): void
}

/**
 * Reads a whole ledger, read-only and as of one moment, and reports what contradicts itself: leaves,
 * tree, tiles, keys, and every table that could have been derived from the leaves (notes/evidence 1,
 * 6). Throws LedgerDamaged for a file that is no ledger, or that cannot be read to its end, and
 * NoteError for a `vkey` that is none. Whoever gets no report has verified nothing.
 */
export function verifyLedgerFile(options: LedgerFileToVerify): LogReport {
  const { path } = options
  const db = readable(() => openDatabase(path, { readOnly: true }))
  try {
    return readable(() => {
      db.exec('PRAGMA busy_timeout = 2000')
      // One snapshot: a gate that writes meanwhile must not look like a contradiction.
      db.exec('BEGIN')
      assertLedger(db)
      const report = verifySnapshot(db, options)
      // Closing is not enough where a statement outlives its connection: the snapshot would keep the
      // write-ahead log of a running gate from being reused.
      db.exec('COMMIT')
      return report
    })
  } finally {
    db.close()
  }
}

// SQLite's own words: they do not come from the ledger's contents.
function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
    if (code !== 'ERR_SQLITE_ERROR' && code !== 'SQLITE_ERROR' && code !== 'ERR_OUT_OF_RANGE')
      throw error
    throw new LedgerDamaged(`the file cannot be read: ${String(message)}`, { cause: error })
  }
}

function verifySnapshot(db: Database, options: LedgerFileToVerify): LogReport {
  const findings = new Findings(MAX_FINDINGS)
  checkPages(db, findings)
  const keys = new KeyHistory()
  const tiles = new TileCheck(db, findings)
  const checks: readonly TableCheck[] = [
    new IntentCheck(db, findings),
    new SessionCheck(db, findings),
    new ProofCheck(db, findings),
    new IdentityTokenCheck(db, findings),
    new ApprovalCheck(db, findings),
    new QuotaCheck(db, findings),
    new RevocationCheck(db, findings),
    new LearnedCheck(db, findings),
  ]
  let latest = 0
  const report = verifyLog({
    crypto: evidenceCrypto,
    leaves: storedLeaves(db, options.onProgress),
    findings,
    ...(options.vkey === undefined ? {} : { vkey: options.vkey }),
    ...(options.checkpointNote === undefined ? {} : { checkpoint: options.checkpointNote }),
    onNode: tiles.onNode,
    onLeaf: (index, leaf) => {
      keys.add(index, leaf)
      for (const check of checks) check.add(index, leaf)
      latest = Math.max(latest, Date.parse(leaf.time))
    },
  })
  tiles.finish()
  checkLogState(db, report, latest, findings)
  checkKeys(db, keys, findings)
  for (const check of checks) check.finish()
  checkPayloads(db, findings)
  return { ...report, findings: findings.kept, findingsOmitted: findings.omitted }
}

// Indexes are what the gate looks records up by; nothing else here reads them.
function checkPages(db: Database, findings: Findings): void {
  for (const row of db.prepare('PRAGMA integrity_check(20)').iterate() as Iterable<Row>) {
    const found = String(row['integrity_check'])
    if (found !== 'ok') findings.add(`SQLite: ${found}`, { column: 'integrity_check' })
  }
}

function* storedLeaves(
  db: Database,
  onProgress: LedgerFileToVerify['onProgress'],
): Iterable<LogRow> {
  const size = Number((db.prepare('SELECT count(*) AS n FROM leaves').get() as Row)['n'])
  let read = 0
  for (const row of db.prepare('SELECT * FROM leaves ORDER BY leaf').iterate()) {
    const { leaf: _index, hash, bytes, ...columns } = row as Row
    read += 1
    if (read % PROGRESS_STEP === 0 || read === size) onProgress?.(read, size)
    yield {
      index: integer(row as Row, 'leaf'),
      bytes: bytes instanceof Uint8Array ? bytes : new Uint8Array(),
      hash: hash instanceof Uint8Array ? hash : new Uint8Array(),
      columns: columns as Readonly<Record<string, Json>>,
    }
  }
}
