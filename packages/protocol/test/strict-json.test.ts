import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeHex,
  escapePointer,
  type Json,
  JsonFault,
  jsonDepth,
  largestArray,
  parseJson,
} from '../src/index.js'
import { loadVectors } from './vectors.js'

interface Vectors {
  readonly accepted: readonly string[]
  readonly refused: readonly {
    readonly text: string
    readonly reason: string
    readonly path: string
    readonly offset: number
  }[]
  readonly refused_bytes: readonly {
    readonly hex: string
    readonly reason: string
    readonly offset: number
  }[]
}

const vectors = loadVectors<Vectors>('strict-json')
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The value, or the fault; anything else that is thrown fails the test. */
function outcome(source: string | Uint8Array, options = {}): { value: Json } | JsonFault {
  try {
    return { value: parseJson(source, options) }
  } catch (error) {
    if (error instanceof JsonFault) return error
    throw error
  }
}

function faultOf(source: string | Uint8Array, options = {}): JsonFault {
  const result = outcome(source, options)
  if (result instanceof JsonFault) return result
  throw new Error(`accepted: ${String(source)}`)
}

/** What the engine's own parser makes of a text; undefined when it refuses. */
function engineOutcome(text: string): { value: Json } | undefined {
  try {
    return { value: JSON.parse(text) as Json }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

describe('vectors', () => {
  test.each(vectors.accepted)('%j is accepted with the value that JSON.parse gives it', (text) => {
    expect(parseJson(text)).toStrictEqual(JSON.parse(text))
    expect(parseJson(utf8(text))).toStrictEqual(JSON.parse(text))
  })

  test.each(vectors.refused)('$text is refused as $reason', ({ text, reason, path, offset }) => {
    for (const source of [text, utf8(text)]) {
      const fault = faultOf(source)
      expect({ reason: fault.reason, path: fault.path, offset: fault.offset }).toEqual({
        reason,
        path,
        offset,
      })
    }
  })

  test.each(vectors.refused_bytes)('the bytes $hex are refused as $reason', (vector) => {
    const fault = faultOf(decodeHex(vector.hex) ?? new Uint8Array())
    expect([fault.reason, fault.path, fault.offset]).toEqual([vector.reason, '', vector.offset])
  })
})

describe('properties', () => {
  test('what JSON.stringify writes is read back as it was', () => {
    fc.assert(
      fc.property(fc.json({ depthSize: 'large', stringUnit: 'binary' }), (text) => {
        // An integer beyond 2^53 is written, and refused by the strict reader.
        fc.pre(!/[0-9]{16}/.test(text))
        expect(parseJson(utf8(text), { maxDepth: 512 })).toStrictEqual(JSON.parse(text))
      }),
      { numRuns: 500 },
    )
  })

  // The oracle: the engine's own parser, which is lenient in exactly five respects.
  const LENIENT = ['duplicate_key', 'depth', 'unsafe_integer', 'number_range', 'lone_surrogate']
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"a"',
    '"b":',
    '"a":',
    '\\',
    '\\u',
    'd83d',
    '\\udc00',
    '0',
    '1',
    '-',
    '.',
    'e',
    'E',
    '+',
    '9',
    '007',
    '1e9',
    '9007199254740993',
    '1e400',
    'true',
    'false',
    'null',
    'nul',
    ' ',
    '\n',
    '\t',
    '\r',
    '\u00a0',
    '\ufeff',
    'é',
    '😀',
    '"__proto__":',
    '\u0000',
    '\u001f',
    '\u007f',
    '/',
    '\\n',
    '\\/',
    '{}',
    '[]',
    '""',
  ]
  const piece = fc.constantFrom(...pieces)

  /** Whether the two parsers agree, our extra refusals aside. */
  function agrees(text: string): boolean {
    const [ours, engine] = [outcome(text), engineOutcome(text)]
    if (ours instanceof JsonFault) return engine === undefined || LENIENT.includes(ours.reason)
    return isDeepStrictEqual(ours, engine)
  }

  test('it accepts what JSON.parse accepts, with its value, except for what is named', () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (chosen) => {
        const text = chosen.join('')
        if (!(outcome(text) instanceof JsonFault)) accepted += 1
        return agrees(text)
      }),
      { numRuns: 10_000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  test('after one changed character it still agrees with JSON.parse', () => {
    const base = '{"a":[1,-2.5e3,{"b\\n\\u00e9":"😀","c":null}],"d":true,"e":{"f":[]}}'
    expect(agrees(base)).toBe(true)
    fc.assert(
      fc.property(fc.nat(base.length - 1), piece, (at, put) =>
        agrees((base.slice(0, at) + put + base.slice(at + 1)).toWellFormed()),
      ),
      { numRuns: 5000 },
    )
  })

  test('the byte that a fault names is inside the text or at its end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const result = outcome(bytes)
        const offset = result instanceof JsonFault ? result.offset : 0
        expect(offset).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 3000 },
    )
  })

  test('the offset of a utf8 fault is the length of the longest valid prefix', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 8 }), fc.uint8Array(), (text, tail) => {
        const bytes = Uint8Array.from([...utf8(text), 0xff, ...tail])
        const fault = faultOf(bytes)
        expect([fault.reason, fault.offset]).toEqual(['utf8', utf8(text).length])
      }),
    )
  })
})

