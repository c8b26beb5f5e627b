import { describe, expect, test } from 'vitest'
import { parseModule } from '../src/wasm/parse-module.js'
import { type Code, FUNCREF, I32, I64, type ModuleSource, op } from './support/assemble.js'
import { MeteredInstance, metered, OutOfFuel, TooDeep } from './support/metered.js'

// What the pass puts there itself: at an entry without and with a frame, at a loop head.
const LEAF = 8
const ENTRY = 8 + 13
const LOOP = 8
const HOST_CALL = 4096
const BULK = 1024

/** `f: (i32) -> i32` with one i32 local, in a module with all that can be charged for. */
const moduleWith = (code: Code, more: Partial<ModuleSource> = {}): ModuleSource => ({
  types: [
    [[I32], [I32]],
    [[], []],
  ],
  imports: [['env', 'host', 1]],
  functions: [
    { type: 0, locals: [[1, I32]], code },
    { type: 1, code: [[0x01], [0x01]] },
  ],
  table: [1, 20, 20],
  memory: [1, 1, 10],
  exports: [
    ['f', 0, 1],
    ['memory', 2, 0],
  ],
  elements: [[1, 0, 3, 2, 2, 2]],
  dataCount: 1,
  data: [[1, 4, 1, 2, 3, 4]],
  ...more,
})

const host = { env: { host: (): void => undefined } }
const fuelOf = (code: Code, argument = 0): number => {
  const instance = new MeteredInstance(metered(moduleWith(code)), host, { maxPages: 10 })
  instance.call('f', argument)
  return instance.fuel
}

describe('what is charged', () => {
  const countdown: Code = [
    op.get(0),
    op.set(1),
    op.loop(),
    ...[op.get(1), op.i32(1), op.sub, op.tee(1), op.brIf(0)],
    op.end,
    op.i32(0),
  ]
  const cases: readonly (readonly [string, Code, number, number])[] = [
    ['each instruction of a body at its entry', [op.i32(1), op.i32(2), op.add], 0, LEAF + 3],
    ['`end` and `else` are not instructions', [op.block(), [0x01], op.end, op.i32(0)], 0, LEAF + 3],
    [
      'both arms of an `if`, whichever runs',
      [op.get(0), op.if(I32), op.i32(1), op.else, [0x01], op.i32(2), op.end],
      0,
      LEAF + 5,
    ],
    [
      'code behind a `return` like any other',
      [op.i32(1), op.return, [0x01], op.i32(2)],
      0,
      LEAF + 4,
    ],
    ['a loop at its head, once an iteration: one', countdown, 1, LEAF + 4 + LOOP + 5],
    [
      'a loop at its head, once an iteration: a thousand',
      countdown,
      1000,
      LEAF + 4 + (LOOP + 5) * 1000,
    ],
    [
      'what a callee charges itself',
      [op.call(2), op.call(2), op.i32(0)],
      0,
      ENTRY + 3 + 2 * (LEAF + 2),
    ],
    [
      'a call through the table like any other',
      [op.i32(0), op.i32(0), op.i32(1), op.tableInit(0), op.i32(0), op.callIndirect(1), op.i32(0)],
      0,
      ENTRY + 7 + BULK + 16 + LEAF + 2,
    ],
    ['a call of the host', [op.call(0), op.i32(0)], 0, ENTRY + 2 + HOST_CALL],
    [
      'memory.fill by its bytes',
      [op.i32(0), op.i32(0), op.i32(5000), op.memoryFill, op.i32(0)],
      0,
      LEAF + BULK + 5005,
    ],
    [
      'memory.copy by its bytes',
      [op.i32(0), op.i32(9), op.i32(700), op.memoryCopy, op.i32(0)],
      0,
      LEAF + BULK + 705,
    ],
    [
      'memory.init by its bytes',
      [op.i32(0), op.i32(0), op.i32(4), op.memoryInit(0), op.i32(0)],
      0,
      LEAF + BULK + 9,
    ],
    [
      'table.init by its elements',
      [op.i32(0), op.i32(0), op.i32(3), op.tableInit(0), op.i32(0)],
      0,
      LEAF + BULK + 5 + 48,
    ],
    [
      'table.copy by its elements',
      [op.i32(0), op.i32(9), op.i32(7), op.tableCopy, op.i32(0)],
      0,
      LEAF + BULK + 5 + 112,
    ],
    [
      'table.fill by its elements',
      [op.i32(0), op.refNull, op.i32(20), op.tableFill, op.i32(0)],
      0,
      LEAF + BULK + 5 + 320,
    ],
    ['memory.grow by its pages', [op.i32(3), op.memoryGrow], 0, LEAF + 2 + HOST_CALL + 3 * 1024],
    [
      'a refused memory.grow as a call of the host',
      [op.i32(10), op.memoryGrow],
      0,
      LEAF + 2 + HOST_CALL,
    ],
    ['memory.grow by nothing likewise', [op.i32(0), op.memoryGrow], 0, LEAF + 2 + HOST_CALL],
  ]
  test.each(cases)('%s', (_name, code, argument, fuel) => {
    expect(fuelOf(code, argument)).toBe(fuel)
  })

  test('a bulk instruction over 4 GiB is out of fuel before the engine looks at it', () => {
    const code = [op.i32(0), op.i32(0), op.i32(-1), op.memoryFill, op.i32(0)]
    const fuel = 0xffff_ffffn
    const run = (limit: bigint) => (): unknown =>
      new MeteredInstance(metered(moduleWith(code)), host, { fuel: limit }).call('f', 0)
    expect(run(fuel)).toThrow(OutOfFuel)
    expect(run(fuel + BigInt(LEAF + BULK + 5))).toThrow(WebAssembly.RuntimeError)
  })

  test('a loop in a loop charges each of them for its own instructions', () => {
    const inner = [op.loop(), op.get(1), op.i32(1), op.sub, op.tee(1), op.brIf(0), op.end]
    const outer = [op.i32(10), op.set(1), ...inner, op.get(0), op.i32(1), op.sub, op.tee(0)]
    const code = [op.loop(), ...outer, op.brIf(0), op.end, op.i32(0)]
    // Two outside, eight a round of the outer loop, five for each of ten rounds of the inner one.
    expect(fuelOf(code, 4)).toBe(LEAF + 2 + 4 * (LOOP + 8 + 10 * (LOOP + 5)))
  })

  test('a start function runs on fuel that nobody has set yet', () => {
    const spin = { type: 1, code: [op.loop(), op.br(0), op.end] }
    const source = moduleWith([op.i32(0)])
    const functions = [...source.functions!, spin]
    const bytes = metered({ ...source, functions, start: 3 })
    expect(() => new MeteredInstance(bytes, host, { fuel: 1_000_000n })).toThrow(OutOfFuel)
  })
})

