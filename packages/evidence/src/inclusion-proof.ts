import { equalBytes } from './byte-strings.js'
import type { EvidenceCrypto } from './crypto.js'
import {
  HASH_BYTES,
  isTreeNumber,
  type NodeSource,
  nodeHash,
  splitPoint,
  subtreeRoot,
} from './merkle-tree.js'

/**
 * The sibling hashes from leaf `index` up to the root of the tree of `size` leaves, lowest first
 * (RFC 9162 2.1.3.1). Throws a RangeError for an index outside the tree.
 */
export function inclusionProof(
  crypto: EvidenceCrypto,
  index: number,
  size: number,
  source: NodeSource,
): readonly Uint8Array[] {
  if (!isTreeNumber(index) || !isTreeNumber(size) || index >= size) {
    throw new RangeError(`leaf ${index} is not in a tree of ${size} leaves`)
  }
  const path: Uint8Array[] = []
  let begin = 0
  let end = size
  while (end - begin > 1) {
    const middle = begin + splitPoint(end - begin)
    if (index < middle) {
      path.push(subtreeRoot(crypto, middle, end, source))
      end = middle
    } else {
      path.push(subtreeRoot(crypto, begin, middle, source))
      begin = middle
    }
  }
  return path.reverse()
}

/** What an inclusion proof claims: this leaf hash stands at `index` of the tree with this root. */
export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leafHash: Uint8Array
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** Checks an inclusion proof (RFC 9162 2.1.3.2). Never throws; malformed input is false. */
export function verifyInclusion(crypto: EvidenceCrypto, claim: InclusionClaim): boolean {
  const { index, size, proof, root } = claim
  if (!isTreeNumber(index) || !isTreeNumber(size) || index >= size) return false
  if ([claim.leafHash, root, ...proof].some((hash) => hash.length !== HASH_BYTES)) return false
  let position = index
  let last = size - 1
  let hash = claim.leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (position % 2 === 1 || position === last) {
      hash = nodeHash(crypto, sibling, hash)
      while (position % 2 === 0 && position !== 0) {
        position /= 2
        last = Math.floor(last / 2)
      }
    } else {
      hash = nodeHash(crypto, hash, sibling)
    }
    position = Math.floor(position / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && equalBytes(hash, root)
}
