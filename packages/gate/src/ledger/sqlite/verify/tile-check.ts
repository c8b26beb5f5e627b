import type { Findings, NodeListener } from '@latchgate/evidence'
import type { Database, Statement } from '../database.js'
import { TILE_HEIGHT, TILE_WIDTH } from '../node-store.js'
import { integer, type Row } from '../row.js'

/** Holds the stored tiles against the tree over the leaves as they were read. */
export class TileCheck {
  readonly #findings: Findings
  readonly #tile: Statement
  readonly #db: Database
  /** Entries of the unfinished tile of each level, and how many tiles of it are full. */
  readonly #levels: { full: number; entries: Uint8Array[] }[] = []

  constructor(db: Database, findings: Findings) {
    this.#db = db
    this.#findings = findings
    this.#tile = db.prepare('SELECT hashes FROM tiles WHERE level = ? AND tile = ?')
  }

  readonly onNode: NodeListener = (height, _index, hash) => {
    if (height % TILE_HEIGHT !== 0) return
    const level = height / TILE_HEIGHT
    const state = this.#levels[level] ?? { full: 0, entries: [] }
    this.#levels[level] = state
    state.entries.push(hash)
    if (state.entries.length < TILE_WIDTH) return
    this.#compare(level, state.full, state.entries)
    state.full += 1
    state.entries = []
  }

  /** The unfinished tiles, and tiles beyond the tree. */
  finish(): void {
    let tiles = 0
    this.#levels.forEach(({ full, entries }, level) => {
      tiles += full
      // The hashes of the last leaves are in their rows alone, until their tile is full.
      if (level === 0 || entries.length === 0) return
      this.#compare(level, full, entries)
      tiles += 1
    })
    const stored = integer(this.#db.prepare('SELECT count(*) AS n FROM tiles').get() as Row, 'n')
    if (stored > tiles) this.#findings.add(`${stored - tiles} tiles too many`, { column: 'tiles' })
  }

  #compare(level: number, tile: number, entries: readonly Uint8Array[]): void {
    const row = this.#tile.get(level, tile) as Row | undefined
    const hashes = row?.['hashes']
    if (hashes instanceof Uint8Array && Buffer.compare(hashes, Buffer.concat(entries)) === 0) return
    const problem = row === undefined ? 'is missing' : 'is not the one of the leaves'
    this.#findings.add(`tile ${tile} of level ${level} ${problem}`, { column: 'tiles' })
  }
}
