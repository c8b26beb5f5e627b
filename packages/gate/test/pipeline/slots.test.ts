import fc from 'fast-check'
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

test('one with a thousand waiting calls does not keep one with two from its turn', async () => {
  const slots = new ExecutionSlots(limits(500, 500, 60_000))
  const free = await Promise.all(Array.from({ length: 500 }, () => slots.acquire('running')))
  const order: string[] = []
  const wait = (principal: string): Promise<void> =>
    slots.acquire(principal).then((release) => {
      order.push(principal)
      release()
    })
  const waits = [...Array.from({ length: 1000 }, () => wait('many')), wait('few'), wait('few')]
  for (const release of free) release()
  await Promise.all(waits)
  expect(order.indexOf('few')).toBeLessThanOrEqual(1)
  expect(order.lastIndexOf('few')).toBeLessThanOrEqual(4)
})

test('a principal at its share does not block the others that wait behind it', async () => {
  const slots = new ExecutionSlots(limits(2, 1, 60_000))
  await slots.acquire('a')
  const blocked = slots.acquire('a')
  const release = await slots.acquire('b')
  const next = slots.acquire('c')
  release()
  await expect(next).resolves.toBeTypeOf('function')
  expect(slots.inFlight).toBe(2)
  void blocked
})

test('a slot that frees up goes to whoever waited, not to whoever comes just then', async () => {
  const slots = new ExecutionSlots(limits(1, 1, 60_000))
  const release = await slots.acquire('a')
  const order: string[] = []
  const waiting = slots.acquire('b').then((free) => {
    order.push('b')
    free()
  })
  release()
  const late = slots.acquire('c').then((free) => {
    order.push('c')
    free()
  })
  await Promise.all([waiting, late])
  expect(order).toEqual(['b', 'c'])
})

test('in any order of taking and freeing no limit is passed, and no free slot is left while one waits', async () => {
  const step = fc.record({ principal: fc.constantFrom('a', 'b', 'c'), frees: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const slots = new ExecutionSlots(limits(3, 2, 60_000))
      const held = new Map<string, (() => void)[]>([
        ['a', []],
        ['b', []],
        ['c', []],
      ])
      const waiting = new Map<string, number>([
        ['a', 0],
        ['b', 0],
        ['c', 0],
      ])
      const count = (): number => [...held.values()].reduce((sum, list) => sum + list.length, 0)
      for (const { principal, frees } of steps) {
        const list = held.get(principal) ?? []
        if (frees) list.shift()?.()
        else if ((waiting.get(principal) ?? 0) + count() < 12) {
          waiting.set(principal, (waiting.get(principal) ?? 0) + 1)
          void slots.acquire(principal).then((release) => {
            waiting.set(principal, (waiting.get(principal) ?? 0) - 1)
            list.push(release)
          })
        }
        await new Promise((resolve) => setImmediate(resolve))
        expect(slots.inFlight).toBe(count())
        expect(count()).toBeLessThanOrEqual(3)
        for (const [name, releases] of held) {
          expect(releases.length).toBeLessThanOrEqual(2)
          const couldRun = releases.length < 2 && count() < 3
          if (couldRun) expect(waiting.get(name), `${name} waits for nothing`).toBe(0)
        }
      }
      // Let everybody go, so that no timer outlives the test.
      for (let round = 0; round < 40; round += 1) {
        for (const list of held.values()) list.shift()?.()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }),
    { numRuns: 40 },
  )
})

test('who fills the queue keeps nobody out: each newcomer takes the place of its newest waiter', async () => {
  const slots = new ExecutionSlots(limits(2, 2, 60_000))
  const running = await Promise.all([slots.acquire('many'), slots.acquire('many')])
  const order: string[] = []
  const refused: string[] = []
  const wait = async (principal: string, name: string): Promise<void> => {
    try {
      const release = await slots.acquire(principal)
      order.push(name)
      release()
    } catch (error) {
      if (!(error instanceof Overloaded)) throw error
      refused.push(name)
    }
  }
  const waits = Array.from({ length: 8 }, (_, at) => wait('many', `many-${at}`))
  waits.push(wait('few', 'few-0'), wait('few', 'few-1'), wait('other', 'other-0'))
  await new Promise((resolve) => setImmediate(resolve))
  expect(refused, 'newest first').toEqual(['many-7', 'many-6', 'many-5'])
  for (const release of running) release()
  await Promise.all(waits)
  expect(order).toEqual([
    'many-0',
    'few-0',
    'other-0',
    'many-1',
    'few-1',
    'many-2',
    'many-3',
    'many-4',
  ])
  expect(slots.inFlight).toBe(0)
})

test('in a full queue equal shares are final: a newcomer with as many waiters is refused itself', async () => {
  const slots = new ExecutionSlots(limits(1, 1, 60_000))
  const release = await slots.acquire('a')
  const waits = ['a', 'a', 'b', 'b'].map((name) => slots.acquire(name).then((free) => free()))
  for (const name of ['a', 'b']) {
    await expect(slots.acquire(name)).rejects.toBeInstanceOf(Overloaded)
  }
  // One more of its own would only be exchanged for another.
  release()
  await Promise.all(waits)
  expect(slots.inFlight).toBe(0)
})

test('whatever comes: the queue stays bounded, and one who is refused waits with as many as the longest, or one less', async () => {
  const arrivals = fc.array(fc.constantFrom('a', 'a', 'a', 'b', 'c', 'd'), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(arrivals, async (principals) => {
      const slots = new ExecutionSlots(limits(2, 2, 60_000))
      const running = await Promise.all([slots.acquire('x'), slots.acquire('x')])
      const waiting = new Map<string, number>(['a', 'b', 'c', 'd'].map((name) => [name, 0]))
      const countOf = (name: string): number => waiting.get(name) ?? 0
      const ends: Promise<void>[] = []
      for (const [at, principal] of principals.entries()) {
        const longest = Math.max(...waiting.values())
        let refused: number[] = []
        waiting.set(principal, countOf(principal) + 1)
        const leave = (): void => void waiting.set(principal, countOf(principal) - 1)
        ends.push(
          slots.acquire(principal).then(
            (release) => {
              leave()
              release()
            },
            () => {
              leave()
              refused = [...refused, at]
            },
          ),
        )
        await new Promise((resolve) => setImmediate(resolve))
        expect([...waiting.values()].reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(8)
        if (refused.includes(at)) expect(longest - countOf(principal)).toBeLessThanOrEqual(1)
        // Nobody who was not there with the most has lost a place.
        else expect(Math.max(...waiting.values())).toBeGreaterThanOrEqual(longest - 1)
      }
      for (const release of running) release()
      await Promise.all(ends)
      expect([...waiting.values()]).toEqual([0, 0, 0, 0])
      expect(slots.inFlight).toBe(0)
    }),
    { numRuns: 60 },
  )
})
