import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Answer, runHttpApi } from './support/http-host.js'

const URL_ = 'https://a.example/x'

interface Output {
  readonly ok: boolean
  readonly data: {
    readonly status_code: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
    readonly url: string
  }
}

/** The document that an answer becomes. */
function outputOf(answer: Answer, url = URL_): Output {
  const { variant, text } = runHttpApi(JSON.stringify({ url }), answer)
  expect(variant).toBe('ok')
  return JSON.parse(text) as Output
}

const bodyOf = (body: Uint8Array): string => outputOf({ status: 200, body }).data.body

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

test('an answer becomes one compact document, to the byte', () => {
  const headers = [
    ['X-B', '2'],
    ['content-type', 'application/json'],
  ] as const
  const answer = { status: 201, headers, body: Buffer.from('{"id":1}') }
  expect(runHttpApi(JSON.stringify({ url: URL_ }), answer).text).toBe(
    '{"ok":true,"data":{"status_code":201,"headers":{"content-type":"application/json","x-b":"2"},' +
      '"body":"{\\"id\\":1}","url":"https://a.example/x"}}',
  )
})

test.each([0, 7, 100, 204, 302, 404, 500, 999, 65_535])(
  "status %d is the module's ok",
  (status) => {
    expect(outputOf({ status })).toEqual({
      ok: true,
      data: { status_code: status, headers: {}, body: '', url: URL_ },
    })
  },
)

test('an error of the host is the error variant, word for word', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (message) => {
      const { variant, text } = runHttpApi(JSON.stringify({ url: URL_ }), message)
      expect([variant, text]).toEqual(['err', message])
    }),
  )
})

test('the URL of the task comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (url) => {
      expect(outputOf({ status: 200 }, url).data.url).toBe(url)
    }),
  )
})

describe('the body', () => {
  test('is its text when it is UTF-8, else <binary>, for any bytes', () => {
    const specials = fc.constantFrom(
      0x00,
      0x1f,
      0x20,
      0x21,
      0x22,
      0x23,
      0x5b,
      0x5c,
      0x5d,
      0x7f,
      0x80,
    )
    const leads = fc.constantFrom(0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff)
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), specials, leads)
    const bytes = fc.array(byte, { maxLength: 60 }).map((one) => Uint8Array.from(one))
    fc.assert(
      fc.property(bytes, (body) => {
        expect(bodyOf(body)).toBe(textOf(body) ?? '<binary>')
      }),
      { numRuns: 3000 },
    )
  })

  test('is its text, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
        expect(bodyOf(Buffer.from(text))).toBe(text)
      }),
      { numRuns: 1000 },
    )
  })

  test('is its text for every character alone, at every place in a word', () => {
    for (let code = 0; code < 0x80; code += 1) {
      for (let before = 0; before < 9; before += 1) {
        const text = 'a'.repeat(before) + String.fromCharCode(code) + 'b'.repeat(9)
        expect(bodyOf(Buffer.from(text))).toBe(text)
      }
    }
  })

  test.each([
    ['overlong', [0xc0, 0x80]],
    ['overlong in three bytes', [0xe0, 0x9f, 0xbf]],
    ['overlong in four bytes', [0xf0, 0x8f, 0xbf, 0xbf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['cut short', [0x61, 0xe2, 0x82]],
    ['a continuation alone', [0x80]],
    ['latin-1', [0x66, 0xfc, 0x72]],
  ])('that is ill-formed is <binary>, not repaired: %s', (_name, bytes) => {
    expect(bodyOf(Uint8Array.from(bytes))).toBe('<binary>')
    const deep = [
      ...new Array<number>(100).fill(0x61),
      ...bytes,
      ...new Array<number>(100).fill(0x62),
    ]
    expect(bodyOf(Uint8Array.from(deep))).toBe('<binary>')
  })

  test('keeps a byte order mark', () => {
    expect(bodyOf(Buffer.from('\ufeffx'))).toBe('\ufeffx')
  })

  test.each([
    ['plain', 'abcdefg '],
    ['all of it escaped six times as long', '\u0001'],
    ['quotes and backslashes', '"\\'],
    ['characters of four bytes', '\u{1f600}'],
  ])('of two MiB is whole: %s', (_name, unit) => {
    const text = unit.repeat(2_097_152 / Buffer.byteLength(unit))
    expect(bodyOf(Buffer.from(text)) === text).toBe(true)
  })
})

describe('the headers', () => {
  test('are an object of any names and values: lower case, in order, repeated ones joined', () => {
    const name = fc.oneof(
      fc.constantFrom('A', 'a', 'Set-Cookie', 'set-cookie', 'b"', 'ä', '', 'ab'),
      fc.string({ unit: 'binary', maxLength: 8 }),
    )
    const headers = fc.array(fc.tuple(name, fc.string({ unit: 'binary', maxLength: 12 })))
    fc.assert(
      fc.property(headers, (pairs) => {
        const expected = new Map<string, string>()
        for (const [key, value] of pairs) {
          const lower = key.replace(/[A-Z]/g, (one) => one.toLowerCase())
          const before = expected.get(lower)
          expected.set(lower, before === undefined ? value : `${before}, ${value}`)
        }
        const { headers: found } = outputOf({ status: 200, headers: pairs }).data
        expect(new Map(Object.entries(found))).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })

  test('of the same names in another order give the same names in the same order', () => {
    const names = ['b', 'a', 'c', 'aa', 'B1']
    const text = (list: readonly string[]): string =>
      runHttpApi(JSON.stringify({ url: URL_ }), {
        status: 200,
        headers: list.map((one) => [one, '1'] as const),
      }).text
    expect(text(names)).toBe(text([...names].reverse()))
  })

  test('one named __proto__ is a header like any other', () => {
    const { text } = runHttpApi(JSON.stringify({ url: URL_ }), {
      status: 200,
      headers: [['__proto__', 'x']],
    })
    expect(text).toContain('"headers":{"__proto__":"x"}')
  })

  test.each([
    ['of as many names', (n: number) => `x-${n}`, 30_000],
    ['of one name', () => 'X-Same', 1],
    ['of names that differ in their last byte', (n: number) => `${'x'.repeat(60)}${n}`, 30_000],
  ])('thirty thousand %s are all there', (_name, name, count) => {
    const headers = Array.from({ length: 30_000 }, (_, n) => [name(n), 'v'] as const)
    const found = outputOf({ status: 200, headers }).data.headers
    expect(Object.keys(found).length).toBe(count)
    expect(Object.values(found).join(', ').length).toBe(30_000 * 3 - 2)
  })
})
