import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  AbiViolation,
  type FlatRequest,
  liftBytes,
  liftRequest,
  liftResult,
  liftShortened,
  liftString,
} from '../src/abi/lift.js'
import { lowerReply, lowerString, type Realloc, resultPointer } from '../src/abi/lower.js'
import { prepareSuspension, suspensionFault } from '../src/abi/suspension.js'
import { assemble } from './support/assemble.js'

const PAGE = 65_536

/** A memory of one page, which may grow to `max`. */
function memoryOf(max = 1): WebAssembly.Memory {
  const bytes = assemble({ memory: [1, 1, max], exports: [['memory', 2, 0]] })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  return exports['memory'] as WebAssembly.Memory
}

function write(memory: WebAssembly.Memory, at: number, text: string): number {
  const bytes = Buffer.from(text)
  new Uint8Array(memory.buffer).set(bytes, at)
  return bytes.length
}

/** Hands out memory from `start` on. */
function bump(start: number): Realloc {
  let top = start
  return (_old, _oldSize, align, size) => {
    const at = Math.ceil(top / align) * align
    top = at + size
    return at
  }
}

const request = (changes: Partial<Record<number, number>> = {}): FlatRequest => {
  const flat = [100, 3, 200, 10, 400, 1, 1, 500, 4, 30_000]
  for (const [index, value] of Object.entries(changes)) flat[Number(index)] = value ?? 0
  return flat as unknown as FlatRequest
}

function requestMemory(): WebAssembly.Memory {
  const memory = memoryOf()
  write(memory, 100, 'PUT')
  write(memory, 200, 'https://a/')
  write(memory, 300, 'x-namevalue')
  new Uint32Array(memory.buffer, 400, 4).set([300, 6, 306, 5])
  write(memory, 500, '\0\u0001ab')
  return memory
}

describe('a request is read out of the memory', () => {
  test('with all its parts, copied', () => {
    const memory = requestMemory()
    const lifted = liftRequest(memory, request())
    new Uint8Array(memory.buffer).fill(0xff)
    expect(lifted).toEqual({
      method: 'PUT',
      url: 'https://a/',
      headers: [['x-name', 'value']],
      body: new Uint8Array([0, 1, 0x61, 0x62]),
      timeoutMs: 30_000,
    })
    expect(lifted.body?.buffer.byteLength).toBe(4)
  })

  test('without a body there is none, whatever its pointer says; with an empty one there is', () => {
    const memory = requestMemory()
    expect(liftRequest(memory, request({ 6: 0, 7: -1, 8: -1 })).body).toBeNull()
    expect(liftRequest(memory, request({ 8: 0 })).body).toEqual(new Uint8Array())
  })

  test('a time-out is read as unsigned', () => {
    expect(liftRequest(requestMemory(), request({ 9: -1 })).timeoutMs).toBe(0xffff_ffff)
  })

  const cases: readonly (readonly [string, Partial<Record<number, number>>, string])[] = [
    ['a method of 65 bytes', { 1: 65 }, 'method: 65, at most 64'],
    ['a method of -1 bytes', { 1: -1 }, 'method: 4294967295, at most 64'],
    ['a method behind the end', { 0: PAGE - 2 }, 'method: 3 bytes at 65534 are not in the memory'],
    ['a method at -1', { 0: -1 }, 'method: 3 bytes at 4294967295 are not in the memory'],
    ['a URL of 65,537 bytes', { 3: 65_537 }, 'url: 65537, at most 65536'],
    ['a URL behind the end', { 2: PAGE, 3: 1 }, 'url: 1 bytes at 65536 are not in the memory'],
    ['257 headers', { 5: 257 }, 'headers: 257, at most 256'],
    ['-1 headers', { 5: -1 }, 'headers: 4294967295, at most 256'],
    ['headers at an odd address', { 4: 402 }, 'headers: 402 is not aligned'],
    ['headers behind the end', { 4: PAGE - 8 }, 'headers: 16 bytes at 65528 are not in the memory'],
    ['a body of case 2', { 6: 2 }, 'body: case 2'],
    ['a body of case -1', { 6: -1 }, 'body: case -1'],
    ['a body behind the end', { 7: PAGE, 8: 1 }, 'body: 1 bytes at 65536 are not in the memory'],
    ['a body of 8 MiB and a byte', { 8: 8_388_609 }, 'body: 8388609, at most 8388608'],
    ['a body of -1 bytes', { 8: -1 }, 'body: 4294967295, at most 8388608'],
  ]
  test.each(cases)('%s is refused', (_name, changes, message) => {
    expect(() => liftRequest(requestMemory(), request(changes))).toThrow(new AbiViolation(message))
  })

  test('headers that name one long text many times are refused by their sum', () => {
    const memory = requestMemory()
    const entries = Array.from({ length: 256 }, () => [0, 256, 1000, 1]).flat()
    new Uint32Array(memory.buffer, 8000, entries.length).set(entries)
    expect(() => liftRequest(memory, request({ 4: 8000, 5: 256 }))).toThrow(
      new AbiViolation('headers: 65792, at most 65536'),
    )
  })

  test('a text that is not UTF-8 is refused, and does not spoil the next', () => {
    const memory = requestMemory()
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0xc0, 0x80]]) {
      new Uint8Array(memory.buffer).set(bytes, 3000)
      expect(() => liftString(memory, 3000, bytes.length, 'url')).toThrow(
        new AbiViolation('url: not UTF-8'),
      )
      expect(liftString(memory, 100, 3, 'url')).toBe('PUT')
    }
  })

  test('any ten numbers give a request or a violation, and read nothing outside the memory', () => {
    const memory = requestMemory()
    const near = fc.oneof(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.integer({ min: 0, max: 600 }),
      fc.integer({ min: PAGE - 20, max: PAGE + 20 }),
    )
    fc.assert(
      fc.property(fc.array(near, { minLength: 10, maxLength: 10 }), (flat) => {
        try {
          const lifted = liftRequest(memory, flat as unknown as FlatRequest)
          expect(lifted.body?.length ?? 0).toBeLessThanOrEqual(PAGE)
        } catch (error) {
          expect(error).toBeInstanceOf(AbiViolation)
        }
      }),
      { numRuns: 5000 },
    )
  })
})

