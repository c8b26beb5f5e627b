import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  verifyConsistency,
  verifyInclusion,
} from '../src/index.js'
import {
  bytesOf,
  crypto,
  flipBit,
  hex,
  loadVectors,
  nodesOf,
  someLeaves,
  treeHash,
} from './fixtures.js'

interface Vectors {
  readonly leaves: readonly string[]
  readonly roots: readonly string[]
  readonly inclusion: readonly {
    readonly index: number
    readonly size: number
    readonly proof: readonly string[]
  }[]
  readonly consistency: readonly {
    readonly from: number
    readonly to: number
    readonly proof: readonly string[]
  }[]
}

const vectors = loadVectors<Vectors>('merkle-tree')
const published = vectors.leaves.map(bytesOf)
const rootOf = (size: number): Uint8Array => bytesOf(vectors.roots[size - 1]!)
const RUNS = process.env['SLOW'] === '1' ? 2000 : 200

describe('published inclusion proofs', () => {
  test.each(vectors.inclusion)('leaf $index in $size is made and verified', (vector) => {
    const { index, size, proof } = vector
    expect(inclusionProof(crypto, index, size, nodesOf(published)).map(hex)).toEqual(proof)
    const claim = {
      index,
      size,
      leafHash: leafHash(crypto, published[index]!),
      root: rootOf(size),
      proof: proof.map(bytesOf),
    }
    expect(verifyInclusion(crypto, claim)).toBe(true)
    expect(verifyInclusion(crypto, { ...claim, root: EMPTY_ROOT })).toBe(false)
  })
})

describe('published consistency proofs', () => {
  test.each(vectors.consistency)('$from to $to is made and verified', (vector) => {
    const { from, to, proof } = vector
    expect(consistencyProof(crypto, from, to, nodesOf(published)).map(hex)).toEqual(proof)
    const claim = {
      from,
      to,
      fromRoot: rootOf(from),
      toRoot: rootOf(to),
      proof: proof.map(bytesOf),
    }
    expect(verifyConsistency(crypto, claim)).toBe(true)
  })
})

const SIZE = 70
const all = someLeaves(SIZE)
const source = nodesOf(all)
const roots = Array.from({ length: SIZE + 1 }, (_, size) => treeHash(all.slice(0, size)))

const inclusionCase = fc
  .integer({ min: 1, max: SIZE })
  .chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 }), fc.nat()))

describe('inclusion', () => {
  test('every proof verifies', () => {
    for (let size = 1; size <= 33; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(crypto, index, size, source)
        const claim = {
          index,
          size,
          leafHash: leafHash(crypto, all[index]!),
          root: roots[size]!,
          proof,
        }
        expect(verifyInclusion(crypto, claim), `${index} of ${size}`).toBe(true)
      }
    }
  })

  test('one flipped bit, another index, another size, a hash more or less: none verifies', () => {
    fc.assert(
      fc.property(inclusionCase, ([size, index, n]) => {
        const proof = inclusionProof(crypto, index, size, source)
        const hash = leafHash(crypto, all[index]!)
        const claim = { index, size, leafHash: hash, root: roots[size]!, proof }
        const refused = (changed: Partial<typeof claim>): void =>
          expect(verifyInclusion(crypto, { ...claim, ...changed })).toBe(false)
        refused({ leafHash: flipBit(hash, n % 256) })
        refused({ root: flipBit(claim.root, n % 256) })
        for (const [i, one] of proof.entries()) {
          refused({ proof: proof.with(i, flipBit(one, n % 256)) })
        }
        refused({ proof: [...proof, roots[size]!] })
        refused({ proof: [roots[size]!, ...proof] })
        if (proof.length > 0) refused({ proof: proof.slice(1) })
        if (proof.length > 0) refused({ proof: proof.slice(0, -1) })
        const other = n % (size + 1)
        if (other !== index) refused({ index: other })
        // The same path can belong to another size only if the root is another one.
        refused({ size: size + 1 + (n % 5), root: roots[size + 1 + (n % 5)] ?? EMPTY_ROOT })
      }),
      { numRuns: RUNS },
    )
  })

  test('numbers that are none, and hashes of another length, are false and do not throw', () => {
    const hash = leafHash(crypto, all[0]!)
    const claim = { index: 0, size: 1, leafHash: hash, root: hash, proof: [] }
    expect(verifyInclusion(crypto, claim)).toBe(true)
    for (const changed of [
      { index: -1 },
      { index: 1 },
      { index: 0.5 },
      { size: 0 },
      { size: Number.NaN },
      { size: 2 ** 53 },
      { leafHash: hash.slice(1) },
      { root: new Uint8Array() },
      { proof: [new Uint8Array(31)] },
    ]) {
      expect(verifyInclusion(crypto, { ...claim, ...changed }), JSON.stringify(changed)).toBe(false)
    }
    expect(() => inclusionProof(crypto, 1, 1, source)).toThrow(RangeError)
    expect(() => inclusionProof(crypto, -1, 1, source)).toThrow(RangeError)
    expect(() => inclusionProof(crypto, 0, SIZE + 1, source)).toThrow(RangeError)
  })

  test('a path of 53 hashes is walked for the last leaf of the largest tree', () => {
    const size = Number.MAX_SAFE_INTEGER
    const zero = new Uint8Array(32)
    const proof = inclusionProof(crypto, size - 1, size, () => zero)
    expect(proof).toHaveLength(52)
    const claim = { index: size - 1, size, leafHash: zero, root: zero, proof }
    expect(verifyInclusion(crypto, claim)).toBe(false)
  })
})

