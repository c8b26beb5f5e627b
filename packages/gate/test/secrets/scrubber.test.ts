import fc from 'fast-check'
import { expect, test } from 'vitest'
import { REDACTION_MARKER, Scrubber } from '../../src/secrets/scrubber.js'
import { ENCODINGS } from './encodings.js'

const SECRET = 'ghp_0123456789/abc+def='

const scrub = (text: string, ...secrets: readonly string[]): string =>
  Buffer.from(new Scrubber(secrets).bytes(Buffer.from(text)).bytes).toString('utf8')

/** Visible ASCII, at least eight characters, and often what looks like an escape itself. */
const anySecret = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    fc.constantFrom(...Array.from('%%%\\\\&&#;ux+/=amp0123456789abcdef')),
  ),
  minLength: 8,
  maxLength: 60,
})

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 300

test.each(ENCODINGS)(
  'no secret survives %s, whatever it is and whatever stands around it',
  (_name, encode) => {
    fc.assert(
      fc.property(
        anySecret,
        fc.string({ maxLength: 40 }),
        fc.string({ maxLength: 40 }),
        fc.infiniteStream(fc.nat({ max: 1 << 20 })),
        (secret, before, after, numbers) => {
          const next = (max: number): number => (numbers.next().value as number) % max
          const { text, mustGo } = encode(secret, before, after, next)
          const result = new Scrubber([secret]).bytes(Buffer.from(text))
          expect(result.found).toBe(true)
          const shown = Buffer.from(result.bytes).toString('utf8')
          expect(shown).toContain(REDACTION_MARKER)
          for (const part of mustGo) expect(shown).not.toContain(part)
        },
      ),
      { numRuns },
    )
  },
)

test.each([
  '%00!!!!!!',
  '%41bcdefg',
  '\\u0041bcdefg',
  '\\x41bcdefg',
  '&amp;abcdef',
  '%2541bcdefg',
  '&#65;bcdefg',
])(
  'a secret that looks like an escape, %j, is found as it is, encoded and within other text',
  (secret) => {
    for (const text of [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret),
      `x${secret}y`,
    ]) {
      const shown = scrub(text, secret)
      expect(shown, text).toContain(REDACTION_MARKER)
      expect(shown, text).not.toContain('bcdef')
    }
  },
)

test('what stands around a secret stays', () => {
  expect(scrub(`{"a":"${SECRET}","b":1}`, SECRET)).toBe('{"a":"***REDACTED***","b":1}')
  expect(scrub(`${SECRET}${SECRET} x ${SECRET}`, SECRET)).toBe('***REDACTED*** x ***REDACTED***')
  const escaped = JSON.stringify({ a: `"${SECRET}"` })
  expect(JSON.parse(scrub(escaped, SECRET))).toEqual({ a: '"***REDACTED***"' })
})

test.each<[string, string]>([
  ['the secret without its last character', SECRET.slice(0, -1)],
  ['its first character', SECRET.slice(0, 1)],
  ['percent signs', '%'],
  ['encoded percent signs', '%25'],
  ['backslashes', '\\'],
  ['encoded backslashes', '%5c'],
  ['unicode escapes of its first character', '\\u0067'],
  ['ampersands', '&amp;'],
  ['its beginning in escapes', '%67%68%70%5f'],
  ['line breaks', '\r\n'],
  ['the first characters of its Base64 and line breaks', 'Z2hw\n\n\n'],
  ['the secret itself', SECRET],
])('a body of %s takes work in proportion to its length', (_name, piece) => {
  const work = (length: number): number => {
    const counted = countingReads(Buffer.from(piece.repeat(Math.ceil(length / piece.length))))
    new Scrubber([SECRET]).bytes(counted.bytes)
    return counted.reads()
  }
  const [small, large] = [work(4_000), work(32_000)]
  // Eight times the length: 64 times the work would be quadratic.
  expect(large / small).toBeLessThan(10)
  expect(large / 32_000, 'reads of a byte').toBeLessThan(200)
})

test('bytes without a secret are returned as they are, and nothing is found', () => {
  fc.assert(
    fc.property(anySecret, fc.uint8Array({ maxLength: 300 }), (secret, bytes) => {
      const result = new Scrubber([secret]).bytes(bytes)
      expect(result.found).toBe(false)
      expect(result.bytes).toBe(bytes)
    }),
  )
})

test('a text that differs from the secret in one character is unchanged, in every plain encoding', () => {
  const letters = fc.string({
    unit: fc.constantFrom(...Array.from('abcdefXYZ0123456789_-')),
    minLength: 8,
    maxLength: 40,
  })
  fc.assert(
    fc.property(letters, fc.nat(), (secret, position) => {
      const at = position % secret.length
      const other = `${secret.slice(0, at)}~${secret.slice(at + 1)}`
      const scrubber = new Scrubber([secret])
      for (const text of [
        other,
        JSON.stringify(other),
        encodeURIComponent(other),
        Buffer.from(other).toString('hex'),
        secret.slice(1),
        secret.slice(0, -1),
      ]) {
        expect(scrubber.bytes(Buffer.from(text)).found, text).toBe(false)
      }
    }),
  )
})

