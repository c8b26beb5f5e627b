import {
  Findings,
  KeyHistory,
  type LogReport,
  type LogRow,
  MAX_FINDINGS,
  verifyLog,
} from '@latchgate/evidence'
import type { Json } from '@latchgate/protocol'
import { evidenceCrypto } from '../../../evidence-crypto.js'
import { type Database, openDatabase } from '../database.js'
import { integer, type Row } from '../row.js'
import { assertLedger } from '../schema.js'
import { checkKeys } from './check-keys.js'
import { checkLogState } from './check-log-state.js'
import { checkPayloads } from './check-payloads.js'
import { checkProofs } from './check-proofs.js'
import { IntentCheck } from './intent-check.js'
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

/**
 * Reads a whole ledger, read-only and as of one moment, and reports what contradicts itself: leaves,
 * tree, tiles, keys, and every table that could have been derived from the leaves (notes/evidence 1,
 * 6). Throws LedgerDamaged for a file that is no ledger, NoteError for a `vkey` that is none, and
 * what SQLite says of a file that it cannot read.
 */
export function verifyLedgerFile(options: LedgerFileToVerify): LogReport {
  const db = openDatabase(options.path, { readOnly: true })
  try {
    db.exec('PRAGMA busy_timeout = 2000')
    // One snapshot: a gate that writes meanwhile must not look like a contradiction.
    db.exec('BEGIN')
    assertLedger(db)
    return verifySnapshot(db, options)
  } finally {
    db.close()
  }
}

function verifySnapshot(db: Database, options: LedgerFileToVerify): LogReport {
  const findings = new Findings(MAX_FINDINGS)
  const keys = new KeyHistory()
  const tiles = new TileCheck(db, findings)
  const intents = new IntentCheck(db, findings)
  const sessions = new SessionCheck(db, findings)
  const report = verifyLog({
    crypto: evidenceCrypto,
    leaves: storedLeaves(db, options.onProgress),
    findings,
    ...(options.vkey === undefined ? {} : { vkey: options.vkey }),
    ...(options.checkpointNote === undefined ? {} : { checkpoint: options.checkpointNote }),
    onNode: tiles.onNode,
    onLeaf: (index, leaf) => {
      keys.add(index, leaf)
      intents.add(index, leaf)
      sessions.add(leaf)
    },
  })
  tiles.finish()
  checkLogState(db, report, findings)
  checkKeys(db, keys, findings)
  intents.finish()
  sessions.finish()
  checkProofs(db, findings)
  checkPayloads(db, findings)
  return { ...report, findings: findings.kept, findingsOmitted: findings.omitted }
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
