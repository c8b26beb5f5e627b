import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeComponent, encodePath, isDotSegment } from '../src/template/path-segments.js'

test('unreserved characters stay, everything else is encoded', () => {
  expect(encodeComponent('AZaz09-._~')).toBe('AZaz09-._~')
  expect(encodeComponent("!*'()")).toBe('%21%2A%27%28%29')
  expect(encodeComponent(':/?#[]@$&+,;=%')).toBe('%3A%2F%3F%23%5B%5D%40%24%26%2B%2C%3B%3D%25')
  expect(encodeComponent('\u0000\r\n\u007f ü €😀')).toBe(
    '%00%0D%0A%7F%20%C3%BC%20%E2%82%AC%F0%9F%98%80',
  )
})

test('a text is encoded exactly once: decoding once gives it back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = encodeComponent(text)
      expect(encoded).toMatch(/^(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*$/)
      expect(decodeURIComponent(encoded)).toBe(text)
    }),
    { numRuns: 2000 },
  )
})

for (const segment of ['.', '..', '%2e', '%2E', '.%2e', '%2e.', '%2E%2e']) {
  test(`'${segment}' is a dot segment, as it is for WHATWG URL`, () => {
    expect(isDotSegment(segment)).toBe(true)
    expect(new URL(`https://h/a/${segment}/b`).pathname).not.toBe(`/a/${segment}/b`)
  })
}

for (const segment of ['', '...', 'a.', '.a', '%252e', '%2e%2e%2e', '. ', '%2f', '%00']) {
  test(`'${segment}' is not a dot segment`, () => {
    expect(isDotSegment(segment)).toBe(false)
  })
}

test('a hint follows the fault that it helps with, and no other', () => {
  expect(encodePath('a?b', ": put the query into 'q'")).toEqual({
    ok: false,
    error: "must not contain '?': put the query into 'q'",
  })
  expect(encodePath('a?b', '')).toEqual({ ok: false, error: "must not contain '?'" })
  expect(encodePath('a#b', ': x')).toEqual({ ok: false, error: "must not contain '#'" })
})

test('a path that is taken has as many segments in the URL as it was written with', () => {
  const segment = fc.oneof(
    fc.constantFrom('.', '..', '', 'a', '%2e', '%2F', 'a?b', '#', '\\', '\r\n', '\u0000', 'ü'),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  let taken = 0
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
      const path = segments.join('/')
      const encoded = encodePath(path, '')
      if (!encoded.ok) return
      taken += 1
      const url = new URL(`https://host/base/${encoded.value}`)
      expect(url.pathname).toBe(`/base/${encoded.value}`)
      expect(url.search + url.hash).toBe('')
      const written = path.split('/')
      expect(encoded.value.split('/').map(decodeURIComponent)).toEqual(written)
      expect(written).not.toContain('')
      expect(path).not.toMatch(/[?#\\\p{Cc}]/u)
    }),
    { numRuns: 3000 },
  )
  expect(taken).toBeGreaterThan(500)
})
