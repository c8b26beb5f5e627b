import { randomUUID } from 'node:crypto'
import {
  type Checkpoint,
  Frontier,
  type KeyPurpose,
  keyAddedBody,
  type Leaf,
  type NoteSigner,
  noteVerifier,
  subtreeRoot,
} from '@latchgate/evidence'
import { isoMillis } from '@latchgate/protocol'
import { Ed25519Signer, uuidv7 } from '@latchgate/protocol/node'
import { evidenceCrypto } from '../../evidence-crypto.js'
import { LedgerMismatch, LedgerRolledBack } from '../faults.js'
import { ApprovalTable } from './approval-table.js'
import type { AnnouncedKey, Ready, WriterData } from './commands.js'
import { type Database, openDatabase } from './database.js'
import { readHighWater } from './high-water.js'
import { IdentityTokenTable } from './identity-token-table.js'
import { IntentTable } from './intent-table.js'
import { LearnedTable } from './learned-table.js'
import { LedgerFiles } from './ledger-files.js'
import { LogAppender } from './log-appender.js'
import { type LogState, LogStateWriter, readLogState, verifiedFrontier } from './log-state.js'
import { LogWriter } from './log-writer.js'
import { NodeStore } from './node-store.js'
import { PayloadTable } from './payload-table.js'
import { ProofTable } from './proof-table.js'
import { QuotaTable } from './quota-table.js'
import { RevocationTable } from './revocation-table.js'
import { blob, type Row } from './row.js'
import {
  configureWriter,
  createSchema,
  isEmptyDatabase,
  SCHEMA_VERSION,
  upgradeSchema,
} from './schema.js'
import { SessionTable } from './session-table.js'
import { Sweeper } from './sweep.js'
import type { Tables } from './tables.js'
import { WriterRecords } from './writer-records.js'

/**
 * Opens the ledger for writing: checks it against itself and against the high-water file, announces
 * new keys, and records intents of gates that are gone as `unknown` (notes/evidence 4). Throws one
 * of the refusals of `faults.ts`, having written nothing.
 */
export function openWriter(data: WriterData): {
  readonly writer: LogWriter
  readonly ready: Ready
} {
  const signer = logSigner(data)
  const db = openDatabase(data.path)
  try {
    configureWriter(db, data.synchronous)
    const state = isEmptyDatabase(db) ? null : readLogState(db)
    return begin(db, data, checkState(db, data, state, signer))
  } catch (error) {
    db.close()
    throw error
  }
}

const upgradedFrom = (format: number): string =>
  `the ledger was brought up to date: format ${format} is now format ${SCHEMA_VERSION}`

/** What a stored log is held against: its name, where it lies, and the mark of how far it came. */
export type ExpectedLog = Pick<
  WriterData,
  'path' | 'origin' | 'highWaterPath' | 'logKeySeed' | 'receiptKeys'
>

interface Found {
  /** Null for a log that begins now. */
  readonly state: LogState | null
  readonly frontier: Frontier
  readonly signer: LogSigner
  readonly warnings: readonly string[]
}

/** The log's key, as it signs checkpoints. */
export type LogSigner = NoteSigner & { readonly kid: string }

function begin(
  db: Database,
  data: WriterData,
  found: Found,
): { readonly writer: LogWriter; readonly ready: Ready } {
  const { state, frontier, signer } = found
  const { origin, gateId } = data
  // The records of the start itself never go back in time; calls are refused until it has caught up.
  const now = Math.max(data.now, state?.highestTime ?? 0)
  db.exec('BEGIN IMMEDIATE')
  if (state === null) createSchema(db)
  const former = upgradeSchema(db)
  const log = new LogAppender(db, frontier)
  const approvals = new ApprovalTable(db)
  const tables: Tables = {
    log,
    approvals,
    revocations: new RevocationTable(db),
    quotas: new QuotaTable(db),
    learned: new LearnedTable(db),
    records: new WriterRecords(db, log, approvals, { origin, gateId }),
    sessions: new SessionTable(db),
    intents: new IntentTable(db),
    proofs: new ProofTable(db),
    identityTokens: new IdentityTokenTable(db),
    payloads: new PayloadTable(db),
  }
  const from = frontier.size
  announceKeys(db, tables.log, { ...data, now, logKey: signer })
  const sweeper = new Sweeper(tables)
  const unknown = sweeper.markOrphans(now)
  const stateWriter = new LogStateWriter(db, origin)
  const appended = frontier.size > from
  const highestTime = appended ? now : (state?.highestTime ?? now)
  if (appended) {
    stateWriter.write(frontier, frontier.root(), { highestTime, batch: randomUUID(), from })
  }
  db.exec('COMMIT')
  const parts = {
    db,
    tables,
    state: stateWriter,
    sweeper,
    files: new LedgerFiles(data.path),
    origin,
    signer,
    highestTime,
  }
  const writer = new LogWriter(parts)
  const ready: Ready = {
    kind: 'ready',
    note: writer.note,
    size: writer.size,
    highestTime,
    lastBatch: state?.batch ?? '',
    swept: {
      unknown,
      payloadsErased: 0,
      proofsForgotten: 0,
      identityTokensForgotten: 0,
      approvalsExpired: 0,
      quotaUsesForgotten: 0,
    },
    warnings: [...found.warnings, ...(former === null ? [] : [upgradedFrom(former)])],
  }
  return { writer, ready }
}

