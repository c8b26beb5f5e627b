import type { EvidenceCrypto } from './crypto.js'
import { EMPTY_ROOT, HASH_BYTES, isTreeNumber, nodeHash, perfectNodes } from './merkle-tree.js'

/** Told of every perfect subtree that an append completes, from the leaf upward. */
export type NodeListener = (level: number, index: number, hash: Uint8Array) => void

/**
 * The right edge of a Merkle tree: the roots of its perfect subtrees, largest first. It is all that
 * is needed to append leaves and to know the root (RFC 9162 2.1).
 */
export class Frontier {
  readonly #crypto: EvidenceCrypto
  #size: number
  readonly #hashes: Uint8Array[]

  private constructor(crypto: EvidenceCrypto, size: number, hashes: readonly Uint8Array[]) {
    this.#crypto = crypto
    this.#size = size
    this.#hashes = [...hashes]
  }

  /** The frontier of the empty tree. */
  static empty(crypto: EvidenceCrypto): Frontier {
    return new Frontier(crypto, 0, [])
  }

  /** A stored frontier. Throws a RangeError when the number of hashes does not fit the size. */
  static from(crypto: EvidenceCrypto, size: number, hashes: readonly Uint8Array[]): Frontier {
    if (!isTreeNumber(size)) throw new RangeError(`${size} is not a tree size`)
    const expected = perfectNodes(0, size).length
    if (hashes.length !== expected || hashes.some((hash) => hash.length !== HASH_BYTES)) {
      throw new RangeError(`a frontier of ${size} leaves has ${expected} hashes of 32 bytes`)
    }
    return new Frontier(crypto, size, hashes)
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size
  }

  /** Roots of the perfect subtrees, largest first. */
  get hashes(): readonly Uint8Array[] {
    return this.#hashes
  }

  /** Appends a leaf by its hash and returns its index. */
  append(leaf: Uint8Array, onNode?: NodeListener): number {
    const index = this.#size
    let hash = leaf
    let level = 0
    let position = index
    onNode?.(0, index, leaf)
    while (position % 2 === 1) {
      const left = this.#hashes.pop()
      if (left === undefined) throw new RangeError('the frontier does not fit its size')
      hash = nodeHash(this.#crypto, left, hash)
      level += 1
      position = (position - 1) / 2
      onNode?.(level, position, hash)
    }
    this.#hashes.push(hash)
    this.#size += 1
    return index
  }

  /** Merkle tree hash of all leaves. */
  root(): Uint8Array {
    let root: Uint8Array | undefined
    for (let i = this.#hashes.length - 1; i >= 0; i -= 1) {
      const hash = this.#hashes[i]
      if (hash === undefined) continue
      root = root === undefined ? hash : nodeHash(this.#crypto, hash, root)
    }
    return root ?? EMPTY_ROOT
  }
}
