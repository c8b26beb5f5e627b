import { LedgerDamaged } from '../faults.js'
import { type Database, openDatabase } from './database.js'
import { integer, type Row, requireRow } from './row.js'

/** `LGL1`: marks the file as a ledger of ours. */
const APPLICATION_ID = 0x4c474c31
/** Format of the tables; docs/storage.md lists what came with each. */
export const SCHEMA_VERSION = 3

/** Milliseconds that a statement waits for a lock. Nobody but the writer should hold one. */
export const BUSY_TIMEOUT_MS = 2000

/** How far a commit is pushed to the disk. Anything but FULL is for benchmarks alone. */
export type Synchronous = 'FULL' | 'NORMAL' | 'OFF'

// Every column is explained in docs/storage.md. What a version added stands by itself, so that a
// ledger of the version before can be brought up to date.
const VERSION_1 = `
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

const VERSION_2 = `
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

const VERSION_3 = `
CREATE TABLE identity_tokens (
  hash TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL,
  leaf INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_tokens_by_age ON identity_tokens (expires_at);
`

/** What each format added to the one before. */
const FORMATS = [VERSION_1, VERSION_2, VERSION_3] as const

const schemaOfFormat = (format: number): string => FORMATS.slice(0, format).join('')

/** Sets a writer's connection up. Must run before the first statement. */
export function configureWriter(db: Database, synchronous: Synchronous): void {
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  db.exec('PRAGMA journal_mode = WAL')
  db.exec(`PRAGMA synchronous = ${synchronous}`)
  // On macOS an fsync leaves the data in the drive's cache.
  if (process.platform === 'darwin') {
    db.exec('PRAGMA fullfsync = 1')
    db.exec('PRAGMA checkpoint_fullfsync = 1')
  }
  // Erased payloads must not stay readable in free pages.
  db.exec('PRAGMA secure_delete = ON')
  db.exec('PRAGMA wal_autocheckpoint = 4000')
  db.exec(`PRAGMA journal_size_limit = ${64 * 1024 * 1024}`)
  db.exec('PRAGMA cache_size = -16000')
}

/**
 * True for a database without any table: a log yet to be begun. Throws LedgerDamaged for a file
 * that is something else, or of a version that this program does not know.
 */
export function isEmptyDatabase(db: Database): boolean {
  const tables = requireRow(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get(), 'schema')
  if (integer(tables, 'n') === 0) return true
  assertOpenable(db)
  return false
}

/**
 * Brings a ledger of an earlier version up to date, inside the caller's transaction. Returns the version
 * that it had, or null when there was nothing to do.
 */
export function upgradeSchema(db: Database): number | null {
  const found = versionOf(db)
  if (!isEarlier(found)) return null
  for (const added of FORMATS.slice(found)) db.exec(added)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  return found
}

/** Throws LedgerDamaged unless the database is a ledger of this version. */
export function assertLedger(db: Database): void {
  const found = versionOf(db)
  if (isEarlier(found)) {
    throw new LedgerDamaged(
      `the ledger has format ${found}; this program knows ${SCHEMA_VERSION}: start its gate once, which brings it up to date`,
    )
  }
  if (found !== SCHEMA_VERSION) {
    throw new LedgerDamaged(
      `the ledger has format ${found}; this program knows ${SCHEMA_VERSION}: use the one that wrote it`,
    )
  }
  assertSchema(db, schemaOfFormat(SCHEMA_VERSION))
}

// As it is, or to be brought up to date.
function assertOpenable(db: Database): void {
  const found = versionOf(db)
  if (isEarlier(found)) assertSchema(db, schemaOfFormat(found))
  else assertLedger(db)
}

function isEarlier(format: number): boolean {
  return format >= 1 && format < SCHEMA_VERSION
}

function versionOf(db: Database): number {
  const application = requireRow(db.prepare('PRAGMA application_id').get(), 'application_id')
  if (integer(application, 'application_id') !== APPLICATION_ID) {
    throw new LedgerDamaged('the file is a SQLite database, but not a LatchGate ledger')
  }
  const version = requireRow(db.prepare('PRAGMA user_version').get(), 'user_version')
  return integer(version, 'user_version')
}

// A trigger would change rows behind the writer's back, and without its unique index a grant or a
// proof could be used twice.
function assertSchema(db: Database, expectedSchema: string): void {
  const fresh = openDatabase(':memory:')
  try {
    fresh.exec(expectedSchema)
    const expected = schemaOf(fresh)
    const found = schemaOf(db)
    const differing = [...new Set([...expected.keys(), ...found.keys()])].find(
      (name) => expected.get(name) !== found.get(name),
    )
    if (differing === undefined) return
    throw new LedgerDamaged(
      `the schema of the ledger was changed: ${differing} is not as it was made`,
    )
  } finally {
    fresh.close()
  }
}

function schemaOf(db: Database): ReadonlyMap<string, string> {
  const rows = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema').all() as Row[]
  return new Map(
    rows.map((row) => [`${String(row['type'])} ${String(row['name'])}`, JSON.stringify(row)]),
  )
}

/** Creates all tables. Runs inside the transaction that also writes the first leaves. */
export function createSchema(db: Database): void {
  db.exec(schemaOfFormat(SCHEMA_VERSION))
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
}
