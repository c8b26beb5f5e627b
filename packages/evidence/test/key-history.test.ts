import { describe, expect, test } from 'vitest'
import { KeyHistory, keyAddedBody, type Leaf, type LeafType } from '../src/index.js'
import { bytesOf, loadVectors } from './fixtures.js'

const keys = loadVectors<{ keys: readonly { kid: string; public_key: string }[] }>('receipts').keys
const [first, second] = keys.map((key) => bytesOf(key.public_key))

function leaf(type: LeafType, body: Leaf['body']): Leaf {
  return { v: 1, type, log: 'a', id: 'i', time: '2026-01-01T00:00:00.000Z', gate: 'g', body }
}

const added = (purpose: 'log' | 'receipt', kid: string, publicKey = first!): Leaf =>
  leaf('key_added', keyAddedBody(purpose, { kid, publicKey, addedAt: '2026-01-01' }))

test('a key may sign from the leaf after its own on', () => {
  const history = new KeyHistory()
  expect(history.add(4, added('receipt', 'k'))).toBeNull()
  expect(history.at('receipt', 'k', 4)).toEqual({ problem: 'out_of_range' })
  expect(history.at('receipt', 'k', 3)).toEqual({ problem: 'out_of_range' })
  expect(history.at('receipt', 'k', 5)).toMatchObject({ key: { kid: 'k', fromIndex: 4 } })
  expect(history.at('receipt', 'other', 5)).toEqual({ problem: 'unknown' })
  expect(history.at('log', 'k', 5)).toEqual({ problem: 'unknown' })
})

test('a retired key ends at the leaf that retires it', () => {
  const history = new KeyHistory()
  history.add(0, added('receipt', 'k'))
  expect(history.add(9, leaf('key_retired', { purpose: 'receipt', kid: 'k' }))).toBeNull()
  expect(history.at('receipt', 'k', 8)).toHaveProperty('key')
  expect(history.at('receipt', 'k', 9)).toEqual({ problem: 'out_of_range' })
})

test('a revoked key ends at from_index, which lies before its revocation, and never grows again', () => {
  const history = new KeyHistory()
  history.add(0, added('receipt', 'k'))
  const revoked = (from: number): Leaf =>
    leaf('key_revoked', { purpose: 'receipt', kid: 'k', from_index: from })
  expect(history.add(20, revoked(5))).toBeNull()
  expect(history.at('receipt', 'k', 4)).toHaveProperty('key')
  expect(history.at('receipt', 'k', 5)).toEqual({ problem: 'out_of_range' })
  expect(history.add(21, revoked(15))).toBeNull()
  expect(history.add(22, leaf('key_retired', { purpose: 'receipt', kid: 'k' }))).toBeNull()
  expect(history.at('receipt', 'k', 5)).toEqual({ problem: 'out_of_range' })
})

test('a second key under one kid is refused and the first stays; purposes are apart', () => {
  const history = new KeyHistory()
  history.add(0, added('receipt', 'k', first!))
  expect(history.add(1, added('receipt', 'k', second!))).toBe('the receipt key k was added before')
  expect(history.add(2, added('receipt', 'k', first!))).toBe('the receipt key k was added before')
  expect(history.add(3, added('log', 'k', second!))).toBeNull()
  expect(history.at('receipt', 'k', 9)).toMatchObject({ key: { publicKey: first } })
  expect(history.keys.map((key) => key.purpose)).toEqual(['receipt', 'log'])
})

test('small-order and non-canonical keys are refused at import', () => {
  const history = new KeyHistory()
  for (const bad of [
    '0100000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000080',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ]) {
    expect(history.add(0, added('receipt', bad, bytesOf(bad)))).toMatch(/small order/)
  }
  expect(history.keys).toEqual([])
})

describe('key leaves that say too little', () => {
  const body = keyAddedBody('receipt', { kid: 'k', publicKey: first!, addedAt: 'now' })
  test.each([
    ['key_added', { ...body, purpose: 'other' }, /purpose/],
    ['key_added', { ...body, public_key: 'zz' }, /not an Ed25519 key/],
    ['key_added', { ...body, public_key: '00' }, /not an Ed25519 key/],
    ['key_added', { ...body, kid: 1 }, /kid/],
    ['key_added', { ...body, added_at: null }, /added_at/],
    ['key_retired', { purpose: 'receipt', kid: 'x' }, /no key receipt\/x/],
    ['key_revoked', { purpose: 'receipt', kid: 'k' }, /from_index/],
  ] as const)('%s', (type, given, problem) => {
    expect(new KeyHistory().add(0, leaf(type, given))).toMatch(problem)
  })

  test('other leaves are ignored', () => {
    const history = new KeyHistory()
    expect(history.add(0, leaf('admin', { ...body }))).toBeNull()
    expect(history.keys).toEqual([])
  })
})
