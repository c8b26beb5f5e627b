import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReplayMemory } from '../../src/state/memory/replay-memory.js'
import { TokenBuckets } from '../../src/state/memory/token-buckets.js'

const proof = (jti: string, jkt = 'k', owner = 'p', forgetAfter = 1000) => ({
  jkt,
  jti,
  owner,
  forgetAfter,
})

test('a proof is fresh once, until it is too old to be accepted anyway', () => {
  const memory = new ReplayMemory()
  expect(memory.remember(proof('a'), 0)).toBe('fresh')
  expect(memory.remember(proof('a'), 1000)).toBe('replayed')
  expect(memory.remember(proof('a', 'k', 'p', 3000), 1001)).toBe('fresh')
})

test('two keys may use one identifier: nobody can use up the identifiers of another', () => {
  const memory = new ReplayMemory()
  expect(memory.remember(proof('a', 'k1'), 0)).toBe('fresh')
  expect(memory.remember(proof('a', 'k2'), 0)).toBe('fresh')
})

test('one owner fills its own share, and the others go on', () => {
  const memory = new ReplayMemory(10, 3)
  for (const jti of ['a', 'b', 'c']) expect(memory.remember(proof(jti), 0)).toBe('fresh')
  expect(memory.remember(proof('d'), 0)).toBe('full')
  expect(memory.remember(proof('d', 'k', 'other'), 0)).toBe('fresh')
})

test('a full memory refuses, and frees itself with time', () => {
  const memory = new ReplayMemory(2, 2)
  memory.remember(proof('a', 'k', 'p', 10_000), 0)
  memory.remember(proof('b', 'k', 'p', 5000), 0)
  expect(memory.remember(proof('c', 'k', 'p', 100_000), 4000)).toBe('full')
  expect(memory.remember(proof('c', 'k', 'p', 100_000), 6000)).toBe('fresh')
})

test('a full memory is searched for room once a second, not for every call that it refuses', () => {
  const memory = new ReplayMemory(2, 2)
  memory.remember(proof('a', 'k', 'p', 10_000), 0)
  memory.remember(proof('b', 'k', 'p', 400), 0)
  expect(memory.remember(proof('c', 'k', 'p', 10_000), 100)).toBe('full')
  // `b` has expired behind `a`: only a walk over everything finds it.
  expect(memory.remember(proof('c', 'k', 'p', 10_000), 500)).toBe('full')
  expect(memory.remember(proof('c', 'k', 'p', 10_000), 1100)).toBe('fresh')
})

test('whatever the order of proofs, no live identifier is fresh twice', () => {
  const use = fc.record({ jti: fc.nat(8), jkt: fc.nat(2), at: fc.nat(400) })
  fc.assert(
    fc.property(fc.array(use, { maxLength: 80 }), (uses) => {
      const memory = new ReplayMemory(20, 12)
      const accepted = new Map<string, number>()
      let now = 0
      for (const { jti, jkt, at } of uses) {
        now = Math.max(now, at)
        const given = proof(String(jti), String(jkt), 'p', now + 100)
        const verdict = memory.remember(given, now)
        const before = accepted.get(`${jkt} ${jti}`)
        if (verdict === 'fresh') {
          expect(before === undefined || before < now).toBe(true)
          accepted.set(`${jkt} ${jti}`, now + 100)
        }
        expect(memory.size).toBeLessThanOrEqual(20)
      }
    }),
  )
})

test('a bucket grants its rate at once and then refills with time', () => {
  const buckets = new TokenBuckets()
  const taken = (nowMs: number): number => {
    let count = 0
    while (buckets.take('a', 5, nowMs)) count += 1
    return count
  }
  expect(taken(0)).toBe(5)
  expect(taken(199)).toBe(0)
  expect(taken(400)).toBe(2)
  expect(taken(60_000)).toBe(5)
})

test('a rate of zero refuses everything, and a clock that goes back grants nothing', () => {
  const buckets = new TokenBuckets()
  expect(buckets.take('a', 0, 0)).toBe(false)
  expect(buckets.take('b', 1, 10_000)).toBe(true)
  expect(buckets.take('b', 1, 0)).toBe(false)
})

test('buckets that have refilled are dropped: names from outside do not fill the memory', () => {
  const buckets = new TokenBuckets()
  for (let i = 0; i < 1000; i += 1) buckets.take(`x${i}`, 5, 0)
  buckets.take('y', 5, 20_000)
  expect(buckets.size).toBe(1)
})

test('a token that is given back can be taken again, and never more than the rate', () => {
  const buckets = new TokenBuckets()
  buckets.take('a', 1, 0)
  buckets.giveBack('a')
  buckets.giveBack('a')
  expect(buckets.take('a', 1, 0)).toBe(true)
  expect(buckets.take('a', 1, 0)).toBe(false)
})
