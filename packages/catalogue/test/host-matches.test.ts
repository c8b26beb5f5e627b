import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostMatches } from '../src/index.js'

// Actions spec 20.3.
const rows: readonly (readonly [string, readonly string[], boolean])[] = [
  ['api.github.com', ['api.github.com'], true],
  ['sub.api.github.com', ['api.github.com'], true],
  ['API.GitHub.COM', ['github.com'], true],
  ['evil-api.com', ['api.com'], false],
  ['notapi.com', ['api.com'], false],
  ['my-bucket.s3.amazonaws.com', ['*.s3.amazonaws.com'], true],
  ['a.b.c.s3.amazonaws.com', ['*.s3.amazonaws.com'], true],
  ['A.B.S3.AMAZONAWS.COM', ['*.s3.amazonaws.com'], true],
  ['s3.amazonaws.com', ['*.s3.amazonaws.com'], false],
  ['evil.notamazonaws.com', ['*.s3.amazonaws.com'], false],
  ['api.com.', ['api.com'], false],
  ['x.com', ['long-domain.example.com'], false],
  ['example.com', [], false],
  ['', ['api.github.com'], false],
  ['example.com', [''], false],
  ['anything.com', ['*.'], false],
  ['anything.com', ['*'], false],
  ['user@mail.example.com', ['example.com'], true],
  ['user@evil-example.com', ['example.com'], false],
  ['my-bucket', ['my-bucket'], true],
  ['localhost', ['localhost'], true],
  ['api.github.com', ['other.com', 'API.github.com'], true],
]

for (const [host, entries, expected] of rows) {
  test(`${JSON.stringify(host)} ${expected ? 'is' : 'is not'} covered by [${entries.join()}]`, () => {
    expect(hostMatches(host, entries)).toBe(expected)
  })
}

// In 0.2.0 each of these matched.
const mended: readonly (readonly [string, readonly string[]])[] = [
  ['example.com', ['com']],
  ['x.a', ['a']],
  ['x.localhost', ['localhost']],
  ['example.com.', ['']],
  ['1.2.3.4', ['3.4']],
]

for (const [host, entries] of mended) {
  test(`'${host}' is not covered by [${entries.join()}], as it was in 0.2.0 (design 8)`, () => {
    expect(hostMatches(host, entries)).toBe(false)
  })
}

test('an exact entry covers the host and no subdomain', () => {
  expect(hostMatches('api.github.com', ['=api.github.com'])).toBe(true)
  expect(hostMatches('API.github.com', ['=api.GITHUB.com'])).toBe(true)
  expect(hostMatches('evil.api.github.com', ['=api.github.com'])).toBe(false)
  expect(hostMatches('', ['='])).toBe(false)
})

test('an address is never below an entry', () => {
  expect(hostMatches('1.2.3.4', ['3.4'])).toBe(false)
  expect(hostMatches('1.2.3.4', ['*.3.4'])).toBe(false)
  expect(hostMatches('1.2.3.4', ['2.3.4'])).toBe(false)
  expect(hostMatches('1.2.3.4', ['1.2.3.4'])).toBe(true)
  expect(hostMatches('x.1.2.3.4', ['1.2.3.4'])).toBe(false)
  expect(hostMatches('[::1]', ['[::1]'])).toBe(true)
  expect(hostMatches('[::1]', ['::1'])).toBe(false)
})

test('a host that only folds to an entry in Unicode is not covered', () => {
  expect(hostMatches('slac\u212a.com', ['slack.com'])).toBe(false)
})

const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
const domain = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'))

test('the letter case of host and entry changes nothing', () => {
  fc.assert(
    fc.property(domain, domain, fc.constantFrom('', '=', '*.'), (host, name, form) => {
      const entry = form + name
      const expected = hostMatches(host, [entry])
      expect(hostMatches(host.toUpperCase(), [entry])).toBe(expected)
      expect(hostMatches(host, [entry.toUpperCase()])).toBe(expected)
    }),
  )
})

test('an entry covers what stands before a dot in front of it, and nothing without the dot', () => {
  fc.assert(
    fc.property(domain, label, (entry, prefix) => {
      expect(hostMatches(`${prefix}.${entry}`, [entry])).toBe(true)
      expect(hostMatches(`${prefix}.${entry}`, [`*.${entry}`])).toBe(true)
      expect(hostMatches(prefix + entry, [entry, `*.${entry}`])).toBe(false)
      expect(hostMatches(`${entry}.${prefix}`, [entry, `*.${entry}`])).toBe(
        `${entry}.${prefix}`.endsWith(`.${entry}`),
      )
    }),
  )
})
