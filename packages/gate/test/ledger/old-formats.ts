import { openDatabase } from '../../src/ledger/sqlite/database.js'
import { call, hold, intent, lease, note, revocation, seal } from './entries.js'
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
`

/** What format 2 added. Never to be changed either. */
const FORMAT_2 = `
CREATE TABLE approvals (
  approval_id TEXT PRIMARY KEY,
  leaf INTEGER NOT NULL,
  principal TEXT NOT NULL,
  session_id TEXT NOT NULL,
  lease_jti TEXT NOT NULL,
  call_hash TEXT NOT NULL,
  plan_hash TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  required INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('pending', 'claimed', 'approved', 'denied', 'failed', 'expired', 'revoked')),
  grant_id TEXT,
  end_leaf INTEGER,
  CHECK ((state = 'pending') = (end_leaf IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX approvals_by_call ON approvals (principal, call_hash) WHERE state = 'pending';
CREATE INDEX approvals_pending ON approvals (expires_at) WHERE state = 'pending';
CREATE UNIQUE INDEX approvals_by_leaf ON approvals (leaf);
CREATE INDEX approvals_by_principal ON approvals (principal, leaf);
CREATE UNIQUE INDEX approvals_by_grant ON approvals (grant_id) WHERE grant_id IS NOT NULL;

CREATE TABLE approval_votes (
  approval_id TEXT NOT NULL,
  operator TEXT NOT NULL,
  leaf INTEGER NOT NULL,
  PRIMARY KEY (approval_id, operator)
) STRICT, WITHOUT ROWID;

CREATE TABLE revocations (
  leaf INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('lease', 'session', 'principal', 'all')),
  value TEXT,
  epoch INTEGER NOT NULL,
  CHECK ((kind = 'all') = (value IS NULL))
) STRICT;

CREATE TABLE quota_uses (
  grant_id TEXT PRIMARY KEY,
  principal TEXT NOT NULL,
  used_at INTEGER NOT NULL,
  cost_usd_cents INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_uses_by_principal ON quota_uses (principal, used_at, cost_usd_cents);
CREATE INDEX quota_uses_by_age ON quota_uses (used_at);

CREATE TABLE learned_rules (
  kind TEXT NOT NULL CHECK (kind IN ('domain', 'path')),
  action_id TEXT NOT NULL,
  value TEXT NOT NULL,
  principal TEXT NOT NULL,
  leaf INTEGER NOT NULL,
  PRIMARY KEY (kind, action_id, value, principal)
) STRICT, WITHOUT ROWID;
`

/** The formats before the current one. */
export type OldFormat = 1 | 2

const TEXTS: Readonly<Record<OldFormat, string>> = { 1: FORMAT_1, 2: FORMAT_1 + FORMAT_2 }

/**
 * A closed ledger of an old format in place: a budget, a sealed call, one without an outcome, notes; of
 * format 2 an approval that waits and a revocation as well. Returns the grant without an outcome, and the
 * checkpoint.
 */
export async function writeOldFormat(
  place: LedgerDir,
  format: OldFormat,
): Promise<{ readonly open: string; readonly checkpoint: string }> {
  const ledger = await place.open()
  await ledger.issueLease(lease('s-1', { maxCalls: 5 }))
  const [sealed, open] = [call('s-1'), call('s-1')]
  await ledger.intend(intent(sealed, { debit: true }))
  await ledger.seal(seal(sealed, 1))
  await Promise.all(Array.from({ length: 260 }, (_, i) => ledger.record(note({ i }))))
  await ledger.intend(intent(open, { debit: true }))
  if (format === 2) {
    await ledger.hold(hold('s-2'))
    await ledger.revoke(revocation('session', 's-3', 1))
  }
  const checkpoint = ledger.checkpoint()
  await ledger.close()
  toFormat(place.path, format)
  return { open: open.grantId, checkpoint }
}

// The rows as the writer made them, in the tables of old.
function toFormat(path: string, format: OldFormat): void {
  const text = TEXTS[format]
  const tables = [...text.matchAll(/^CREATE TABLE (\w+)/gm)].map(([, name = '']) => name)
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
      if (tables.includes(name)) db.exec(`ALTER TABLE ${name} RENAME TO new_${name}`)
      else db.exec(`DROP TABLE ${name}`)
    }
    db.exec(`${text}PRAGMA user_version = ${format};`)
    for (const name of tables) {
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
