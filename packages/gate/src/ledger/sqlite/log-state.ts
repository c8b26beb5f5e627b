import {
  Frontier,
  HASH_BYTES,
  type Leaf,
  LeafError,
  leafColumns,
  leafHash,
  parseLeaf,
  perfectNodes,
} from '@latchgate/evidence'
import { evidenceCrypto } from '../../evidence-crypto.js'
import { LedgerDamaged } from '../faults.js'
import type { Database, Statement } from './database.js'
import { NodeStore, slices } from './node-store.js'
import { blob, integer, type Row, requireRow, text } from './row.js'

/** The one row that says how far the log has come. */
export interface LogState {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  /** Roots of the perfect subtrees, one after the other. */
  readonly frontier: Uint8Array
  /** Unix milliseconds of the latest record. */
  readonly highestTime: number
  /** Id of the last commit. */
  readonly batch: string
  /** First leaf of the last commit. */
  readonly batchFrom: number
}

/** Reads the state. Throws LedgerDamaged when it is not there. */
export function readLogState(db: Database): LogState {
  const row = requireRow(
    db.prepare('SELECT * FROM log_state WHERE id = 1').get(),
    'the row of log_state',
  )
  return {
    origin: text(row, 'origin'),
    size: integer(row, 'size'),
    root: blob(row, 'root'),
    frontier: blob(row, 'frontier'),
    highestTime: integer(row, 'highest_time'),
    batch: text(row, 'batch'),
    batchFrom: integer(row, 'batch_from'),
  }
}

/** Writes the state inside the transaction whose leaves it counts. */
export class LogStateWriter {
  readonly #write: Statement
  readonly #origin: string

  constructor(db: Database, origin: string) {
    this.#origin = origin
    this.#write = db.prepare(`INSERT INTO log_state
      (id, origin, size, root, frontier, highest_time, batch, batch_from) VALUES (1, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET size = excluded.size, root = excluded.root,
        frontier = excluded.frontier, highest_time = excluded.highest_time,
        batch = excluded.batch, batch_from = excluded.batch_from`)
  }

  write(
    frontier: Frontier,
    root: Uint8Array,
    commit: { readonly highestTime: number; readonly batch: string; readonly from: number },
  ): void {
    const hashes = Buffer.concat([...frontier.hashes])
    const { highestTime, batch, from } = commit
    this.#write.run(this.#origin, frontier.size, root, hashes, highestTime, batch, from)
  }
}

/**
 * Recomputes the frontier from the stored hashes and verifies the leaves of the last commit
 * (notes/evidence 4). Throws LedgerDamaged naming what does not fit: new leaves must never be
 * appended to a tree that nobody can prove.
 */
export function verifiedFrontier(db: Database, state: LogState): Frontier {
  const count = requireRow(
    db.prepare('SELECT count(*) AS n FROM leaves WHERE leaf >= ?').get(state.size),
    'leaves',
  )
  if (integer(count, 'n') !== 0) {
    throw damaged(`there are leaves beyond the ${state.size} that log_state counts`)
  }
  const store = new NodeStore(db)
  let hashes: readonly Uint8Array[]
  try {
    hashes = perfectNodes(0, state.size).map(({ level, index }) => store.node(level, index))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw damaged(error.message)
  }
  const stored = state.frontier.length % HASH_BYTES === 0 ? slices(state.frontier) : []
  const differing = hashes.findIndex((hash, i) => !same(hash, stored[i]))
  if (differing >= 0 || stored.length !== hashes.length) {
    throw damaged('the stored hashes do not give the frontier of log_state')
  }
  const frontier = Frontier.from(evidenceCrypto, state.size, hashes)
  if (!same(frontier.root(), state.root)) throw damaged('the frontier does not give the root')
  verifyLastBatch(db, state)
  return frontier
}

// The end of the log is where a torn write or a hurried hand would show first.
function verifyLastBatch(db: Database, state: LogState): void {
  const rows = db.prepare('SELECT * FROM leaves WHERE leaf >= ? ORDER BY leaf').all(state.batchFrom)
  if (rows.length !== state.size - state.batchFrom)
    throw damaged('leaves of the last commit are missing')
  for (const row of rows as Row[]) {
    const bytes = blob(row, 'bytes')
    const index = integer(row, 'leaf')
    if (!same(leafHash(evidenceCrypto, bytes), blob(row, 'hash'))) {
      throw damaged(`leaf ${index} does not give its hash`)
    }
    const columns = Object.entries(leafColumns(readLeaf(index, bytes)))
    const differs = columns.find(([column, value]) => row[column] !== value)
    if (differs !== undefined) throw damaged(`leaf ${index}: column ${differs[0]} was changed`)
  }
}

function readLeaf(index: number, bytes: Uint8Array): Leaf {
  try {
    return parseLeaf(bytes)
  } catch (error) {
    if (!(error instanceof LeafError)) throw error
    throw damaged(`leaf ${index} is no leaf: ${error.message}`)
  }
}

function same(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0
}

function damaged(what: string): LedgerDamaged {
  return new LedgerDamaged(
    `the ledger contradicts itself: ${what}; nothing is appended to it. \`latchgate verify\` says where it is broken`,
  )
}
