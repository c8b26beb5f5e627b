import { httpApiModule } from '@latchgate/providers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { meterProvider } from '../src/meter-provider.js'
import { ModuleRefused } from '../src/types.js'
import type { WasmModule } from '../src/wasm/module.js'
import { parseModule } from '../src/wasm/parse-module.js'
import { scanFunction } from '../src/wasm/scan-function.js'
import { writeModule } from '../src/wasm/write-module.js'
import {
  assemble,
  type Code,
  FUNCREF,
  HEADER,
  I32,
  I64,
  list,
  type ModuleSource,
  op,
  section,
  sized,
  text,
  unsigned,
} from './support/assemble.js'
import { CALL, HTTP, OWN, provider, RETURN_OK, TYPE } from './support/provider.js'

const ok = provider({ execute: RETURN_OK })
const changed = (change: (source: ModuleSource) => ModuleSource): Uint8Array =>
  provider({ execute: RETURN_OK, change })

/** Nine hundred values: engines allow a thousand. */
const MANY = new Array<number>(900).fill(I32)

/** A module of one function that nothing but the scan can refuse. */
const withCode = (...code: readonly (number | readonly number[])[]): Uint8Array =>
  provider({ execute: [...code, ...RETURN_OK] })

const refusal = (bytes: Uint8Array): string => {
  try {
    meterProvider(bytes, 256)
  } catch (error) {
    if (error instanceof ModuleRefused) return error.message
    throw error
  }
  return 'accepted'
}

test('the module that the refused ones are made from is accepted', () => {
  expect(refusal(ok)).toBe('accepted')
  expect(meterProvider(ok, 256)).toMatchObject({
    imports: ['latchgate:io/http', 'latchgate:io/log'],
    suspends: true,
    minPages: 1,
    maxPages: 4096,
  })
})

