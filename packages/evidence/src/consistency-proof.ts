import { equalBytes } from './byte-strings.js'
import type { EvidenceCrypto } from './crypto.js'
import {
  EMPTY_ROOT,
  HASH_BYTES,
  isTreeNumber,
  type NodeSource,
  nodeHash,
  splitPoint,
  subtreeRoot,
} from './merkle-tree.js'

/**
 * Hashes that show the tree of `from` leaves to be a prefix of the tree of `to` leaves
 * (RFC 9162 2.1.4.1). Empty when `from` is 0 or equal to `to`. Throws a RangeError when `from` is
 * larger than `to`.
 */
export function consistencyProof(
  crypto: EvidenceCrypto,
  from: number,
  to: number,
  source: NodeSource,
): readonly Uint8Array[] {
  if (!isTreeNumber(from) || !isTreeNumber(to) || from > to) {
    throw new RangeError(`a tree of ${from} leaves is not a prefix of one of ${to} leaves`)
  }
  if (from === 0 || from === to) return []
  const path: Uint8Array[] = []
  let begin = 0
  let end = to
  let isWholeOldTree = true
  while (end !== from) {
    const middle = begin + splitPoint(end - begin)
    if (from <= middle) {
      path.push(subtreeRoot(crypto, middle, end, source))
      end = middle
    } else {
      path.push(subtreeRoot(crypto, begin, middle, source))
      begin = middle
      isWholeOldTree = false
    }
  }
  // The verifier knows the old root already when the last subtree is the old tree itself.
  if (!isWholeOldTree) path.push(subtreeRoot(crypto, begin, end, source))
  return path.reverse()
}

/** What a consistency proof claims: nothing below `from` changed while the log grew to `to`. */
export interface ConsistencyClaim {
  readonly from: number
  readonly fromRoot: Uint8Array
  readonly to: number
  readonly toRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** Checks a consistency proof (RFC 9162 2.1.4.2). Never throws; malformed input is false. */
export function verifyConsistency(crypto: EvidenceCrypto, claim: ConsistencyClaim): boolean {
  const { from, to, fromRoot, toRoot } = claim
  if (!isTreeNumber(from) || !isTreeNumber(to) || from > to) return false
  if ([fromRoot, toRoot, ...claim.proof].some((hash) => hash.length !== HASH_BYTES)) return false
  if (from === 0 && !equalBytes(fromRoot, EMPTY_ROOT)) return false
  if (from === to) return claim.proof.length === 0 && equalBytes(fromRoot, toRoot)
  if (from === 0) return claim.proof.length === 0
  if (claim.proof.length === 0) return false

  const [first, ...rest] = isPowerOfTwo(from) ? [fromRoot, ...claim.proof] : claim.proof
  if (first === undefined) return false
  let position = from - 1
  let last = to - 1
  while (position % 2 === 1) {
    position = (position - 1) / 2
    last = Math.floor(last / 2)
  }
  let oldHash = first
  let newHash = first
  for (const sibling of rest) {
    if (last === 0) return false
    if (position % 2 === 1 || position === last) {
      oldHash = nodeHash(crypto, sibling, oldHash)
      newHash = nodeHash(crypto, sibling, newHash)
      while (position % 2 === 0 && position !== 0) {
        position /= 2
        last = Math.floor(last / 2)
      }
    } else {
      newHash = nodeHash(crypto, newHash, sibling)
    }
    position = Math.floor(position / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && equalBytes(oldHash, fromRoot) && equalBytes(newHash, toRoot)
}

function isPowerOfTwo(value: number): boolean {
  return splitPoint(value * 2) === value
}