describe('the memory limit in the metered module', () => {
  const limitsOf = (memory: readonly number[], cap: number): unknown =>
    parseModule(metered({ types: [[[], []]], memory }, cap)).memory

  test('is the cap where the module declares none', () => {
    expect(limitsOf([0, 2], 16)).toEqual({ min: 2, max: 16 })
  })

  test('is what the module declares where that is less', () => {
    expect(limitsOf([1, 2, 8], 16)).toEqual({ min: 2, max: 8 })
  })

  test('is the cap where the module declares more', () => {
    expect(limitsOf([1, 2, 17], 16)).toEqual({ min: 2, max: 16 })
  })

  test('holds in the engine even when the meter allows more', () => {
    const source = moduleWith([op.get(0), op.memoryGrow], { memory: [0, 1] })
    const instance = new MeteredInstance(metered(source, 4), host)
    expect(instance.call('f', 3)).toBe(1)
    expect(() => instance.call('f', 1)).toThrow('the engine has no memory')
  })
})

describe('call depth', () => {
  /** Counts its calls in a global, and calls itself. */
  const recursion = (locals: number, call: Code): ModuleSource => ({
    types: [[[I32], [I32]]],
    functions: [
      {
        type: 0,
        locals: [[locals, I64]],
        code: [
          ...[op.globalGet(0), op.i32(1), op.add, op.globalSet(0), op.get(0)],
          op.if(I32),
          ...[op.get(0), op.i32(1), op.sub, ...call],
          op.else,
          op.i32(7),
          op.end,
        ],
      },
    ],
    table: [1, 1, 1],
    memory: [0, 1],
    globals: [[I32, 1, op.i32(0)]],
    exports: [
      ['f', 0, 0],
      ['count', 3, 0],
      ['memory', 2, 0],
    ],
    elements: [[0, ...op.i32(0), 0x0b, 1, 0]],
  })
  const direct: Code = [op.call(0)]
  const indirect: Code = [op.i32(0), op.callIndirect(0)]

  test.each([
    // A frame is its parameters, its locals, its operands at their highest, and 16.
    ['small frames', 0, direct, Math.floor(65_536 / (1 + 2 + 16))],
    ['frames of a hundred locals', 100, direct, Math.floor(65_536 / (1 + 100 + 2 + 16))],
    ['the largest frames', 4000, direct, Math.floor(65_536 / (1 + 4000 + 2 + 16))],
    ['calls through the table', 0, indirect, Math.floor(65_536 / (1 + 2 + 16))],
  ])('ends at the same call every time: %s', (_name, locals, call, calls) => {
    for (let run = 0; run < 3; run += 1) {
      const instance = new MeteredInstance(metered(recursion(locals, call)))
      // A warm function is compiled anew with other frames, and must not be able to go deeper.
      for (let n = 0; n < 300 * run; n += 1) expect(instance.call('f', 10)).toBe(7)
      const before = Number(instance.value('count'))
      expect(() => instance.call('f', -1)).toThrow(TooDeep)
      expect(Number(instance.value('count')) - before).toBe(calls)
    }
  })

  test('counts the operands of an `else` behind an arm that returns', () => {
    const operands = new Array<Code>(30).fill([op.i32(0)]).flat()
    const sums = new Array<Code>(30).fill([op.add]).flat()
    const code: Code = [
      ...[op.globalGet(0), op.i32(1), op.add, op.globalSet(0), op.get(0), op.eqz],
      ...[op.if(I32), op.i32(7), op.return, op.else],
      ...[...operands, op.get(0), op.call(0), ...sums, op.end],
    ]
    const source = recursion(0, direct)
    const functions = [{ type: 0, code }]
    const instance = new MeteredInstance(metered({ ...source, functions }))
    expect(() => instance.call('f', 1)).toThrow(TooDeep)
    expect(instance.value('count')).toBe(Math.floor(65_536 / (1 + 31 + 16)))
  })

  test('is given back by every way out of a function', () => {
    const leaving: Code = [
      ...[op.get(0), op.i32(1), op.eq, op.if(), op.i32(5), op.return, op.end],
      ...[op.block(), op.get(0), op.brIf(0), op.i32(6), op.br(1), op.end],
      ...[op.call(2), op.i32(8)],
    ]
    const instance = new MeteredInstance(metered(moduleWith(leaving)), host)
    for (let n = 0; n < 20_000; n += 1) {
      expect(instance.call('f', 1)).toBe(5)
      expect(instance.call('f', 0)).toBe(6)
      expect(instance.call('f', 2)).toBe(8)
    }
  })

  test('functions with several results and none are wrapped like the others', () => {
    const source: ModuleSource = {
      types: [
        [[], [I32, I64]],
        [[], []],
      ],
      functions: [
        { type: 0, code: [op.call(1), op.i32(3), op.i64(4), op.return] },
        { type: 1, code: [op.call(2), op.return] },
        { type: 1, code: [] },
      ],
      memory: [0, 1],
      exports: [['f', 0, 0]],
    }
    const instance = new MeteredInstance(metered(source))
    expect(instance.call('f')).toEqual([3, 4n])
  })
})