describe('refused by the parser, which says why', () => {
  const memory = (...limits: readonly number[]): ModuleSource => ({ memory: limits })
  const table = (...limits: readonly number[]): ModuleSource => ({ memory: [0, 1], table: limits })
  const extra = (id: number, ...content: readonly number[]): ModuleSource => ({
    memory: [0, 1],
    extra: [[id, content]],
  })
  const imported = (kind: number, ...rest: readonly number[]): ModuleSource => ({
    extra: [[2, list([[...text('env'), ...text('x'), kind, ...rest]])]],
  })
  const cases: readonly (readonly [string, ModuleSource, string])[] = [
    ['a shared memory', memory(3, 1, 2), 'a shared or 64-bit memory is not allowed'],
    ['a 64-bit memory', memory(4, 1), 'a shared or 64-bit memory is not allowed'],
    ['a memory of other page size', memory(8, 1, 0), 'a shared or 64-bit memory is not allowed'],
    ['no memory', {}, 'the module defines no memory'],
    [
      'two memories',
      {
        extra: [
          [
            5,
            list([
              [0, 1],
              [0, 1],
            ]),
          ],
        ],
      },
      'the module has several memories',
    ],
    ['an imported memory', imported(2, 0, 1), 'env#x: a memory may not be imported'],
    ['an imported table', imported(1, FUNCREF, 0, 1), 'env#x: a table may not be imported'],
    ['an imported global', imported(3, I32, 0), 'env#x: a global may not be imported'],
    ['an imported tag', imported(4, 0, 0), 'env#x: a thing of kind 4 may not be imported'],
    ['a tag section', extra(13, 0), 'section 13 is not allowed'],
    ['a section of strings', extra(14, 0), 'section 14 is not allowed'],
    ['a section of no standard', extra(200, 0), 'section 200 is not allowed'],
    [
      'a section twice',
      { memory: [0, 1], extra: [[5, [1, 0, 1]]] },
      'the memory section appears twice',
    ],
    [
      'a floating-point parameter',
      { memory: [0, 1], types: [[[0x7d], []]] },
      'value type 0x7d is not allowed',
    ],
    [
      'a vector parameter',
      { memory: [0, 1], types: [[[0x7b], []]] },
      'value type 0x7b is not allowed',
    ],
    [
      'a host reference',
      { memory: [0, 1], types: [[[0x6f], []]] },
      'value type 0x6f is not allowed',
    ],
    ['a recursive type group', extra(1, 1, 0x4e, 0), 'type form 0x4e is not allowed'],
    ['a table of host references', extra(4, 1, 0x6f, 0, 1), 'value type 0x6f is not allowed'],
    ['a shared table', table(3, 1, 2), 'a shared or 64-bit table is not allowed'],
    ['a huge table', table(0, ...unsigned(10_001)), 'a table has 10001 elements, at most 10000'],
    [
      'two tables',
      {
        memory: [0, 1],
        extra: [
          [
            4,
            list([
              [FUNCREF, 0, 1],
              [FUNCREF, 0, 1],
            ]),
          ],
        ],
      },
      'the module has several tables',
    ],
    [
      'a shared global',
      { memory: [0, 1], globals: [[I32, 2, op.i32(0)]] },
      'a shared global is not allowed',
    ],
    [
      'a computed constant',
      { memory: [0, 1], globals: [[I32, 0, [...op.i32(1), ...op.i32(1), ...op.add]]] },
      'a constant expression has several instructions',
    ],
    [
      'a constant that reads a global',
      { memory: [0, 1], globals: [[I32, 0, op.globalGet(0)]] },
      'opcode 0x23 is not allowed in a constant',
    ],
    [
      'a null of another kind',
      { memory: [0, 1], globals: [[FUNCREF, 0, [0xd0, 0x6f]]] },
      'a null that is not of funcref',
    ],
    ['an exported tag', extra(7, 1, 1, 0x74, 4, 0), 'export t: kind 4 is not allowed'],
    [
      'an element segment of an unknown kind',
      extra(9, 1, 8),
      'element segment of kind 8 is not allowed',
    ],
    [
      'elements of another table',
      extra(9, 1, 2, 1, ...op.i32(0), 0x0b, 0, 0),
      'an element segment of another table',
    ],
    ['elements of another type', extra(9, 1, 5, 0x6f, 0), 'an element segment must be of funcref'],
    ['a data segment of an unknown kind', extra(11, 1, 3), 'data segment of kind 3 is not allowed'],
    [
      'data of another memory',
      extra(11, 1, 2, 1, ...op.i32(0), 0x0b, 0),
      'a data segment of another memory',
    ],
    ['a section with bytes left over', extra(1, 0, 0), 'the type section has bytes left over'],
    ['a name that is not UTF-8', extra(7, 1, 1, 0xff, 0, 0), 'a name is not UTF-8'],
    [
      'a count that exceeds the section',
      extra(1, ...unsigned(1_000_000), 0),
      'a vector exceeds its section',
    ],
    [
      'an integer of more than 32 bits',
      extra(1, 0xff, 0xff, 0xff, 0xff, 0x7f),
      'an integer exceeds 32 bits',
    ],
    [
      'an integer without an end',
      extra(1, 0x80, 0x80, 0x80, 0x80, 0x80),
      'an integer exceeds 32 bits',
    ],
    [
      'a thousand and one globals',
      {
        memory: [0, 1],
        globals: new Array<[number, number, number[]]>(1001).fill([I32, 0, op.i32(0)]),
      },
      'the global section has 1001 items, at most 1000',
    ],
    [
      'a hundred and one exports',
      {
        memory: [0, 1],
        exports: Array.from({ length: 101 }, (_, n): [string, number, number] => [`m${n}`, 2, 0]),
      },
      'the export section has 101 items, at most 100',
    ],
    [
      'segments that are a long list together',
      {
        memory: [0, 1],
        elements: new Array<number[]>(2).fill([
          5,
          FUNCREF,
          ...list(new Array<number[]>(6000).fill([0xd0, FUNCREF, 0x0b])),
        ]),
      },
      'element segments have 12000 items, at most 10000',
    ],
    [
      'a huge function',
      {
        types: [[[], []]],
        memory: [0, 1],
        functions: [{ type: 0, code: new Array<number>(140_000).fill(0x01) }],
      },
      'a function has 140002 bytes, at most 131072',
    ],
  ]
  test.each(cases)('%s', (_name, source, message) => {
    expect(() => parseModule(assemble(source))).toThrow(new ModuleRefused(message))
  })

  test.each([
    ['nothing', []],
    ['another magic', [0x00, 0x61, 0x73, 0x6e, 0x01, 0x00, 0x00, 0x00]],
    ['another version', [0x00, 0x61, 0x73, 0x6d, 0x02, 0x00, 0x00, 0x00]],
    ['a component', [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]],
  ])('%s where a core module should be', (_name, bytes) => {
    const message = 'not a core module of version 1 (a component is another class)'
    expect(() => parseModule(Uint8Array.from(bytes))).toThrow(new ModuleRefused(message))
  })

  test('a section longer than the module', () => {
    const bytes = Uint8Array.from([...HEADER, 1, 100, 0])
    expect(() => parseModule(bytes)).toThrow(new ModuleRefused('a vector exceeds its section'))
  })
})

