import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import {
  type Checkpoint,
  claimedCheckpoint,
  NoteError,
  type NoteVerifier,
  verifyCheckpoint,
} from '@latchgate/evidence'
import { replaceFile, syncDirectory } from '../../durable-file.js'
import { evidenceCrypto } from '../../evidence-crypto.js'
import { LedgerRolledBack } from '../faults.js'

/** Bytes after which the file is rewritten with the latest notes alone. */
const COMPACT_BYTES = 1024 * 1024

/**
 * The latest checkpoint that left the ledger, kept outside the database's directory: a restored
 * backup of the database would otherwise un-consume grants and approvals (notes/evidence 4). One
 * JSON text a line; notes of other logs in the same file are left alone.
 */
export class HighWaterFile {
  readonly #path: string
  #fd: number
  #bytes: number

  private constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, 'a', 0o600)
    this.#bytes = fstatSync(this.#fd).size
  }

  /** Opens the file for appending; a missing one is created. */
  static open(path: string): HighWaterFile {
    const isNew = !existsSync(path)
    const file = new HighWaterFile(path)
    if (isNew) syncDirectory(dirname(path))
    // A line that a crash cut short must not run into the next one.
    if (file.#bytes > 0) writeSync(file.#fd, '\n')
    return file
  }

  /** Appends the note and pushes it to the disk. */
  append(note: string): void {
    const line = `${JSON.stringify({ note })}\n`
    if (this.#bytes > COMPACT_BYTES) this.#compact()
    writeSync(this.#fd, line)
    fsyncSync(this.#fd)
    this.#bytes += line.length
  }

  close(): void {
    closeSync(this.#fd)
  }

  // The old file stays whole until the new one is on the disk under its name.
  #compact(): void {
    const latest = new Map<string, string>()
    for (const note of readNotes(this.#path)) latest.set(claimedCheckpoint(note).origin, note)
    const lines = [...latest.values()].map((note) => `${JSON.stringify({ note })}\n`)
    replaceFile(this.#path, Buffer.from(lines.join('')))
    closeSync(this.#fd)
    this.#fd = openSync(this.#path, 'a', 0o600)
    this.#bytes = fstatSync(this.#fd).size
  }
}

/**
 * The latest checkpoint of the log in the file; null when there is none. Throws LedgerRolledBack
 * for a note that the log's key did not sign: a file that was tampered with is no protection.
 */
export function readHighWater(
  path: string,
  origin: string,
  verifier: NoteVerifier,
): Checkpoint | null {
  const note = readNotes(path).findLast((one) => claimedCheckpoint(one).origin === origin)
  if (note === undefined) return null
  try {
    return verifyCheckpoint(evidenceCrypto, note, verifier)
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw new LedgerRolledBack(
      `${path} holds a checkpoint of '${origin}' that the configured log key did not sign ` +
        `(${error.message}). Put the log key back that wrote this ledger`,
    )
  }
}

function readNotes(path: string): readonly string[] {
  let lines: string[]
  try {
    lines = readFileSync(path, 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return lines.map(readLine).filter((note) => note !== null)
}

// A crash may cut a line short; the line before it is at most a second older.
function readLine(line: string): string | null {
  if (line === '') return null
  try {
    const { note } = JSON.parse(line) as { readonly note?: unknown }
    if (typeof note !== 'string') return null
    claimedCheckpoint(note)
    return note
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof NoteError) return null
    throw error
  }
}
