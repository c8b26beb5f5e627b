import oracle from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalBytes,
  canonicalize,
  decodeHex,
  encodeHex,
  type Json,
  parseJson,
} from '../src/index.js'
import { digest, digestBytes, sha256Hex } from '../src/node/index.js'
import { loadVectors } from './vectors.js'

interface Vectors {
  readonly published: readonly {
    readonly name: string
    readonly input: string
    readonly canonical: string
    readonly utf8: string
  }[]
  readonly numbers: readonly {
    readonly text: string
    readonly canonical: string
    readonly sha256_of_n: string
  }[]
  readonly ieee754: readonly { readonly hex: string; readonly canonical: string }[]
  readonly digests: readonly { readonly canonical: string; readonly digest: string }[]
}

const vectors = loadVectors<Vectors>('jcs')

describe('vectors', () => {
  test.each(vectors.published)('$name', ({ input, canonical, utf8 }) => {
    const value = parseJson(input)
    expect(canonicalize(value)).toBe(canonical)
    expect(encodeHex(canonicalBytes(value))).toBe(utf8)
  })

  test.each(vectors.numbers)('the number $text is $canonical', (vector) => {
    const value = JSON.parse(vector.text) as number
    expect(canonicalize(value)).toBe(vector.canonical)
    expect(sha256Hex(canonicalBytes({ n: value }))).toBe(vector.sha256_of_n)
  })

  test.each(vectors.ieee754)('RFC 8785 appendix B: $hex is $canonical', ({ hex, canonical }) => {
    const bytes = decodeHex(hex) ?? new Uint8Array()
    const value = new DataView(bytes.buffer).getFloat64(0)
    expect(canonicalize(value)).toBe(canonical)
  })

  test.each(vectors.digests)('$canonical has its published digest', (vector) => {
    const value = parseJson(vector.canonical)
    expect(canonicalize(value)).toBe(vector.canonical)
    expect(digest(value)).toBe(vector.digest)
    expect(digestBytes(canonicalBytes(value))).toBe(vector.digest)
  })
})

describe('properties', () => {
  const json = fc.jsonValue({ depthSize: 'large', stringUnit: 'binary' })

  test('it agrees with another implementation', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalize(value as Json)).toBe(oracle(value))
      }),
      { numRuns: 1000 },
    )
  })

  test('it agrees with another implementation about every number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(canonicalize(value)).toBe(oracle(value))
        expect(Object.is(Number(canonicalize(value)), value === 0 ? 0 : value)).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })

  test('the canonical form is a fixed point, and means the same', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalize(value as Json)
        // An integer beyond 2^53 is written, and refused by the strict reader.
        fc.pre(!/[0-9]{16}/.test(text))
        expect(canonicalize(parseJson(text, { maxDepth: 512 }))).toBe(text)
      }),
      { numRuns: 500 },
    )
  })

  test('the order in which members were set does not show', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (members) => {
        const reversed = Object.fromEntries(Object.entries(members).reverse())
        expect(canonicalize(reversed)).toBe(canonicalize(members))
      }),
    )
  })
})

describe('what has no canonical form', () => {
  const cases: Readonly<Record<string, unknown>> = {
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    '-Infinity inside': { a: [Number.NEGATIVE_INFINITY] },
    undefined: undefined,
    'an undefined member': { a: undefined },
    'a hole': Object.assign([], { length: 1 }),
    'a bigint': 1n,
    'a function': () => 1,
    'a symbol': Symbol('s'),
    'half of a pair': '\ud800',
    'the halves in the wrong order': '\udc00\ud800',
    'a member name with half of a pair': { 'a\udfff': 1 },
    'a Date': new Date(0),
    'a Map': new Map([['a', 1]]),
    bytes: new Uint8Array([1]),
    'a boxed string': new Object('x'),
    'an instance': new (class A {
      a = 1
    })(),
  }

  test.each(Object.entries(cases))('%s is a TypeError', (_name, value) => {
    expect(() => canonicalize(value as Json)).toThrow(TypeError)
    expect(() => canonicalize([{ x: value as Json }])).toThrow(TypeError)
  })

  test('objects without prototype are plain', () => {
    const bare = Object.assign(Object.create(null) as Record<string, Json>, { b: 1, a: 2 })
    expect(canonicalize(bare)).toBe('{"a":2,"b":1}')
  })

  test('toJSON is not called', () => {
    const value = { a: 1, toJSON: 'not a function' }
    expect(canonicalize(value)).toBe('{"a":1,"toJSON":"not a function"}')
  })
})
