import { concatBytes } from './byte-strings.js'
import type { EvidenceCrypto } from './crypto.js'

/** Root of the tree without leaves: SHA-256 of the empty string (RFC 9162 2.1.1). */
export const EMPTY_ROOT: Uint8Array = Uint8Array.from([
  0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
  0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
])

/** Bytes of every hash of the tree. */
export const HASH_BYTES = 32

const LEAF_PREFIX = Uint8Array.of(0)
const NODE_PREFIX = Uint8Array.of(1)

/**
 * Hash of the perfect subtree over leaves `[index * 2^level, (index + 1) * 2^level)`. Throws when
 * the tree does not reach that far.
 */
export type NodeSource = (level: number, index: number) => Uint8Array

/** `SHA-256(0x00 ‖ leaf)` (RFC 9162 2.1.1). */
export function leafHash(crypto: EvidenceCrypto, leaf: Uint8Array): Uint8Array {
  return crypto.sha256(concatBytes(LEAF_PREFIX, leaf))
}

/** `SHA-256(0x01 ‖ left ‖ right)` (RFC 9162 2.1.1). */
export function nodeHash(crypto: EvidenceCrypto, left: Uint8Array, right: Uint8Array): Uint8Array {
  return crypto.sha256(concatBytes(NODE_PREFIX, left, right))
}

/** One perfect subtree of a range of leaves. */
export interface TreeNode {
  readonly level: number
  readonly index: number
}

/**
 * The perfect subtrees that make up leaves `[begin, end)`, left to right. `begin` must be aligned
 * as the left edges of RFC 9162 subtrees are; sizes up to 2^53 - 1.
 */
export function perfectNodes(begin: number, end: number): readonly TreeNode[] {
  const nodes: TreeNode[] = []
  let position = begin
  while (position < end) {
    let level = 0
    let width = 1
    while (position % (width * 2) === 0 && position + width * 2 <= end) {
      width *= 2
      level += 1
    }
    nodes.push({ level, index: position / width })
    position += width
  }
  return nodes
}

/** Merkle tree hash of leaves `[begin, end)`, a subtree of RFC 9162 2.1.1. */
export function subtreeRoot(
  crypto: EvidenceCrypto,
  begin: number,
  end: number,
  source: NodeSource,
): Uint8Array {
  const nodes = perfectNodes(begin, end)
  let root: Uint8Array | undefined
  for (let i = nodes.length - 1; i >= 0; i -= 1) {
    const node = nodes[i]
    if (node === undefined) continue
    const hash = source(node.level, node.index)
    root = root === undefined ? hash : nodeHash(crypto, hash, root)
  }
  return root ?? EMPTY_ROOT
}

/** The largest power of two smaller than `count`; `count` is at least 2. */
export function splitPoint(count: number): number {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

/** True for a size or an index that the arithmetic here holds exactly. */
export function isTreeNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