describe('refused by the scan of the code, although the engine takes it', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['an atomic fence', withCode([0xfe, 0x03, 0x00]), 'opcode 0xfe is not allowed'],
    [
      'a vector',
      withCode([0xfd, 12, ...new Array<number>(16).fill(0)], op.drop),
      'opcode 0xfd is not allowed',
    ],
    [
      'floating point',
      withCode([0x44, 0, 0, 0, 0, 0, 0, 0, 0], op.drop),
      'opcode 0x44 is not allowed',
    ],
    [
      'a saturating conversion',
      withCode(op.i32(0), [0xb2], [0xfc, 0], op.drop),
      'opcode 0xb2 is not allowed',
    ],
    [
      'a tail call',
      withCode(op.get(0), op.get(1), [0x12, CALL.execute]),
      'opcode 0x12 is not allowed',
    ],
    [
      'a table that grows',
      changed((source) => ({
        ...source,
        table: [0, 1],
        functions: [
          {
            type: TYPE.execute,
            code: [op.refNull, op.i32(1), [0xfc, 15, 0], op.drop, ...RETURN_OK],
          },
          ...source.functions!.slice(1),
        ],
      })),
      'opcode 0xfc 15 is not allowed',
    ],
    [
      'a handler of exceptions',
      withCode([0x06, 0x40], [0x19], op.end),
      'opcode 0x6 is not allowed',
    ],
    [
      'a typed select of floating point',
      withCode([0x43, 0, 0, 0, 0], op.drop),
      'opcode 0x43 is not allowed',
    ],
    [
      'a frame of thousands of values',
      provider({ execute: RETURN_OK, locals: [[4090, I64]] }),
      'function 0 needs a frame of 4109 values',
    ],
    [
      'a thousand loops over a thousand locals',
      provider({
        execute: [...new Array<Code>(1000).fill([op.loop(), op.end]).flat(), ...RETURN_OK],
        locals: [[1000, I64]],
      }),
      'joins and calls move 1003000 values, at most 1000000',
    ],
    [
      'a branch to a thousand places over a thousand locals',
      provider({
        execute: [
          ...[op.block(), op.i32(0), [0x0e, ...list(new Array<number>(998).fill(0)), 0]],
          ...[op.end, ...RETURN_OK],
        ],
        locals: [[1000, I64]],
      }),
      'joins and calls move 1003000 values, at most 1000000',
    ],
    [
      'calls that hand on a thousand values',
      changed((source) => ({
        ...source,
        types: [...source.types!, [MANY, MANY], [[], MANY], [MANY, []]],
        functions: [
          ...source.functions!,
          { type: 7, code: MANY.flatMap((_one, index) => op.get(index)) },
          { type: 8, code: MANY.map(() => op.i32(0)) },
          {
            type: TYPE.none,
            code: [
              ...[op.call(OWN + 1), ...new Array<Code>(600).fill([op.call(OWN)]).flat()],
              ...MANY.map(() => op.drop),
            ],
          },
        ],
      })),
      'joins and calls move 1080900 values, at most 1000000',
    ],
    [
      'a reference to a host function',
      changed((source) => ({
        ...source,
        globals: [...source.globals!, [FUNCREF, 0, op.refFunc(CALL.request)]],
      })),
      'a host function may be called, not referred to',
    ],
    [
      'a host function in a table',
      changed((source) => ({
        ...source,
        table: [0, 1],
        elements: [[0, ...op.i32(0), 0x0b, 1, CALL.log]],
      })),
      'a host function may be called, not referred to',
    ],
    [
      'a host function as an export',
      changed((source) => ({ ...source, exports: [...source.exports!, ['x', 0, CALL.log]] })),
      'a host function may be called, not referred to',
    ],
    [
      'an export of a reserved name',
      changed((source) => ({ ...source, exports: [...source.exports!, ['latchgate:x', 0, 3]] })),
      'the export latchgate:x has a reserved name',
    ],
    [
      'a memory that begins above the cap',
      changed((source) => ({ ...source, memory: [0, ...unsigned(4097)] })),
      'the memory begins with 4097 pages, at most 4096 are allowed',
    ],
    [
      'an unknown import',
      changed((source) => ({
        ...source,
        imports: [...source.imports!.slice(1), ['wasi:clocks/wall-clock@0.2.0', 'now', TYPE.none]],
        exports: source.exports!,
      })),
      'the import wasi:clocks/wall-clock@0.2.0#now is not of the provider world',
    ],
    [
      'an import of the sandbox itself',
      changed((source) => ({
        ...source,
        imports: [['latchgate:meter', 'refuel', TYPE.none], source.imports![1]!],
      })),
      'the import latchgate:meter#refuel is not of the provider world',
    ],
    [
      'an import of a wrong type',
      changed((source) => ({
        ...source,
        imports: [source.imports![0]!, [HTTP, 'request', TYPE.none]],
      })),
      `the import ${HTTP}#request has a wrong type`,
    ],
    ...['execute', 'cabi_realloc', 'cabi_post_execute', 'asyncify_start_rewind'].map(
      (name): [string, Uint8Array, string] => [
        `no export ${name}`,
        changed((source) => ({
          ...source,
          exports: source.exports!.filter(([one]) => one !== name),
        })),
        `the module exports no function ${name}`,
      ],
    ),
    [
      'an export of a wrong type',
      changed((source) => ({
        ...source,
        exports: source.exports!.map((one) => (one[0] === 'execute' ? ['execute', 0, 4] : one)),
      })),
      'the export execute has a wrong type',
    ],
    [
      'a memory that is not exported',
      changed((source) => ({ ...source, exports: source.exports!.slice(1) })),
      'the module exports no `memory`',
    ],
    [
      'data where the host keeps the frames',
      changed((source) => ({
        ...source,
        data: [...source.data!, [0, ...op.i32(16_383), 0x0b, 1, 0]],
      })),
      "static data at 16383: the first 16384 bytes are the host's",
    ],
  ]
  test.each(cases)('%s', (_name, bytes, message) => {
    expect(refusal(bytes)).toBe(message)
  })

  test('a module above 4 MiB, before anything else looks at it', () => {
    expect(refusal(new Uint8Array(4_194_305))).toBe('the module has 4194305 bytes, at most 4194304')
  })

  test('what the engine does not take', () => {
    expect(refusal(withCode(op.add))).toBe('not a valid core module')
  })
})