const consistencyCase = fc
  .integer({ min: 2, max: SIZE })
  .chain((to) => fc.tuple(fc.integer({ min: 1, max: to - 1 }), fc.constant(to), fc.nat()))

describe('consistency', () => {
  test('every proof verifies', () => {
    for (let to = 0; to <= 33; to += 1) {
      for (let from = 0; from <= to; from += 1) {
        const proof = consistencyProof(crypto, from, to, source)
        const claim = { from, to, fromRoot: roots[from]!, toRoot: roots[to]!, proof }
        expect(verifyConsistency(crypto, claim), `${from} to ${to}`).toBe(true)
      }
    }
  })

  test('one flipped bit, other sizes, other roots, a hash more or less: none verifies', () => {
    fc.assert(
      fc.property(consistencyCase, ([from, to, n]) => {
        const proof = consistencyProof(crypto, from, to, source)
        const claim = { from, to, fromRoot: roots[from]!, toRoot: roots[to]!, proof }
        const refused = (changed: Partial<typeof claim>): void =>
          expect(verifyConsistency(crypto, { ...claim, ...changed })).toBe(false)
        refused({ fromRoot: flipBit(claim.fromRoot, n % 256) })
        refused({ toRoot: flipBit(claim.toRoot, n % 256) })
        refused({ fromRoot: claim.toRoot, toRoot: claim.fromRoot })
        for (const [i, one] of proof.entries()) {
          refused({ proof: proof.with(i, flipBit(one, n % 256)) })
        }
        refused({ proof: [] })
        refused({ proof: proof.slice(0, -1) })
        refused({ proof: [...proof, claim.toRoot] })
        refused({ proof: [claim.fromRoot, ...proof] })
        const other = 1 + (n % to)
        if (other !== from) refused({ from: other, fromRoot: roots[other]! })
        refused({ from: to, to: from, fromRoot: roots[to]!, toRoot: roots[from]! })
      }),
      { numRuns: RUNS },
    )
  })

  test('a log that changed one leaf has no proof: not even its own', () => {
    const forged = [...all.slice(0, 5), new Uint8Array([9]), ...all.slice(6)]
    for (let to = 7; to <= 20; to += 1) {
      const proof = consistencyProof(crypto, 6, to, nodesOf(forged))
      const toRoot = treeHash(forged.slice(0, to))
      const claim = { from: 6, to, fromRoot: roots[6]!, toRoot, proof }
      expect(verifyConsistency(crypto, claim), `to ${to}`).toBe(false)
    }
  })

  test('from nothing, and from a size to itself, the proof must be empty', () => {
    const claim = { from: 0, fromRoot: EMPTY_ROOT, to: 4, toRoot: roots[4]!, proof: [] }
    expect(verifyConsistency(crypto, claim)).toBe(true)
    expect(verifyConsistency(crypto, { ...claim, proof: [roots[4]!] })).toBe(false)
    expect(verifyConsistency(crypto, { ...claim, fromRoot: roots[1]! })).toBe(false)
    const same = { from: 4, fromRoot: roots[4]!, to: 4, toRoot: roots[4]!, proof: [] }
    expect(verifyConsistency(crypto, same)).toBe(true)
    expect(verifyConsistency(crypto, { ...same, proof: [roots[4]!] })).toBe(false)
    expect(verifyConsistency(crypto, { ...same, toRoot: roots[5]! })).toBe(false)
    expect(() => consistencyProof(crypto, 5, 4, source)).toThrow(RangeError)
    expect(() => consistencyProof(crypto, -1, 4, source)).toThrow(RangeError)
  })
})