/**
 * Holds a stored log against itself, its name, its key and the high-water file (notes/evidence 4).
 * Reads only. Throws one of the refusals of `faults.ts`.
 */
export function checkState(
  db: Database,
  data: ExpectedLog,
  state: LogState | null,
  signer: LogSigner,
): Found {
  const { highWaterPath, origin } = data
  if (state !== null && state.origin !== origin) {
    throw new LedgerMismatch(
      `the ledger ${data.path} is the log '${state.origin}', the configured gate_name is ` +
        `'${origin}': set gate_name back, or give the new log a ledger of its own`,
    )
  }
  if (state !== null) assertSameLogKey(db, data, signer)
  const frontier = state === null ? Frontier.empty(evidenceCrypto) : verifiedFrontier(db, state)
  const mark = readHighWater(highWaterPath, origin, signer)
  if (mark !== null) assertNotRolledBack(db, data, frontier, mark)
  const isUnmarked = state !== null && mark === null
  const warning = `${highWaterPath} is missing: whether the ledger is an older copy cannot be known`
  return { state, frontier, signer, warnings: isUnmarked ? [warning] : [] }
}

function assertNotRolledBack(
  db: Database,
  data: ExpectedLog,
  frontier: Frontier,
  mark: Checkpoint,
): void {
  const { highWaterPath } = data
  const remedy =
    `Put the newest copy of the ledger back. If it is lost, begin a new log: another gate_name and ` +
    `another ledger_db_path. Grants and approvals used since the copy was made would work again ` +
    `otherwise. The last known state is in ${highWaterPath}`
  if (mark.size > frontier.size) {
    throw new LedgerRolledBack(
      `the ledger ${data.path} has ${frontier.size} records, but had ${mark.size}: it is an older ` +
        `copy, or its end was cut off. ${remedy}`,
    )
  }
  const root = subtreeRoot(evidenceCrypto, 0, mark.size, new NodeStore(db).node)
  if (Buffer.compare(root, mark.root) !== 0) {
    throw new LedgerRolledBack(
      `the ledger ${data.path} is not the one whose checkpoint of ${mark.size} records was ` +
        `published: its first ${mark.size} records differ. ${remedy}`,
    )
  }
}

function assertSameLogKey(db: Database, data: ExpectedLog, signer: NoteSigner): void {
  const rows = db.prepare("SELECT public_key FROM keys WHERE purpose = 'log'").all() as Row[]
  const known = rows.some((row) => Buffer.compare(blob(row, 'public_key'), signer.publicKey) === 0)
  if (known) return
  throw new LedgerMismatch(
    `the ledger ${data.path} was not written with the configured log key: set ` +
      'log_signing_key_path to the key that belongs to it',
  )
}

function announceKeys(
  db: Database,
  log: LogAppender,
  start: WriterData & { readonly logKey: { readonly kid: string; readonly publicKey: Uint8Array } },
): void {
  const { kid, publicKey } = start.logKey
  const find = db.prepare('SELECT public_key FROM keys WHERE purpose = ? AND kid = ?')
  const insert = db.prepare(
    'INSERT INTO keys (purpose, kid, public_key, added_at, from_leaf, to_leaf) VALUES (?, ?, ?, ?, ?, NULL)',
  )
  const announce = (purpose: KeyPurpose, key: AnnouncedKey): void => {
    const known = find.get(purpose, key.kid) as Row | undefined
    if (known !== undefined) {
      if (Buffer.compare(blob(known, 'public_key'), key.publicKey) === 0) return
      throw new LedgerMismatch(`another ${purpose} key has the kid ${key.kid}: kids must differ`)
    }
    const leaf: Leaf = {
      v: 1,
      type: 'key_added',
      log: start.origin,
      id: uuidv7(start.now),
      time: isoMillis(start.now),
      gate: start.gateId,
      body: keyAddedBody(purpose, key),
    }
    insert.run(purpose, key.kid, key.publicKey, key.addedAt, log.appendLeaf(leaf))
  }
  announce('log', { kid, publicKey, addedAt: isoMillis(start.now) })
  for (const key of start.receiptKeys) announce('receipt', key)
}

/** The configured log key as a signer of the configured log. */
export function logSigner(data: Pick<ExpectedLog, 'logKeySeed' | 'origin'>): LogSigner {
  const signer = Ed25519Signer.fromSeed(data.logKeySeed)
  const verifier = noteVerifier(evidenceCrypto, data.origin, signer.publicKey)
  return { ...verifier, kid: signer.kid, sign: (message) => signer.sign(message) }
}
