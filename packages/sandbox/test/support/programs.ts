import fc from 'fast-check'
import { I32, I64, type ModuleSource, op } from './assemble.js'

// Locals of `main`: 0 and 1 are its parameters, an i32 and an i64; the counters of loops come last.
const LOCALS_32 = [0, 2, 3]
const LOCALS_64 = [1, 4, 5]
const FIRST_COUNTER = 6
const COUNTERS = 8

const PAGES = { min: 1, max: 3 }
const HELPER = 2
const HOST = 0
const TYPES = { main: 0, helper: 1, host: 2 }

type Bytes = readonly number[]

const binary32 = fc.constantFrom(...range(0x46, 0x4f), ...range(0x6a, 0x78))
const binary64 = fc.constantFrom(...range(0x7c, 0x8a))
const compare64 = fc.constantFrom(...range(0x51, 0x5a))
const unary32 = fc.constantFrom(0x45, 0x67, 0x68, 0x69, 0xc0, 0xc1)
const unary64 = fc.constantFrom(0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4)
const load32 = fc.constantFrom(0x28, 0x2c, 0x2d, 0x2e, 0x2f)
const load64 = fc.constantFrom(0x29, ...range(0x30, 0x35))
const mask = [...op.i32(0xfff8), 0x71]
const sameDepth = { depthIdentifier: 'program' }

/** `counter`: how many loops are around it. */
type Statement = (counter: number) => Bytes

interface Grammar {
  readonly e32: Bytes
  readonly e64: Bytes
  readonly statement: Statement
  readonly body: Statement
}

