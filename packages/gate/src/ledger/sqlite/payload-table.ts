import { SALT_BYTES } from '@latchgate/evidence'
import { PAYLOADS_PER_LEAF, type PayloadRef } from './commands.js'
import type { Database, Statement } from './database.js'

/** Bytes and salts behind commitments. Erasing a row breaks no proof (notes/evidence 1). */
export class PayloadTable {
  readonly #insert: Statement
  readonly #erase: Statement

  constructor(db: Database) {
    this.#insert = db.prepare(
      'INSERT INTO payloads (id, kind, hash, erase_after, salt, bytes) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#erase = db.prepare(
      'DELETE FROM payloads WHERE id IN (SELECT id FROM payloads WHERE erase_after < ? LIMIT ?)',
    )
  }

  /** Keeps the payloads whose commitments stand in `leaf`. */
  keep(payloads: readonly PayloadRef[], arena: Uint8Array, leaf: number): void {
    payloads.forEach(({ kind, hash, eraseAfter, at, length }, position) => {
      const salt = arena.subarray(at, at + SALT_BYTES)
      const bytes = arena.subarray(at + SALT_BYTES, at + SALT_BYTES + length)
      const id = leaf * PAYLOADS_PER_LEAF + position
      this.#insert.run(id, kind, hash, eraseAfter, salt, bytes)
    })
  }

  /** Erases what has outlived its time; returns how many. */
  erase(now: number, limit: number): number {
    return Number(this.#erase.run(now, limit).changes)
  }
}
