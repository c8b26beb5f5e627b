import { openDatabase } from '../../src/ledger/sqlite/database.js'
import { call, intent, lease, note, seal } from './entries.js'
import type { LedgerDir } from './sqlite-fixture.js'

/** The tables of format 1, as ledgers in use have them. Never to be changed. */
const FORMAT_1 = `
CREATE TABLE log_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  origin TEXT NOT NULL,
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  frontier BLOB NOT NULL,
  highest_time INTEGER NOT NULL,
  batch TEXT NOT NULL,
  batch_from INTEGER NOT NULL
) STRICT;

CREATE TABLE leaves (
  leaf INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  time TEXT NOT NULL,
  trace_id TEXT,
  session_id TEXT,
  session_seq INTEGER,
  principal TEXT,
  action_id TEXT,
  decision TEXT,
  bytes BLOB NOT NULL
) STRICT;
CREATE INDEX leaves_by_trace ON leaves (trace_id);
CREATE UNIQUE INDEX receipts_by_id ON leaves (id) WHERE type = 'receipt';

CREATE TABLE tiles (
  level INTEGER NOT NULL,
  tile INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (level, tile)
) STRICT;

CREATE TABLE keys (
  purpose TEXT NOT NULL,
  kid TEXT NOT NULL,
  public_key BLOB NOT NULL,
  added_at TEXT NOT NULL,
  from_leaf INTEGER NOT NULL,
  to_leaf INTEGER,
  PRIMARY KEY (purpose, kid)
) STRICT;

CREATE TABLE sessions (
  session_id TEXT PRIMARY KEY,
  last_seq INTEGER NOT NULL,
  has_budget INTEGER NOT NULL,
  calls_remaining INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE intents (
  grant_id TEXT PRIMARY KEY,
  leaf INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  debited INTEGER NOT NULL,
  dispatch_not_after INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('open', 'unknown', 'receipt', 'resolved')),
  outcome_leaf INTEGER,
  settled INTEGER NOT NULL CHECK (settled = (outcome IN ('receipt', 'resolved')))
) STRICT, WITHOUT ROWID;
CREATE INDEX intents_unsettled ON intents (dispatch_not_after) WHERE settled = 0;

CREATE TABLE proofs (
  id INTEGER PRIMARY KEY,
  jkt TEXT NOT NULL,
  jti TEXT NOT NULL,
  forget_after INTEGER NOT NULL,
  leaf INTEGER NOT NULL,
  UNIQUE (jkt, jti)
) STRICT;

CREATE TABLE payloads (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  hash TEXT NOT NULL,
  erase_after INTEGER NOT NULL,
  salt BLOB NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE INDEX payloads_by_age ON payloads (erase_after);

PRAGMA application_id = 1279740977;
PRAGMA user_version = 1;
`

const TABLES = ['log_state', 'leaves', 'tiles', 'keys', 'sessions', 'intents', 'proofs', 'payloads']

/**
 * A closed ledger of format 1 in place: a budget, a sealed call, one without an outcome, notes. Returns
 * the grant without an outcome, and the checkpoint.
 */
export async function writeFormat1(
  place: LedgerDir,
): Promise<{ readonly open: string; readonly checkpoint: string }> {
  const ledger = await place.open()
  await ledger.issueLease(lease('s-1', { maxCalls: 5 }))
  const [sealed, open] = [call('s-1'), call('s-1')]
  await ledger.intend(intent(sealed, { debit: true }))
  await ledger.seal(seal(sealed, 1))
  await Promise.all(Array.from({ length: 260 }, (_, i) => ledger.record(note({ i }))))
  await ledger.intend(intent(open, { debit: true }))
  const checkpoint = ledger.checkpoint()
  await ledger.close()
  toFormat1(place.path)
  return { open: open.grantId, checkpoint }
}

// The rows as the writer made them, in the tables of old.
function toFormat1(path: string): void {
  const db = openDatabase(path)
  try {
    const names = db
      .prepare("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
      .all() as { type: string; name: string }[]
    db.exec('BEGIN')
    for (const { name } of names.filter((one) => one.type === 'index')) {
      db.exec(`DROP INDEX ${name}`)
    }
    for (const { name } of names.filter((one) => one.type === 'table')) {
      if (TABLES.includes(name)) db.exec(`ALTER TABLE ${name} RENAME TO new_${name}`)
      else db.exec(`DROP TABLE ${name}`)
    }
    db.exec(FORMAT_1)
    for (const name of TABLES) {
      db.exec(`INSERT INTO ${name} SELECT * FROM new_${name}`)
      db.exec(`DROP TABLE new_${name}`)
    }
    db.exec('COMMIT')
    // The file alone is the ledger, so that it can be copied.
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } finally {
    db.close()
  }
}