describe('a result is read out of the memory', () => {
  test('with its case, pointer and length', () => {
    const memory = memoryOf()
    new Uint8Array(memory.buffer).set([1, 9, 9, 9], 64)
    new Uint32Array(memory.buffer, 68, 2).set([0xffff_fff0, 0xffff_ffff])
    expect(liftResult(memory, 64)).toEqual({
      variant: 'err',
      pointer: 0xffff_fff0,
      length: 0xffff_ffff,
    })
  })

  test.each([
    ['at an odd address', 65, 'result: 65 is not aligned'],
    ['behind the end', PAGE - 8, 'result: 12 bytes at 65528 are not in the memory'],
    ['at -4', -4, 'result: 12 bytes at 4294967292 are not in the memory'],
  ])('%s is refused', (_name, pointer, message) => {
    expect(() => liftResult(memoryOf(), pointer)).toThrow(new AbiViolation(message))
  })

  test('a case that is neither ok nor err is refused', () => {
    const memory = memoryOf()
    new Uint8Array(memory.buffer)[64] = 2
    expect(() => liftResult(memory, 64)).toThrow(new AbiViolation('result: case 2'))
  })
})

test('a long log message is cut between characters and says so', () => {
  const memory = memoryOf()
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.nat(60), (text, limit) => {
      const max = limit + 4
      const length = write(memory, 5, text)
      const cut = liftShortened(memory, 5, length, max)
      if (length <= max) {
        expect(cut).toBe(text)
        return
      }
      const kept = cut.slice(0, -'[truncated]'.length)
      expect(cut.endsWith('[truncated]')).toBe(true)
      expect(text.startsWith(kept)).toBe(true)
      expect(Buffer.byteLength(kept)).toBeGreaterThan(max - 4)
      expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(max)
    }),
  )
})

