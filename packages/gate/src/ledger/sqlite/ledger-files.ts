import { type BigIntStats, statSync } from 'node:fs'

/**
 * The files of an open database, as they were found under their names. SQLite goes on writing into a
 * file that was removed or replaced: a commit that nobody will find again is no evidence.
 */
export class LedgerFiles {
  readonly #found: ReadonlyMap<string, BigIntStats>

  /** Call when the database is open: its write-ahead log exists then. */
  constructor(path: string) {
    this.#found = new Map([path, `${path}-wal`].map((name) => [name, statOf(name)]))
  }

  /** Throws when one of the names is gone, or names another file by now. */
  assertInPlace(): void {
    for (const [name, before] of this.#found) {
      const now = statOf(name)
      if (now.ino !== before.ino || now.dev !== before.dev) {
        throw new Error(`${name} is no longer the file that was opened`)
      }
    }
  }
}

function statOf(name: string): BigIntStats {
  const found = statSync(name, { bigint: true, throwIfNoEntry: false })
  if (found === undefined) throw new Error(`${name} is gone`)
  return found
}