describe('depth', () => {
  test('64 levels are accepted and 65 are not', () => {
    expect(jsonDepth(parseJson('['.repeat(64) + ']'.repeat(64)))).toBe(64)
    const fault = faultOf('['.repeat(65) + ']'.repeat(65))
    expect([fault.reason, fault.offset, fault.path]).toEqual(['depth', 64, '/0'.repeat(64)])
  })

  test('objects and arrays count alike, scalars not', () => {
    expect(parseJson('{"a":[{"b":1}]}', { maxDepth: 3 })).toEqual({ a: [{ b: 1 }] })
    expect(faultOf('{"a":[{"b":{}}]}', { maxDepth: 3 }).path).toBe('/a/0/b')
    expect(parseJson('7', { maxDepth: 0 })).toBe(7)
    expect(faultOf('{}', { maxDepth: 0 }).reason).toBe('depth')
  })

  test('a limit that the stack could not bear is refused', () => {
    for (const maxDepth of [513, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => parseJson('1', { maxDepth })).toThrow(RangeError)
    }
    expect(faultOf('['.repeat(1_000_000), { maxDepth: 512 }).offset).toBe(512)
  })

  test('siblings do not add up', () => {
    expect(parseJson('[[],[],[[]]]', { maxDepth: 3 })).toEqual([[], [], [[]]])
  })
})

describe('objects', () => {
  test('__proto__ is an own member and the prototype stays what it was', () => {
    const value = parseJson('{"__proto__":{"admin":true}}') as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect(value['admin']).toBeUndefined()
    expect({ ...value }).toStrictEqual(value)
  })

  test('members named as those of Object.prototype are not taken for duplicates', () => {
    expect(parseJson('{"toString":1,"constructor":2,"hasOwnProperty":3}')).toEqual({
      toString: 1,
      constructor: 2,
      hasOwnProperty: 3,
    })
  })

  test('a value of another object is no duplicate', () => {
    expect(parseJson('[{"a":1},{"a":2},{"b":{"a":3},"a":4}]')).toHaveLength(3)
  })
})

describe('integerMembers', () => {
  const options = { integerMembers: ['iat'] }

  test('a fraction or an exponent is refused although the value is whole', () => {
    for (const text of ['{"iat":1.0}', '{"iat":1e3}', '{"a":1,"iat":10E-1}', '{"\\u0069at":1.0}']) {
      expect(faultOf(text, options).path).toBe('/iat')
    }
    expect(faultOf('{"a":1, "iat": 1.0}', options).offset).toBe(15)
  })

  test('other members, other levels and other types are left alone', () => {
    const text = '{"x":1.5,"iat":7,"o":{"iat":1.5},"l":[{"iat":2.5}]}'
    expect(parseJson(text, options)).toEqual(JSON.parse(text))
    expect(parseJson('{"iat":"1.0"}', options)).toEqual({ iat: '1.0' })
    expect(parseJson('{"iat":[1.5]}', options)).toEqual({ iat: [1.5] })
    expect(parseJson('{"iat":1.0}')).toEqual({ iat: 1 })
  })
})

