import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assemble, type ModuleSource } from './support/assemble.js'
import { MeteredInstance, metered, OutOfFuel } from './support/metered.js'
import { MAX_PAGES, program } from './support/programs.js'

const runs = process.env['SLOW'] === '1' ? 20_000 : 1_500

interface Observation {
  readonly result: unknown
  readonly seen: readonly number[]
  readonly memory: string
  readonly global: unknown
}

type Arguments = readonly [number, bigint]

const argumentsOf = fc.tuple(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))

/** What a program did, as far as anybody outside it can tell. */
function observe(
  seen: readonly number[],
  memory: Uint8Array,
  global: unknown,
  run: () => unknown,
): Observation {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error
    result = `trap: ${error.message}`
  }
  return { result, seen, memory: Buffer.from(memory).toString('latin1'), global }
}

function original(source: ModuleSource, args: Arguments): Observation {
  const seen: number[] = []
  const env = { seen: (value: number): number => seen.push(value) }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble(source)), { env })
  const main = exports['main'] as (...args: Arguments) => number
  const memory = exports['memory'] as WebAssembly.Memory
  const done = observe(seen, new Uint8Array(), null, () => main(...args))
  const global = (exports['global'] as { value: number }).value
  return { ...done, memory: Buffer.from(memory.buffer).toString('latin1'), global }
}

function afterMetering(
  bytes: Uint8Array<ArrayBuffer>,
  args: Arguments,
  fuel = 1_000_000_000n,
): { readonly observed: Observation; readonly fuel: number } {
  const seen: number[] = []
  const env = { seen: (value: number): number => seen.push(value) }
  const instance = new MeteredInstance(bytes, { env }, { fuel, maxPages: MAX_PAGES })
  const done = observe(seen, new Uint8Array(), null, () => instance.call('main', ...args))
  const memory = Buffer.from(instance.memory).toString('latin1')
  return { observed: { ...done, memory, global: instance.value('global') }, fuel: instance.fuel }
}

test('a metered program does what it did before, for the same fuel every time, and for no less', () => {
  let traps = 0
  let loops = 0
  fc.assert(
    fc.property(program, argumentsOf, (source, args) => {
      const bytes = metered(source)
      expect(WebAssembly.validate(bytes)).toBe(true)
      const before = original(source, args)
      const first = afterMetering(bytes, args)
      expect(first.observed).toEqual(before)
      expect(afterMetering(bytes, args)).toEqual(first)
      expect(afterMetering(bytes, args, BigInt(first.fuel)).fuel).toBe(first.fuel)
      if (first.fuel > 0) {
        const less = BigInt(first.fuel) - 1n
        expect(() => afterMetering(bytes, args, less)).toThrow(OutOfFuel)
      }
      if (typeof before.result === 'string') traps += 1
      if (first.fuel > 10_000) loops += 1
    }),
    { numRuns: runs },
  )
  // The generator makes programs of all kinds, or the property would say little.
  expect(traps).toBeGreaterThan(runs / 50)
  expect(traps).toBeLessThan(runs * 0.8)
  expect(loops).toBeGreaterThan(runs / 50)
})