/** Statements and expressions that always end: a loop counts down in a local of its own. */
const grammar = fc.letrec<Grammar>((tie) => {
  const e32 = tie('e32') as fc.Arbitrary<Bytes>
  const e64 = tie('e64') as fc.Arbitrary<Bytes>
  const body = tie('body') as fc.Arbitrary<Statement>
  const statement = tie('statement') as fc.Arbitrary<Statement>
  return {
    e32: fc.oneof(
      { ...sameDepth, maxDepth: 4, withCrossShrink: true },
      fc.oneof(
        fc.integer().map((value) => op.i32(value)),
        fc.constantFrom(...LOCALS_32).map((local) => op.get(local)),
        fc.constant([...op.memorySize]),
        fc.constant(op.globalGet(0)),
      ),
      fc.tuple(e32, e32, binary32).map(([a, b, code]) => [...a, ...b, code]),
      fc.tuple(e64, e64, compare64).map(([a, b, code]) => [...a, ...b, code]),
      fc.tuple(e32, unary32).map(([a, code]) => [...a, code]),
      fc.tuple(e64, fc.constantFrom(0x50, 0xa7)).map(([a, code]) => [...a, code]),
      fc.tuple(e32, load32).map(([a, code]) => [...a, ...mask, code, 0, 3]),
      fc.tuple(e32, e32, e32).map(([a, b, c]) => [...a, ...b, ...c, 0x1b]),
      fc
        .tuple(e32, e32, e32)
        .map(([a, b, c]) => [...a, ...op.if(I32), ...b, ...op.else, ...c, ...op.end]),
      fc
        .tuple(e32, e32, e32)
        .map(([a, b, c]) => [
          ...[...op.block(I32), ...a, ...b, ...op.brIf(0)],
          ...[...op.drop, ...c, ...op.end],
        ]),
      fc.tuple(e32).map(([a]) => [...a, ...op.call(HELPER)]),
      fc
        .tuple(e32, fc.integer({ min: 0, max: 2 }))
        .map(([a, index]) => [...a, ...op.i32(index), ...op.callIndirect(TYPES.helper)]),
      fc.integer({ min: 0, max: 2 }).map((pages) => [...op.i32(pages), ...op.memoryGrow]),
    ),
    e64: fc.oneof(
      { ...sameDepth, maxDepth: 4, withCrossShrink: true },
      fc.oneof(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => op.i64(value)),
        fc.constantFrom(...LOCALS_64).map((local) => op.get(local)),
      ),
      fc.tuple(e64, e64, binary64).map(([a, b, code]) => [...a, ...b, code]),
      fc.tuple(e64, unary64).map(([a, code]) => [...a, code]),
      fc.tuple(e32, fc.constantFrom(0xac, 0xad)).map(([a, code]) => [...a, code]),
      fc.tuple(e32, load64).map(([a, code]) => [...a, ...mask, code, 0, 5]),
    ),
    statement: fc.oneof(
      { ...sameDepth, maxDepth: 4, withCrossShrink: true },
      fc
        .tuple(e32, fc.constantFrom(...LOCALS_32))
        .map(([a, local]) => plain([...a, ...op.set(local)])),
      fc
        .tuple(e64, fc.constantFrom(...LOCALS_64))
        .map(([a, local]) => plain([...a, ...op.set(local)])),
      fc.tuple(e32).map(([a]) => plain([...a, ...op.globalSet(0)])),
      fc.tuple(e32, e32).map(([a, b]) => plain([...a, ...mask, ...b, ...op.store(1)])),
      fc.tuple(e32, e64).map(([a, b]) => plain([...a, ...mask, ...b, 0x37, 0, 7])),
      fc.tuple(e32).map(([a]) => plain([...a, ...op.call(HOST)])),
      fc
        .tuple(e32, e32, fc.nat(300), fc.constantFrom(op.memoryFill, op.memoryCopy))
        .map(([a, b, length, bulk]) => plain([...a, ...mask, ...b, ...op.i32(length), ...bulk])),
      fc.tuple(e32, body, body).map(([a, b, c]) => (counter: number) => [
        ...[...a, ...op.if(), ...b(counter)],
        ...[...op.else, ...c(counter), ...op.end],
      ]),
      fc.tuple(e32, body).map(([a, b]) => (counter: number) => [
        ...[...op.block(), ...a, ...op.brIf(0), ...b(counter), ...op.end],
      ]),
      fc.tuple(e32, body, body).map(([a, b, c]) => (counter: number) => [
        ...[...op.block(), ...op.block(), ...a, 0x0e, 1, 0, 1, ...op.end],
        ...[...b(counter), ...op.end, ...c(counter)],
      ]),
      fc.tuple(fc.integer({ min: 1, max: 5 }), body).map(([times, b]) => (counter: number) => {
        if (counter >= COUNTERS) return b(counter)
        const local = FIRST_COUNTER + counter
        return [
          ...[...op.i32(times), ...op.set(local), ...op.loop(), ...b(counter + 1)],
          ...[
            ...op.get(local),
            ...op.i32(1),
            ...op.sub,
            ...op.tee(local),
            ...op.brIf(0),
            ...op.end,
          ],
        ]
      }),
      fc.tuple(e32, e32).map(([a, b]) => plain([...a, ...op.if(), ...b, ...op.return, ...op.end])),
    ),
    body: fc
      .array(statement, { maxLength: 4, depthIdentifier: 'program' })
      .map((statements) => (counter: number) => statements.flatMap((one) => one(counter))),
  }
})

/** A module with one program of the grammar, exported as `main`. */
export const program: fc.Arbitrary<ModuleSource> = fc
  .tuple(grammar.body, grammar.e32)
  .map(([body, result]) => ({
    types: [
      [[I32, I64], [I32]],
      [[I32], [I32]],
      [[I32], []],
    ],
    imports: [['env', 'seen', TYPES.host]],
    functions: [
      {
        type: TYPES.main,
        locals: [
          [2, I32],
          [2, I64],
          [COUNTERS, I32],
        ],
        code: [body(0), result],
      },
      // An odd argument is answered at once, any other by way of a call.
      {
        type: TYPES.helper,
        code: [
          ...[op.get(0), op.i32(1), [0x71], op.if(), op.get(0), op.return, op.end],
          ...[op.get(0), op.i32(3), [0x72], op.call(HELPER + 1)],
        ],
      },
      { type: TYPES.helper, code: [op.get(0), op.i32(0x2545f491), op.mul] },
    ],
    table: [1, 3, 3],
    memory: [1, PAGES.min, PAGES.max],
    globals: [[I32, 1, op.i32(1)]],
    exports: [
      ['main', 0, 1],
      ['memory', 2, 0],
      ['global', 3, 0],
    ],
    elements: [[4, ...op.i32(0), 0x0b, 2, ...op.refFunc(2), 0x0b, ...op.refFunc(3), 0x0b]],
  }))

export const MAX_PAGES: number = PAGES.max

function plain(bytes: Bytes): (counter: number) => Bytes {
  return () => bytes
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
