import { canonicalize, type Json, type JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  commitmentsIn,
  encodeLeaf,
  LEAF_TYPES,
  type Leaf,
  LeafError,
  leafColumns,
  MAX_LEAF_BYTES,
  parseLeaf,
} from '../src/index.js'
import { utf8 } from './fixtures.js'

const leaf: Leaf = {
  v: 1,
  type: 'decision',
  log: 'gate.example.com/prod',
  id: '019b7700-0000-7000-8000-00000000000b',
  time: '2026-01-01T00:00:00.000Z',
  gate: 'g-1',
  body: { trace_id: 't-1', session_seq: 3, detail: 'ä€😀', list: [1, null, true, { a: '' }] },
}

const text = (value: unknown): string => canonicalize(value as Json)

const wellFormed = fc.string({ unit: 'binary' }).map((one) => one.toWellFormed())
const values = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    wellFormed,
    fc.boolean(),
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(wellFormed, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ) as fc.Arbitrary<Json>,
})).value
const bodies = fc.dictionary(wellFormed, values, { maxKeys: 6, noNullPrototype: true })
const leaves = fc.record({
  v: fc.constant(1 as const),
  type: fc.constantFrom(...LEAF_TYPES),
  log: wellFormed.filter((one) => one !== ''),
  id: wellFormed.filter((one) => one !== ''),
  time: fc
    .date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  gate: wellFormed.filter((one) => one !== ''),
  body: bodies,
}) as fc.Arbitrary<Leaf>

describe('a leaf', () => {
  test('is the JCS form of its seven members', () => {
    expect(Buffer.from(encodeLeaf(leaf)).toString()).toBe(
      '{"body":{"detail":"ä€😀","list":[1,null,true,{"a":""}],"session_seq":3,"trace_id":"t-1"},' +
        '"gate":"g-1","id":"019b7700-0000-7000-8000-00000000000b","log":"gate.example.com/prod",' +
        '"time":"2026-01-01T00:00:00.000Z","type":"decision","v":1}',
    )
  })

  test('is read back as it was, whatever its body holds', () => {
    fc.assert(
      fc.property(leaves, (one) => {
        const bytes = encodeLeaf(one)
        // -0 is 0 in JCS.
        expect(text(parseLeaf(bytes))).toBe(text(one))
        expect(encodeLeaf(parseLeaf(bytes))).toEqual(bytes)
      }),
    )
  })

  test('with one byte changed is another leaf or none, never the same', () => {
    const bytes = encodeLeaf(leaf)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = bytes.with(at, bytes[at]! ^ mask)
        let read: Leaf
        try {
          read = parseLeaf(changed)
        } catch (error) {
          expect(error).toBeInstanceOf(LeafError)
          return
        }
        expect(text(read)).not.toBe(text(leaf))
      }),
    )
  })

  const good = text(leaf)
  test.each([
    ['a space', `${good} `],
    ['a space inside', good.replace(',', ', ')],
    ['members in another order', `{"v":1,${good.slice(1, -7)}}`],
    ['an escape that JCS does not use', good.replace('t-1', '\\u0074-1')],
    ['a number in another spelling', good.replace('"session_seq":3', '"session_seq":3.0')],
    ['a number with an exponent', good.replace('"session_seq":3', '"session_seq":3e0')],
    ['minus zero', good.replace('"session_seq":3', '"session_seq":-0')],
    ['a byte order mark', `\ufeff${good}`],
    ['a final newline', `${good}\n`],
  ])('bytes that are not in JCS form are refused: %s', (_name, changed) => {
    expect(JSON.parse(changed.replace('\ufeff', ''))).toBeDefined()
    expect(() => parseLeaf(utf8(changed))).toThrow(LeafError)
  })

  test.each([
    ['a duplicate member', good.replace('"gate"', '"gate":"g","gate"')],
    ['a float', good.replace('"session_seq":3', '"session_seq":3.5')],
    ['2^53', good.replace('"session_seq":3', '"session_seq":9007199254740992')],
    ['a lone surrogate', good.replace('t-1', '\\ud800')],
    ['an unknown member', good.replace('"v":1', '"v":1,"x":1')],
    ['no version', good.replace(',"v":1', '')],
    ['another version', good.replace('"v":1', '"v":2')],
    ['an unknown type', good.replace('"decision"', '"note"')],
    ['an empty id', good.replace(leaf.id, '')],
    ['a time with an offset', good.replace('00.000Z', '00.000+00:00')],
    ['a time without milliseconds', good.replace('00.000Z', '00Z')],
    ['a body that is a list', good.replace(/"body":\{.*\}\]\s*,?/, '"body":[')],
    ['an array', '[]'],
    ['null', 'null'],
    ['nothing', ''],
    ['invalid UTF-8', 'ÿ'],
  ])('refused: %s', (name, changed) => {
    const bytes = name === 'invalid UTF-8' ? Uint8Array.of(0xff) : utf8(changed)
    expect(() => parseLeaf(bytes)).toThrow(LeafError)
  })

  test.each([
    ['a float', { n: 1.5 }],
    ['infinity', { n: Number.POSITIVE_INFINITY }],
    ['not a number', { n: Number.NaN }],
    ['2^53', { n: 2 ** 53 }],
    ['-2^53, deep inside', { a: [{ b: [-(2 ** 53)] }] }],
    ['a lone surrogate', { s: '\ud800' }],
    ['a lone surrogate in a name', { '\udfff': 1 }],
  ])('not written: %s', (_name, body) => {
    expect(() => encodeLeaf({ ...leaf, body })).toThrow(LeafError)
  })

  test('the error names the number that is unsafe', () => {
    expect(() => encodeLeaf({ ...leaf, body: { a: [{ b: 0.5 }] } })).toThrow(
      '/body/a/0/b: 0.5 is no safe integer',
    )
  })

  test('of 16 KiB is written and read; one byte more is neither', () => {
    const rest = encodeLeaf({ ...leaf, body: { s: '' } }).length
    const full = { ...leaf, body: { s: 'x'.repeat(MAX_LEAF_BYTES - rest) } }
    const bytes = encodeLeaf(full)
    expect(bytes).toHaveLength(16_384)
    expect(parseLeaf(bytes)).toEqual(full)
    const over = { ...leaf, body: { s: `${full.body.s}x` } }
    expect(() => encodeLeaf(over)).toThrow('16385 bytes are more than the 16384 of a leaf')
    expect(() => parseLeaf(utf8(text(over)))).toThrow(LeafError)
    const wide = { ...leaf, body: { s: 'ä'.repeat((MAX_LEAF_BYTES - rest) / 2 + 1) } }
    expect(() => encodeLeaf(wide)).toThrow(LeafError)
  })
})