describe('faults', () => {
  test('a path is a JSON pointer', () => {
    expect(escapePointer('~/~1')).toBe('~0~1~01')
    expect(faultOf('{"a~b":{"c/d":[0,{"":01}]}}').path).toBe('/a~0b/c~1d/1/')
  })

  test('a path does not carry a megabyte of the sender into a record', () => {
    const fault = faultOf(`{"${'k'.repeat(1_000_000)}":nope}`)
    expect(fault.path).toHaveLength(513)
    expect(fault.message.length).toBeLessThan(300)
  })

  test('a cut path stays well formed, whatever it cuts', () => {
    const fault = faultOf(`{"${'k'.repeat(510)}😀${'k'.repeat(9)}":nope}`)
    expect(fault.path.isWellFormed()).toBe(true)
  })

  test('a message has no control characters', () => {
    expect(faultOf('{"\\u001b[31m\\n":nope}').message).toBe('not JSON (at / [31m , byte 16)')
  })

  test('a string with half a pair is refused where the half is', () => {
    const fault = faultOf('["é","\ud800"]')
    expect([fault.reason, fault.offset]).toEqual(['lone_surrogate', 7])
    expect(faultOf('["\udc00\ud800"]').offset).toBe(2)
    expect(faultOf('"\ud83d\\ude00"').reason).toBe('lone_surrogate')
    expect(faultOf('"\\ud83d\ude00"').reason).toBe('lone_surrogate')
  })
})

describe('time', () => {
  const shapes: Readonly<Record<string, (n: number) => string>> = {
    'members that look like integers': (n) => objectOf(n / 10, (i) => String(1_000_000 + i)),
    'members beyond array indices': (n) => objectOf(n / 20, (i) => String(4_294_967_296 * (i + 1))),
    'members with escapes': (n) => objectOf(n / 14, (i) => `\\u0061${i}`),
    'a string of escapes': (n) => `"${'\\ud83d\\ude00'.repeat(n / 12)}"`,
    digits: (n) => '1'.repeat(n),
    'a long fraction': (n) => `0.${'1'.repeat(n)}`,
    'a long exponent': (n) => `1e-${'0'.repeat(n)}1`,
    spaces: (n) => `${' '.repeat(n)}1`,
    'open brackets': (n) => '['.repeat(n),
    'an unclosed string': (n) => `"${'a'.repeat(n)}`,
    backslashes: (n) => `"${'\\\\'.repeat(n / 2)}`,
    'halves of pairs': (n) => `"${'\\ud800'.repeat(n / 6)}"`,
  }

  function objectOf(count: number, member: (i: number) => string): string {
    return `{${Array.from({ length: count }, (_, i) => `"${member(i)}":0`).join()}}`
  }

  test.each(Object.entries(shapes))('a megabyte of %s is read in linear time', (_name, shape) => {
    const bytes = utf8(shape(2 ** 20))
    const start = performance.now()
    outcome(bytes)
    expect(performance.now() - start).toBeLessThan(4000)
  })
})

describe('measures', () => {
  test('depth and the largest array', () => {
    expect([jsonDepth(1), jsonDepth({}), jsonDepth([]), jsonDepth({ a: [{}] })]).toEqual([
      0, 1, 1, 3,
    ])
    expect(largestArray('abc')).toBe(0)
    expect(largestArray({ a: [1, 2], b: { c: [1, [1, 2, 3, 4], 3] } })).toBe(4)
    expect(largestArray([[], [[1]]])).toBe(2)
  })
})
