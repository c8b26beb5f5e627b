import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backOffMs, GateHealth } from '../src/serve/gate-health.js'

test('the pauses are 1, 2, 4, 8, 16 and then 30 s, a quarter more or less, never below 1 s', () => {
  const middle = [1, 2, 3, 4, 5, 6, 7, 1000].map((attempt) => backOffMs(attempt, 0.5))
  expect(middle).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  expect([backOffMs(5, 0), backOffMs(5, 1)]).toEqual([12_000, 20_000])
  expect([backOffMs(2, 0), backOffMs(2, 1)]).toEqual([1000, 3000])
  fc.assert(
    fc.property(fc.integer({ min: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, random) => {
      const pause = backOffMs(n, random)
      return pause >= 1000 && pause <= 37_500
    }),
  )
})

function watched(): { readonly health: GateHealth; pass(ms: number): void } {
  let now = 0
  const health = new GateHealth(
    () => now,
    () => 0.5,
  )
  return {
    health,
    pass: (ms) => {
      now += ms
    },
  }
}

test('each failure at its time makes the next pause longer, and an answer ends them all', () => {
  const { health, pass } = watched()
  const pauses: number[] = []
  for (let attempt = 0; attempt < 4; attempt += 1) {
    health.failed('no gate')
    pauses.push(health.waitMs)
    pass(health.waitMs)
    expect([health.waitMs, health.isAway]).toEqual([0, true])
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000])
  health.answered()
  expect([health.isAway, health.isHealthy, health.waitMs]).toEqual([false, true, 0])
  health.failed('no gate')
  expect(health.waitMs).toBe(1000)
})

test('requests that fail together are one failure', () => {
  const { health, pass } = watched()
  for (let request = 0; request < 50; request += 1) health.failed('no gate')
  expect(health.waitMs).toBe(1000)
  pass(400)
  health.failed('still no gate')
  expect([health.waitMs, health.reason]).toEqual([600, 'still no gate'])
})

test('a gate that was not asked yet is not said to be healthy, and is asked', () => {
  const { health } = watched()
  expect([health.isHealthy, health.isAway, health.waitMs]).toEqual([false, false, 0])
})