test('what a module exports and refers to still means the same functions', () => {
  const source: ModuleSource = {
    types: [
      [[], []],
      [[], [I32]],
      [[I32], [I32]],
    ],
    imports: [['env', 'host', 0]],
    functions: [
      { type: 1, code: [op.i32(11)] },
      { type: 1, code: [op.i32(22)] },
      { type: 2, code: [op.get(0), op.callIndirect(1)] },
      { type: 1, code: [op.call(2), op.i32(100), op.add] },
    ],
    table: [1, 4, 4],
    memory: [0, 1],
    globals: [[FUNCREF, 0, op.refFunc(2)]],
    exports: [
      ['through', 0, 3],
      ['direct', 0, 4],
    ],
    elements: [
      [0, ...op.i32(0), 0x0b, 2, 2, 1],
      [4, ...op.i32(2), 0x0b, 1, ...op.refFunc(1), 0x0b],
    ],
  }
  const instance = new MeteredInstance(metered(source), host)
  const through = [0, 1, 2].map((index) => instance.call('through', index))
  expect([...through, instance.call('direct')]).toEqual([22, 11, 11, 122])
  expect(() => instance.call('through', 3)).toThrow(WebAssembly.RuntimeError)
})

test('the same bytes give the same metered bytes', () => {
  const source = moduleWith([op.call(2), op.i32(0)])
  expect(metered(source)).toEqual(metered(source))
})
