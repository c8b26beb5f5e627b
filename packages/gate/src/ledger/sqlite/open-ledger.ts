import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, resolve, sep } from 'node:path'
import { Worker } from 'node:worker_threads'
import { formatVkey } from '@latchgate/evidence'
import { Ed25519Signer } from '@latchgate/protocol/node'
import { evidenceCrypto } from '../../evidence-crypto.js'
import { LedgerInUse, LedgerMismatch, openRefusal } from '../faults.js'
import type { AnnouncedKey, FromWriter, Ready, WriterData } from './commands.js'
import { openDatabase } from './database.js'
import type { LedgerLog, SqliteLedgerHandle } from './ledger-handle.js'
import { LedgerReader } from './ledger-reader.js'
import type { Synchronous } from './schema.js'
import { SqliteLedger } from './sqlite-ledger.js'

export {
  LedgerDamaged,
  LedgerFault,
  LedgerInUse,
  LedgerMismatch,
  LedgerRolledBack,
} from '../faults.js'
export type { AnnouncedKey, Swept } from './commands.js'
export type { LedgerLog, SqliteLedgerHandle } from './ledger-handle.js'

/** How a ledger is opened. */
export interface LedgerOptions {
  /** Database file, on a local disk. Its directory is created when missing. */
  readonly path: string
  /** Name of the log: one word, usually like `gate.example.com/prod`. */
  readonly origin: string
  /** This run of the gate. */
  readonly gateId: string
  /** Ed25519 seed of the key that signs checkpoints, 32 bytes. Never a receipt key. */
  readonly logKeySeed: Uint8Array
  /** Public keys that sign receipts, now or formerly. */
  readonly receiptKeys: readonly AnnouncedKey[]
  /** File that remembers how far the log came; outside the database's directory. */
  readonly highWaterPath: string
  /** Anything but FULL may lose confirmed records with the power: for benchmarks alone. */
  readonly synchronous?: Synchronous
  /** Unix milliseconds. */
  readonly now?: () => number
  readonly log?: LedgerLog
  /** Milliseconds between two passes of the sweeper. */
  readonly sweepEveryMs?: number
}

const SILENT: LedgerLog = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/**
 * Opens the ledger and starts its writer thread. Rejects with LedgerInUse, LedgerRolledBack,
 * LedgerDamaged or LedgerMismatch, each with a message that says what to do, and having written
 * nothing.
 */
export async function openLedger(options: LedgerOptions): Promise<SqliteLedgerHandle> {
  const { path, now = Date.now, log = SILENT } = options
  const vkey = checkOptions(options)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const release = lockLedger(path)
  try {
    ownerOnly(path, log)
    ownerOnly(options.highWaterPath, log, { create: false })
    const { worker, ready } = await startWriter({
      path,
      origin: options.origin,
      gateId: options.gateId,
      logKeySeed: Uint8Array.from(options.logKeySeed),
      receiptKeys: options.receiptKeys.map(({ kid, publicKey, addedAt }) => ({
        kid,
        publicKey: Uint8Array.from(publicKey),
        addedAt,
      })),
      highWaterPath: options.highWaterPath,
      synchronous: options.synchronous ?? 'FULL',
      now: now(),
    })
    for (const warning of ready.warnings) log.warn({}, warning)
    if (ready.swept.unknown > 0) {
      log.warn({ ...ready.swept }, 'calls that an earlier run began have no known outcome')
    }
    const reader = await openReader(path, worker)
    return new SqliteLedger({
      worker,
      ready,
      release,
      now,
      log,
      vkey,
      reader,
      identity: { origin: options.origin, gateId: options.gateId },
      sweepEveryMs: options.sweepEveryMs ?? 5000,
    })
  } catch (error) {
    release()
    throw error
  }
}

// A writer without a reader would hold the ledger, and nobody could close it.
async function openReader(path: string, worker: Worker): Promise<LedgerReader> {
  try {
    return new LedgerReader(path)
  } catch (error) {
    await worker.terminate()
    throw error
  }
}

/**
 * Refuses, with LedgerMismatch, a log name that is none, a high-water file beside the ledger, and one
 * key for two purposes. Returns the log's verifier key.
 */
export function checkOptions(
  options: Pick<LedgerOptions, 'origin' | 'logKeySeed' | 'receiptKeys' | 'highWaterPath' | 'path'>,
): string {
  const { origin, logKeySeed, receiptKeys, highWaterPath, path } = options
  if (!/^[\x21-\x2a\x2c-\x7e]+$/.test(origin)) {
    throw new LedgerMismatch(
      `the log's name (gate_name) '${origin}' must be one word of visible ASCII without '+'`,
    )
  }
  const directory = resolve(dirname(path)) + sep
  if ((resolve(dirname(highWaterPath)) + sep).startsWith(directory)) {
    throw new LedgerMismatch(
      `${highWaterPath} lies with the ledger: a restored copy would bring its own mark along. ` +
        'Put it outside the directory of the database',
    )
  }
  const { publicKey } = Ed25519Signer.fromSeed(logKeySeed)
  if (receiptKeys.some((key) => Buffer.compare(key.publicKey, publicKey) === 0)) {
    throw new LedgerMismatch('the log key and a receipt key are the same: they must be two keys')
  }
  return formatVkey(evidenceCrypto, origin, publicKey)
}

/**
 * Takes the lock that a running gate has on its ledger; returns what gives it back. It is on a database
 * of its own: the kernel gives it back however the process ends. Throws `LedgerInUse`.
 */
export function lockLedger(path: string): () => void {
  const lockPath = `${path}.lock`
  closeSync(openSync(lockPath, 'a', 0o600))
  const db = openDatabase(lockPath)
  try {
    db.exec('PRAGMA busy_timeout = 0')
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    if (!/locked|busy/i.test(String(error))) throw error
    throw new LedgerInUse(
      `another instance is using the ledger ${path}: stop it first, or give this gate another ledger_db_path`,
      { cause: error },
    )
  }
  return () => db.close()
}

// SQLite gives its side files the mode of the database. Records name principals and destinations.
function ownerOnly(
  path: string,
  log: LedgerLog,
  file: { readonly create: boolean } = { create: true },
): void {
  if (file.create) closeSync(openSync(path, 'a', 0o600))
  for (const name of [path, `${path}-wal`, `${path}-shm`, `${path}.lock`]) {
    const found = statSync(name, { throwIfNoEntry: false })
    if (found === undefined || (found.mode & 0o077) === 0) continue
    log.warn(
      { path: name, mode: (found.mode & 0o777).toString(8) },
      'made readable for its owner only',
    )
    chmodSync(name, 0o600)
  }
}

function startWriter(
  data: WriterData,
): Promise<{ readonly worker: Worker; readonly ready: Ready }> {
  const worker = new Worker(new URL('./writer.js', import.meta.url), {
    workerData: data,
    name: 'latchgate-ledger',
  })
  return new Promise((resolve, reject) => {
    const settle = (message: FromWriter): void => {
      worker.removeListener('error', failed)
      if (message.kind === 'ready') return resolve({ worker, ready: message })
      const refused = message.kind === 'refused' ? message : { name: '', message: message.kind }
      worker.once('exit', () => reject(openRefusal(refused.name, refused.message)))
    }
    const failed = (error: Error): void => {
      worker.removeListener('message', settle)
      reject(openRefusal('', String(error)))
    }
    worker.once('message', settle)
    worker.once('error', failed)
  })
}
