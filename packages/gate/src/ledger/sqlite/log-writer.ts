import { randomUUID } from 'node:crypto'
import { type NoteSigner, signCheckpoint } from '@latchgate/evidence'
import { applyCommand } from './apply-command.js'
import type { Command, Outcome, Swept } from './commands.js'
import type { Database, Statement } from './database.js'
import type { LedgerFiles } from './ledger-files.js'
import type { LogStateWriter } from './log-state.js'
import { BUSY_TIMEOUT_MS } from './schema.js'
import type { Sweeper } from './sweep.js'
import type { Tables } from './tables.js'

/** Commands with the bytes they refer to. */
export interface CommandBatch {
  readonly commands: readonly Command[]
  readonly arena: Uint8Array
}

/** A commit that is on the disk. */
export interface Committed {
  readonly size: number
  /** Signed after the commit. */
  readonly note: string
  readonly outcomes: readonly Outcome[]
}

/** What a writer works on. */
export interface WriterParts {
  readonly db: Database
  readonly tables: Tables
  readonly state: LogStateWriter
  readonly sweeper: Sweeper
  readonly files: LedgerFiles
  readonly origin: string
  readonly signer: NoteSigner
  /** Unix milliseconds of the latest record. */
  readonly highestTime: number
}

/**
 * The single writer: many commands, one commit, then one signature. When a method throws, the fate
 * of the commit is unknown and the writer must not be used again (notes/evidence 3).
 */
export class LogWriter {
  readonly #parts: WriterParts
  readonly #begin: Statement
  readonly #commit: Statement
  #highestTime: number
  #note: string
  /** Id of the commit that is being made, or was made last. */
  batch = ''

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#begin = parts.db.prepare('BEGIN IMMEDIATE')
    this.#commit = parts.db.prepare('COMMIT')
    this.#highestTime = parts.highestTime
    this.#note = this.#sign()
  }

  /** The checkpoint of the last commit. */
  get note(): string {
    return this.#note
  }

  get size(): number {
    return this.#parts.tables.log.next
  }

  /** Applies every command in one commit. */
  commit(batches: readonly CommandBatch[]): Committed {
    const { tables, db } = this.#parts
    const from = this.#start()
    const outcomes: Outcome[] = []
    for (const { commands, arena } of batches) {
      for (const command of commands) {
        const before = tables.log.next
        outcomes.push(applyCommand(tables, command, arena))
        // A refused command leaves no record, so its time is not the time of one.
        if (tables.log.next === before) continue
        if (command.time > this.#highestTime) this.#highestTime = command.time
      }
    }
    // Every guard refused: there is nothing to make durable.
    if (tables.log.next === from) db.exec('ROLLBACK')
    else this.#finish(from)
    return { size: this.size, note: this.#note, outcomes }
  }

  /** One pass of the sweeper in a commit of its own. */
  sweep(now: number): Swept {
    const from = this.#start()
    const swept = this.#parts.sweeper.sweep(now, this.#highestTime)
    const { unknown, payloadsErased, approvalsExpired } = swept
    if (Object.values(swept).every((count) => count === 0)) {
      this.#parts.db.exec('ROLLBACK')
      return swept
    }
    if (unknown + approvalsExpired > 0 && now > this.#highestTime) this.#highestTime = now
    this.#finish(from)
    if (payloadsErased > 0) this.#overwriteLog()
    return swept
  }

  /** Moves the write-ahead log into the database and closes the connection. */
  close(): void {
    this.#parts.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    this.#parts.db.close()
  }

  #start(): number {
    this.batch = randomUUID()
    this.#parts.files.assertInPlace()
    this.#begin.run()
    return this.#parts.tables.log.next
  }

  #finish(from: number): void {
    const { tables, state } = this.#parts
    tables.sessions.flush()
    const { frontier } = tables.log
    // What is no record leaves the last commit as it was: it is verified when the ledger is opened.
    if (frontier.size > from) {
      state.write(frontier, frontier.root(), {
        highestTime: this.#highestTime,
        batch: this.batch,
        from,
      })
    }
    this.#commit.run()
    // Only now: a checkpoint signed before its commit could be of a tree that never was.
    if (frontier.size > from) this.#note = this.#sign()
  }

  // What was erased still lies in the write-ahead log. Does not wait for readers: the next pass that
  // erases something tries again, and closing the ledger does.
  #overwriteLog(): void {
    const { db } = this.#parts
    db.exec('PRAGMA busy_timeout = 0')
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  }

  #sign(): string {
    const { origin, signer, tables } = this.#parts
    const { frontier } = tables.log
    return signCheckpoint({ origin, size: frontier.size, root: frontier.root() }, signer)
  }
}