const bodyOf = (module: WasmModule): Uint8Array => module.code[0]!

test('every opcode outside the whitelist is refused, whatever stands behind it', () => {
  const allowed: number[] = []
  for (let code = 0; code < 256; code += 1) {
    const source = {
      types: [[[], []]] as const,
      memory: [0, 1],
      functions: [{ type: 0, code: [code, 0, 0, 0, 0, 0, 0, 0, 0, 0] }],
    }
    const before = parseModule(assemble(source))
    try {
      scanFunction(before, { params: [], results: [] }, bodyOf(before))
      allowed.push(code)
    } catch (error) {
      if (!(error instanceof ModuleRefused)) throw error
      if (!error.message.startsWith(`opcode 0x${code.toString(16)} is not`)) allowed.push(code)
    }
  }
  const range = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, n) => first + n)
  expect(allowed).toEqual([
    ...[...range(0x00, 0x05), 0x0b, ...range(0x0c, 0x11), ...range(0x1a, 0x1c)],
    ...[...range(0x20, 0x26), 0x28, 0x29, ...range(0x2c, 0x37), ...range(0x3a, 0x42)],
    ...[...range(0x45, 0x5a), ...range(0x67, 0x8a), 0xa7, 0xac, 0xad, ...range(0xc0, 0xc4)],
    ...[0xd0, 0xd1, 0xd2, 0xfc],
  ])
})

test('a module cut short anywhere is refused as such, and nothing else happens', () => {
  const whole = httpApiModule().bytes
  for (let length = 0; length < whole.length; length += length < 600 ? 1 : 97) {
    expect(() => meterProvider(whole.subarray(0, length), 256)).toThrow(ModuleRefused)
  }
})

function acceptedOrRefused<T>(read: () => T): T | 'refused' {
  try {
    return read()
  } catch (error) {
    if (error instanceof ModuleRefused) return 'refused'
    throw error
  }
}

test('a module with any bytes changed is refused or metered into a valid one', () => {
  const whole = provider({ execute: RETURN_OK })
  const edit = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const bytes = whole.slice()
      for (const [at, byte] of edits) bytes[at] = byte
      expect(acceptedOrRefused(() => parseModule(bytes))).toBeDefined()
      const metered = acceptedOrRefused(() => meterProvider(bytes, 256).bytes)
      if (metered !== 'refused') expect(WebAssembly.validate(metered)).toBe(true)
    }),
    { numRuns: process.env['SLOW'] === '1' ? 100_000 : 3000 },
  )
})

test('arbitrary bytes are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
      const bytes = Uint8Array.from([...HEADER, ...tail])
      expect(() => parseModule(bytes)).toThrow(ModuleRefused)
    }),
    { examples: [[Uint8Array.from(section(5, sized([0])))]], numRuns: 2000 },
  )
})

test('a module written again is valid and reads the same', () => {
  const first = parseModule(new Uint8Array(httpApiModule().bytes))
  const written = writeModule(first)
  expect(WebAssembly.validate(written)).toBe(true)
  expect(parseModule(written)).toEqual(first)
})