test('several secrets, one within the other, and derived texts are all found', () => {
  const blob = Buffer.from(`user:${SECRET}`).toString('base64')
  const shown = scrub(
    `a ${SECRET} b ${blob} c inner-secret d`,
    SECRET,
    blob,
    'inner-secret',
    '789/abc+',
  )
  expect(shown).toBe('a ***REDACTED*** b ***REDACTED*** c ***REDACTED*** d')
})

test('a secret across any two pieces of a body is found: the body is searched as a whole', () => {
  for (let cut = 1; cut < SECRET.length; cut += 1) {
    const pieces = [Buffer.from(`x${SECRET.slice(0, cut)}`), Buffer.from(`${SECRET.slice(cut)}y`)]
    const { bytes } = new Scrubber([SECRET]).bytes(Buffer.concat(pieces))
    expect(Buffer.from(bytes).toString()).toBe('x***REDACTED***y')
  }
})

test('bytes that are not UTF-8 around a secret stay as they are', () => {
  const body = Buffer.concat([
    Buffer.from([0xff, 0xfe, 0x80]),
    Buffer.from(SECRET),
    Buffer.from([0xc3]),
  ])
  const { bytes } = new Scrubber([SECRET]).bytes(body)
  expect(Buffer.from(bytes)).toEqual(
    Buffer.concat([
      Buffer.from([0xff, 0xfe, 0x80]),
      Buffer.from(REDACTION_MARKER),
      Buffer.from([0xc3]),
    ]),
  )
})

test.each(['utf16le', 'utf16be'])('a secret in %s is found', (order) => {
  const text = Buffer.from(`x ${SECRET} y`, 'utf16le')
  const body = order === 'utf16be' ? text.swap16() : text
  const { bytes, found } = new Scrubber([SECRET]).bytes(body)
  expect(found).toBe(true)
  const plain = Buffer.from(bytes).toString('latin1').replaceAll('\0', '')
  expect(plain).not.toContain(SECRET.slice(1, -1))
})

test('a secret that is not ASCII is found as UTF-8, as header text, escaped and percent-encoded', () => {
  const secret = 'pässwörd-€-😀-0123'
  const scrubber = new Scrubber([secret])
  const asHeader = Buffer.from(secret, 'utf8').toString('latin1')
  for (const text of [secret, asHeader, encodeURIComponent(secret), asAscii(secret)]) {
    const shown = scrubber.text(`a ${text} b`)
    expect(shown, text).toEqual({ text: 'a ***REDACTED*** b', found: true })
  }
})

test('a header value with one secret in ASCII and another in UTF-8 loses both', () => {
  const second = 'pässwörd-0123'
  const header = `${SECRET}; ${Buffer.from(second, 'utf8').toString('latin1')}`
  expect(new Scrubber([SECRET, second]).text(header)).toEqual({
    text: '***REDACTED***; ***REDACTED***',
    found: true,
  })
})

test('a secret URL is known by its path and by its long segments alone', () => {
  const url = 'https://hooks.example.com/services/T000/B000/abcdefghijklmnopqrst'
  const scrubber = new Scrubber([url])
  for (const text of [url, '/services/T000/B000/abcdefghijklmnopqrst', 'abcdefghijklmnopqrst']) {
    expect(scrubber.text(`<${text}>`).text).toBe('<***REDACTED***>')
    for (const before of ['', 'x', 'xy']) {
      const blob = Buffer.from(`${before}${text}`).toString('base64')
      expect(scrubber.text(blob).found, 'a request line in Base64').toBe(true)
    }
  }
  expect(scrubber.text('https://hooks.example.com/services/').found).toBe(false)
})

test('a secret URL without a long segment is found in Base64 by its path', () => {
  const scrubber = new Scrubber(['https://hooks.example.com/a/b1/c2d3'])
  const line = 'POST /a/b1/c2d3 HTTP/1.1'
  expect(scrubber.text(Buffer.from(line).toString('base64')).found).toBe(true)
})

test('without secrets nothing is looked at', () => {
  const bytes = Buffer.from('anything')
  expect(new Scrubber([]).bytes(bytes)).toEqual({ bytes, found: false })
  expect(new Scrubber(['']).text('anything')).toEqual({ text: 'anything', found: false })
})

/** Bytes that count how often one of them is looked at. */
function countingReads(bytes: Uint8Array): { bytes: Uint8Array; reads: () => number } {
  let reads = 0
  const proxy = new Proxy(bytes, {
    get(target, name) {
      if (typeof name === 'string' && /^[0-9]/.test(name)) reads += 1
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { bytes: proxy, reads: () => reads }
}

function asAscii(text: string): string {
  return Array.from({ length: text.length }, (_, at) => {
    const unit = text.charCodeAt(at)
    return `\\u${unit.toString(16).padStart(4, '0')}`
  }).join('')
}
