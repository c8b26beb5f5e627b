import { expect, test } from 'vitest'
import { ExecutionSlots, Overloaded } from '../../src/pipeline/slots.js'

const limits = (total: number, each: number, queue = 1000) => ({
  max_in_flight: total,
  max_in_flight_per_principal: each,
  queue_ms: queue,
})

test('no principal holds more than its share', async () => {
  const slots = new ExecutionSlots(limits(10, 2, 20))
  await slots.acquire('a')
  await slots.acquire('a')
  await expect(slots.acquire('a')).rejects.toBeInstanceOf(Overloaded)
  await expect(slots.acquire('b')).resolves.toBeTypeOf('function')
  expect(slots.inFlight).toBe(3)
})

test('a freed slot goes to a waiter, and releasing twice frees one slot', async () => {
  const slots = new ExecutionSlots(limits(1, 1))
  const release = await slots.acquire('a')
  const waiting = slots.acquire('b')
  release()
  release()
  const second = await waiting
  expect(slots.inFlight).toBe(1)
  second()
  expect(slots.inFlight).toBe(0)
})

test('freed slots go round the waiting principals', async () => {
  const slots = new ExecutionSlots(limits(1, 1))
  const order: string[] = []
  let release = await slots.acquire('x')
  const waiters = ['a', 'a', 'a', 'b'].map(async (principal) => {
    const free = await slots.acquire(principal)
    order.push(principal)
    free()
  })
  release()
  await Promise.all(waiters)
  release = await slots.acquire('x')
  release()
  expect(order).toEqual(['a', 'b', 'a', 'a'])
})

test('a wait ends in time, and leaves nothing behind', async () => {
  const slots = new ExecutionSlots(limits(1, 1, 10))
  const release = await slots.acquire('a')
  await expect(slots.acquire('b')).rejects.toBeInstanceOf(Overloaded)
  release()
  expect(slots.inFlight).toBe(0)
  await expect(slots.acquire('c')).resolves.toBeTypeOf('function')
})

test('the queue is bounded', async () => {
  const slots = new ExecutionSlots(limits(1, 1, 50))
  await slots.acquire('a')
  const waits = Array.from({ length: 10 }, () =>
    slots.acquire('b').catch((error: unknown) => error),
  )
  const results = await Promise.all(waits)
  expect(results.every((one) => one instanceof Overloaded)).toBe(true)
})