describe('what the host writes into the memory', () => {
  const reply = (headers: readonly (readonly [string, string])[], body: Uint8Array): unknown => ({
    status: 65_535,
    headers,
    body,
  })

  test('any answer reads back as it was', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 20 })
    const headers = fc.array(fc.tuple(texts, texts), { maxLength: 20 })
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 200 }), (pairs, body) => {
        const memory = memoryOf()
        const value = { status: 299, headers: pairs, body }
        lowerReply(memory, bump(1000), { ok: true, value }, 64)
        const view = new DataView(memory.buffer)
        expect([view.getUint8(64), view.getUint16(68, true)]).toEqual([0, 299])
        const [list = 0, count = 0, at = 0, size = 0] = new Uint32Array(memory.buffer, 72, 4)
        const read = Array.from({ length: count }, (_, index) => {
          const entry = new Uint32Array(memory.buffer, list + index * 16, 4)
          const [name = 0, nameLength = 0, value = 0, valueLength = 0] = entry
          return [
            liftString(memory, name, nameLength, 'name'),
            liftString(memory, value, valueLength, 'value'),
          ]
        })
        expect(read).toEqual(pairs)
        expect([...liftBytes(memory, at, size, 'body')]).toEqual([...body])
      }),
    )
  })

  test('an error reads back as it was', () => {
    const memory = memoryOf()
    lowerReply(memory, bump(1000), { ok: false, error: 'nö' }, 64)
    expect(liftResult(memory, 64)).toMatchObject({ variant: 'err', length: 3 })
    expect(liftString(memory, 1000, 3, 'error')).toBe('nö')
  })

  test('a lone surrogate becomes the replacement character, in the space it was given', () => {
    const memory = memoryOf()
    const [pointer, length] = lowerString(memory, bump(1000), 'a\ud800b')
    expect(liftString(memory, pointer, length, 'text')).toBe('a\ufffdb')
  })

  test.each([
    ['behind the end', () => PAGE - 1],
    ['at -1', () => -1],
    ['at 4 GiB minus one page', () => 0xffff_0000],
  ])('an allocation %s is refused before anything is written', (_name, realloc) => {
    const memory = memoryOf()
    expect(() => lowerString(memory, realloc, 'hello')).toThrow(AbiViolation)
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true)
  })

  test('a list of headers at an odd address is refused', () => {
    const value = reply([['a', 'b']], new Uint8Array())
    expect(() =>
      lowerReply(memoryOf(), () => 1001, { ok: true, value: value as never }, 64),
    ).toThrow(new AbiViolation('cabi_realloc: 1001 is not aligned'))
  })

  test("allocations on top of each other spoil the module's own data and nothing else", () => {
    const memory = memoryOf()
    const value = reply([['aaaa', 'bbbb']], Buffer.from('cccc'))
    lowerReply(memory, () => 64, { ok: true, value: value as never }, 64)
    const touched = [...new Uint8Array(memory.buffer)].flatMap((byte, at) =>
      byte === 0 ? [] : [at],
    )
    expect(touched.every((at) => at === 0 || (at >= 64 && at < 88))).toBe(true)
  })

  test.each([
    ['at an odd address', 66],
    ['behind the end', PAGE - 20],
    ['at -4', -4],
  ])('a place for the answer %s is refused', (_name, pointer) => {
    expect(() => resultPointer(memoryOf(), pointer)).toThrow(AbiViolation)
  })
})

describe('the area in which frames are kept', () => {
  const prepared = (): { memory: WebAssembly.Memory; words: Uint32Array } => {
    const memory = memoryOf()
    prepareSuspension(memory)
    return { memory, words: new Uint32Array(memory.buffer, 0, 4096) }
  }

  test('is fine as the host leaves it, and when it is full to the end', () => {
    const { memory, words } = prepared()
    expect(suspensionFault(memory)).toBeNull()
    words[4] = words[5]!
    expect(suspensionFault(memory)).toBeNull()
  })

  test('has overflowed when the frames end one word behind it', () => {
    const { memory, words } = prepared()
    words[4] = words[5]! + 4
    expect(suspensionFault(memory)).toBe('overflow')
  })

  test.each([
    ['the end was moved', 5, 20_000],
    ['the next frame lies before the first', 4, 16],
    ['the first word of the canary was written to', 4092, 0],
    ['the last word of the canary was written to', 4095, 0],
  ])('is damaged when %s', (_name, word, value) => {
    const { memory, words } = prepared()
    words[word] = value
    expect(suspensionFault(memory)).toBe('damaged')
  })
})
