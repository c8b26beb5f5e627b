import type { Revocation } from '../port.js'
import { type RevocableLease, RevocationList } from '../revocation-list.js'
import type { Database, Statement } from './database.js'
import { integer, type Row, text } from './row.js'

/** Every revocation there ever was: a revoked lease stays revoked across a restart. */
export class RevocationTable {
  readonly #insert: Statement
  readonly #list = new RevocationList()

  constructor(db: Database) {
    this.#insert = db.prepare(
      'INSERT INTO revocations (leaf, kind, value, epoch) VALUES (?, ?, ?, ?)',
    )
    for (const revocation of readRevocations(db)) this.#list.add(revocation)
  }

  add(revocation: Revocation, leaf: number): void {
    this.#insert.run(leaf, revocation.kind, revocation.value, revocation.epoch)
    // Never ahead of a failed commit: after one the writer stops.
    this.#list.add(revocation)
  }

  reaches(lease: RevocableLease): boolean {
    return this.#list.reaches(lease)
  }
}

/** The revocations of a database, oldest first. */
export function readRevocations(db: Database): readonly Revocation[] {
  const rows = db.prepare('SELECT kind, value, epoch FROM revocations ORDER BY leaf').all() as Row[]
  return rows.map((row) => ({
    kind: text(row, 'kind') as Revocation['kind'],
    value: row['value'] === null ? null : text(row, 'value'),
    epoch: integer(row, 'epoch'),
  }))
}
