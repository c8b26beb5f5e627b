import { readFileSync } from 'node:fs'
import { sha256, verifyEd25519 } from '@latchgate/protocol/node'
import { type EvidenceCrypto, leafHash, type NodeSource, nodeHash } from '../src/index.js'

/** The primitives of Node. */
export const crypto: EvidenceCrypto = { sha256, verifyEd25519 }

/** A file of the repository's `vectors/`, which tests in other languages read as well. */
export function loadVectors<T>(name: string): T {
  const url = new URL(`../../../../vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as T
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** MTH of RFC 9162 2.1.1, written down as it stands there. */
export function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves
  if (only === undefined) return sha256(new Uint8Array())
  if (leaves.length === 1) return leafHash(crypto, only)
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(crypto, treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)))
}

/** The perfect subtrees of a tree that is held in memory. */
export function nodesOf(leaves: readonly Uint8Array[]): NodeSource {
  return (level, index) => {
    const width = 2 ** level
    const part = leaves.slice(index * width, (index + 1) * width)
    if (part.length !== width) throw new RangeError('beyond the tree')
    return treeHash(part)
  }
}

/** `count` leaves that differ. */
export function someLeaves(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, i) => utf8(`leaf ${i}`))
}

/** The same bytes with one bit flipped. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  const at = Math.floor(bit / 8) % changed.length
  changed[at] = changed[at]! ^ (1 << (bit % 8))
  return changed
}
