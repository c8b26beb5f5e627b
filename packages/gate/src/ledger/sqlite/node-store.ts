import { HASH_BYTES, type NodeSource, nodeHash } from '@latchgate/evidence'
import { evidenceCrypto } from '../../evidence-crypto.js'
import type { Database, Statement } from './database.js'
import { blob, type Row } from './row.js'

/** Hashes in a full tile (C2SP tlog-tiles). */
export const TILE_WIDTH = 256
/** Levels of the tree that a tile stands for. */
export const TILE_HEIGHT = 8

/**
 * Reads the hashes of the tree: full tiles of leaf hashes, tiles of every level above up to the
 * right edge, and the leaf hashes of the last, unfinished tile from their rows.
 */
export class NodeStore {
  readonly #tile: Statement
  readonly #leafHashes: Statement

  constructor(db: Database) {
    this.#tile = db.prepare('SELECT hashes FROM tiles WHERE level = ? AND tile = ?')
    this.#leafHashes = db.prepare(
      'SELECT hash FROM leaves WHERE leaf >= ? AND leaf < ? ORDER BY leaf',
    )
  }

  /** Throws a RangeError when the tree does not reach that far. */
  readonly node: NodeSource = (level, index) => {
    const tileLevel = Math.floor(level / TILE_HEIGHT)
    const width = 2 ** (level % TILE_HEIGHT)
    let hashes = this.#entries(tileLevel, index * width, width)
    while (hashes.length > 1) {
      const parents: Uint8Array[] = []
      for (let i = 0; i + 1 < hashes.length; i += 2) {
        const [left, right] = [hashes[i], hashes[i + 1]]
        if (left !== undefined && right !== undefined) {
          parents.push(nodeHash(evidenceCrypto, left, right))
        }
      }
      hashes = parents
    }
    const [root] = hashes
    if (root === undefined) throw new RangeError(`no node ${index} at level ${level}`)
    return root
  }

  /** Entries `[first, first + count)` of a tile level, all of one tile. */
  #entries(level: number, first: number, count: number): readonly Uint8Array[] {
    const tile = Math.floor(first / TILE_WIDTH)
    const stored = this.#tile.get(level, tile) as Row | undefined
    const entries =
      stored === undefined && level === 0
        ? this.#leafHashes.all(first, first + count).map((row) => blob(row as Row, 'hash'))
        : slices(stored === undefined ? new Uint8Array() : blob(stored, 'hashes'))
            .slice(first % TILE_WIDTH)
            .slice(0, count)
    if (entries.length !== count || entries.some((hash) => hash.length !== HASH_BYTES)) {
      throw new RangeError(
        `the tree has no entries ${first}–${first + count - 1} at level ${level}`,
      )
    }
    return entries
  }
}

/** The hashes of a tile. */
export function slices(hashes: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < hashes.length; at += HASH_BYTES) {
    parts.push(hashes.subarray(at, at + HASH_BYTES))
  }
  return parts
}