describe('columns', () => {
  test('come from envelope and body; what is no text or number is null', () => {
    expect(leafColumns(leaf)).toEqual({
      type: 'decision',
      id: leaf.id,
      time: leaf.time,
      trace_id: 't-1',
      session_id: null,
      session_seq: 3,
      principal: null,
      action_id: null,
      decision: null,
    })
    const body: JsonObject = {
      session_id: 's',
      session_seq: '3',
      principal: 1,
      action_id: 'a',
      decision: 'deny',
      trace_id: ['t'],
    }
    expect(leafColumns({ ...leaf, body })).toMatchObject({
      session_id: 's',
      session_seq: null,
      principal: null,
      action_id: 'a',
      decision: 'deny',
      trace_id: null,
    })
  })
})

test('commitments are found wherever they stand, and nothing else is taken for one', () => {
  const one = { hash: 'a'.repeat(64), bytes: 1 }
  const two = { hash: 'b'.repeat(64), bytes: 0 }
  const body = {
    arguments: one,
    list: [two],
    more: { hash: 'a'.repeat(64), bytes: 1, extra: 1 },
    upper: { hash: 'A'.repeat(64), bytes: 1 },
    short: { hash: 'a', bytes: 1 },
    text: { hash: 'a'.repeat(64), bytes: '1' },
  }
  expect(commitmentsIn(body)).toEqual([one, two])
  expect(commitmentsIn('x')).toEqual([])
  expect(commitmentsIn(null)).toEqual([])
})
