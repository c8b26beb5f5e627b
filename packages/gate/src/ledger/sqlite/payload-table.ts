import { SALT_BYTES } from '@latchgate/evidence'
import type { PayloadText } from './commands.js'
import type { Database, Statement } from './database.js'

/** Bytes and salts behind commitments. Erasing a row breaks no proof (notes/evidence 1). */
export class PayloadTable {
  readonly #insert: Statement
  readonly #erase: Statement

  constructor(db: Database) {
    this.#insert = db.prepare(`INSERT INTO payloads
      (trace_id, kind, leaf, hash, erase_after, salt, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)`)
    this.#erase = db.prepare(
      'DELETE FROM payloads WHERE id IN (SELECT id FROM payloads WHERE erase_after < ? LIMIT ?)',
    )
  }

  /** Keeps a payload whose commitment stands in `leaf`. */
  keep(payload: PayloadText, blob: Uint8Array, leaf: number): void {
    const { traceId, kind, hash, eraseAfter, at, length } = payload
    const salt = blob.subarray(at, at + SALT_BYTES)
    const bytes = blob.subarray(at + SALT_BYTES, at + SALT_BYTES + length)
    this.#insert.run(traceId, kind, leaf, hash, eraseAfter, salt, bytes)
  }

  /** Erases what has outlived its time; returns how many. */
  erase(now: number, limit: number): number {
    return Number(this.#erase.run(now, limit).changes)
  }
}
