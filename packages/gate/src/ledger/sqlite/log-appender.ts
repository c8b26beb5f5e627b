import {
  encodeLeaf,
  type Frontier,
  type Leaf,
  type LeafColumns,
  leafColumns,
} from '@latchgate/evidence'
import { evidenceCrypto } from '../../evidence-crypto.js'
import { LedgerDamaged } from '../faults.js'
import type { Database, Statement } from './database.js'
import { NodeStore, slices, TILE_HEIGHT, TILE_WIDTH } from './node-store.js'
import { blob, integer, type Row } from './row.js'

/** RFC 9162 2.1.1. */
const LEAF_PREFIX = Buffer.from([0])

/** Appends leaves inside the caller's transaction: rows, tiles, and the frontier in memory. */
export class LogAppender {
  readonly #insertLeaf: Statement
  readonly #receipt: Statement
  readonly #writeTile: Statement
  readonly #frontier: Frontier
  /** Entries of the unfinished tile of each level. */
  readonly #unfinished: Uint8Array[][] = []

  /** `frontier` has been compared with what the database holds. */
  constructor(db: Database, frontier: Frontier) {
    this.#insertLeaf = db.prepare(`INSERT INTO leaves
      (leaf, hash, type, id, time, trace_id, session_id, session_seq, principal, action_id, decision, bytes)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#receipt = db.prepare("SELECT leaf FROM leaves WHERE type = 'receipt' AND id = ?")
    this.#writeTile = db.prepare(
      'INSERT INTO tiles (level, tile, hashes) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hashes = excluded.hashes',
    )
    this.#frontier = frontier
    this.#loadUnfinished(db)
  }

  get frontier(): Frontier {
    return this.#frontier
  }

  /** Index of the next leaf. */
  get next(): number {
    return this.#frontier.size
  }

  /** Appends a leaf in JCS form, with the prefix of its hash before it, and returns its index. */
  append(prefixed: Uint8Array, columns: LeafColumns, sessionSeq: number | null): number {
    const hash = evidenceCrypto.sha256(prefixed)
    const index = this.#frontier.append(hash, this.#onNode)
    this.#insertLeaf.run(
      index,
      hash,
      columns.type,
      columns.id,
      columns.time,
      columns.trace_id,
      columns.session_id,
      sessionSeq,
      columns.principal,
      columns.action_id,
      columns.decision,
      prefixed.subarray(1),
    )
    return index
  }

  /** Appends a record that the writer itself makes. */
  appendLeaf(leaf: Leaf): number {
    const prefixed = Buffer.concat([LEAF_PREFIX, encodeLeaf(leaf)])
    const columns = leafColumns(leaf)
    return this.append(prefixed, columns, columns.session_seq)
  }

  /** Index of the receipt, or undefined when there is none. */
  receiptIndex(receiptId: string): number | undefined {
    const row = this.#receipt.get(receiptId)
    return row === undefined ? undefined : integer(row as Row, 'leaf')
  }

  // A node at a multiple of eight levels is an entry of a tile. Leaf hashes are in their rows
  // already, so their tile is written once, when full; higher tiles grow every 256 leaves.
  readonly #onNode = (level: number, index: number, hash: Uint8Array): void => {
    if (level % TILE_HEIGHT !== 0) return
    const tileLevel = level / TILE_HEIGHT
    const entries = this.#entries(tileLevel)
    entries.push(hash)
    if (tileLevel === 0 && entries.length < TILE_WIDTH) return
    this.#writeTile.run(tileLevel, Math.floor(index / TILE_WIDTH), Buffer.concat(entries))
    if (entries.length === TILE_WIDTH) entries.length = 0
  }

  #entries(level: number): Uint8Array[] {
    const known = this.#unfinished[level]
    if (known !== undefined) return known
    const entries: Uint8Array[] = []
    this.#unfinished[level] = entries
    return entries
  }

  #loadUnfinished(db: Database): void {
    const tile = db.prepare('SELECT hashes FROM tiles WHERE level = ? AND tile = ?')
    const store = new NodeStore(db)
    let width = this.#frontier.size
    for (let level = 0; width > 0; level += 1) {
      const count = width % TILE_WIDTH
      const entries = this.#entries(level)
      if (level === 0) {
        for (let i = width - count; i < width; i += 1) entries.push(store.node(0, i))
      } else if (count > 0) {
        const row = tile.get(level, Math.floor(width / TILE_WIDTH)) as Row | undefined
        if (row !== undefined) entries.push(...slices(blob(row, 'hashes')))
      }
      if (entries.length !== count)
        throw new LedgerDamaged(`a tile of level ${level} is incomplete`)
      width = Math.floor(width / TILE_WIDTH)
    }
  }
}
