import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  EMPTY_ROOT,
  Frontier,
  leafHash,
  type NodeListener,
  perfectNodes,
  subtreeRoot,
} from '../src/index.js'
import { bytesOf, crypto, hex, loadVectors, nodesOf, someLeaves, treeHash } from './fixtures.js'

interface Vectors {
  readonly empty_root: string
  readonly leaves: readonly string[]
  readonly leaf_hashes: readonly string[]
  readonly roots: readonly string[]
}

const vectors = loadVectors<Vectors>('merkle-tree')
const leaves = vectors.leaves.map(bytesOf)

describe('published vectors (RFC 6962, RFC 9162)', () => {
  test('the empty tree has the root SHA-256 of nothing', () => {
    expect(hex(EMPTY_ROOT)).toBe(vectors.empty_root)
    expect(hex(Frontier.empty(crypto).root())).toBe(vectors.empty_root)
    expect(hex(subtreeRoot(crypto, 0, 0, nodesOf([])))).toBe(vectors.empty_root)
  })

  test('leaf hashes have the prefix 0x00', () => {
    expect(leaves.map((leaf) => hex(leafHash(crypto, leaf)))).toEqual(vectors.leaf_hashes)
  })

  test('every published root comes out of the frontier, the subtrees and the definition', () => {
    const frontier = Frontier.empty(crypto)
    vectors.roots.forEach((root, i) => {
      const part = leaves.slice(0, i + 1)
      frontier.append(leafHash(crypto, leaves[i]!))
      expect(hex(frontier.root()), `size ${i + 1}`).toBe(root)
      expect(hex(treeHash(part)), `size ${i + 1}`).toBe(root)
      expect(hex(subtreeRoot(crypto, 0, i + 1, nodesOf(part))), `size ${i + 1}`).toBe(root)
    })
  })
})

describe('Frontier', () => {
  test('its root is the recursive definition, at every size, however it was stored in between', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 140 }), fc.nat(), (size, at) => {
        const all = someLeaves(size)
        const stop = size === 0 ? 0 : at % size
        let frontier = Frontier.empty(crypto)
        all.forEach((leaf, i) => {
          if (i === stop) frontier = Frontier.from(crypto, frontier.size, frontier.hashes)
          expect(frontier.append(leafHash(crypto, leaf))).toBe(i)
        })
        expect(frontier.size).toBe(size)
        expect(hex(frontier.root())).toBe(hex(treeHash(all)))
      }),
      { numRuns: 60 },
    )
  })

  test('tells of every perfect subtree exactly once, with its hash', () => {
    const all = someLeaves(37)
    const told = new Map<string, string>()
    const onNode: NodeListener = (level, index, hash) => {
      expect(told.has(`${level}/${index}`)).toBe(false)
      told.set(`${level}/${index}`, hex(hash))
    }
    const frontier = Frontier.empty(crypto)
    for (const leaf of all) frontier.append(leafHash(crypto, leaf), onNode)
    const source = nodesOf(all)
    const expected = new Map<string, string>()
    for (let level = 0; 2 ** level <= 37; level += 1) {
      for (let i = 0; (i + 1) * 2 ** level <= 37; i += 1) {
        expected.set(`${level}/${i}`, hex(source(level, i)))
      }
    }
    expect(told).toEqual(expected)
  })

  test('a copy does not change with the one it was made of', () => {
    const frontier = Frontier.empty(crypto)
    for (const leaf of someLeaves(3)) frontier.append(leafHash(crypto, leaf))
    const copy = Frontier.from(crypto, 3, frontier.hashes)
    frontier.append(leafHash(crypto, leaves[0]!))
    expect(hex(copy.root())).toBe(hex(treeHash(someLeaves(3))))
  })

  test('refuses hashes that do not fit the size', () => {
    const hash = new Uint8Array(32)
    for (const [size, hashes] of [
      [1, []],
      [0, [hash]],
      [2, [hash, hash]],
      [3, [hash, hash.slice(1)]],
      [-1, []],
      [1.5, [hash]],
      [2 ** 53, [hash]],
    ] as const) {
      expect(() => Frontier.from(crypto, size, hashes), String(size)).toThrow(RangeError)
    }
  })
})

test('perfectNodes cover a range without gap or overlap, largest first, also at 2^53 - 1', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (size) => {
      let next = 0
      let width = Number.POSITIVE_INFINITY
      for (const { level, index } of perfectNodes(0, size)) {
        expect(index * 2 ** level).toBe(next)
        expect(2 ** level).toBeLessThan(width)
        width = 2 ** level
        next += width
      }
      expect(next).toBe(size)
    }),
  )
  expect(perfectNodes(0, Number.MAX_SAFE_INTEGER)).toHaveLength(53)
})
