import { randomUUID } from 'node:crypto'
import { type NoteSigner, signCheckpoint } from '@latchgate/evidence'
import { applyCommand, type Tables } from './apply-command.js'
import type { Command, Outcome, Swept } from './commands.js'
import type { Database, Statement } from './database.js'
import { faultPoint } from './fault-point.js'
import type { LogStateWriter } from './log-state.js'
import type { Sweeper } from './sweep.js'

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
    const kinds = new Set<Command['op']>()
    for (const { commands, arena } of batches) {
      for (const command of commands) {
        kinds.add(command.op)
        outcomes.push(applyCommand(tables, command, arena))
        if (command.time > this.#highestTime) this.#highestTime = command.time
      }
    }
    // Every guard refused: there is nothing to make durable.
    if (tables.log.next === from) db.exec('ROLLBACK')
    else this.#finish(from, kinds)
    return { size: this.size, note: this.#note, outcomes }
  }

  /** One pass of the sweeper in a commit of its own. */
  sweep(now: number): Swept {
    const from = this.#start()
    const swept = this.#parts.sweeper.sweep(now)
    if (swept.unknown > 0 && now > this.#highestTime) this.#highestTime = now
    this.#finish(from, new Set())
    return swept
  }

  /** Moves the write-ahead log into the database and closes the connection. */
  close(): void {
    this.#parts.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    this.#parts.db.close()
  }

  #start(): number {
    this.batch = randomUUID()
    this.#begin.run()
    return this.#parts.tables.log.next
  }

  #finish(from: number, kinds: ReadonlySet<Command['op']>): void {
    const { tables, state } = this.#parts
    tables.sessions.flush()
    const { frontier } = tables.log
    state.write(frontier, frontier.root(), {
      highestTime: this.#highestTime,
      batch: this.batch,
      from,
    })
    if (kinds.has('intend')) faultPoint('before-intent-commit')
    if (kinds.has('seal')) faultPoint('before-seal-commit')
    this.#commit.run()
    if (kinds.has('intend')) faultPoint('after-intent-commit')
    if (kinds.has('seal')) faultPoint('after-seal-commit')
    // Only now: a checkpoint signed before its commit could be of a tree that never was.
    if (frontier.size > from) this.#note = this.#sign()
  }

  #sign(): string {
    const { origin, signer, tables } = this.#parts
    const { frontier } = tables.log
    return signCheckpoint({ origin, size: frontier.size, root: frontier.root() }, signer)
  }
}
