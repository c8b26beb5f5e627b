import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseHost } from '../src/index.js'

// Actions spec 20.1, with what it calls required in place of what the reference does.
const rows: readonly (readonly [string, string | null])[] = [
  ['https://api.github.com/repos', 'api.github.com'],
  ['http://localhost:8080/path', 'localhost'],
  ['https://API.GitHub.COM/repos', 'api.github.com'],
  ['user@example.com', 'example.com'],
  ['user@smtp.example.com:587', 'smtp.example.com'],
  ['hooks.slack.com', 'hooks.slack.com'],
  ['localhost', null],
  ['', null],
  ['http://192.168.1.1:8080/path', '192.168.1.1'],
  ['http://[::1]:8080/path', '[::1]'],
  ['ftp://files.example.com/data', 'files.example.com'],
  ['https://evil.com@legit.com/', 'legit.com'],
  ['https://legit.com\\@evil.com/', 'legit.com'],
  ['https://EVIL.com/@api.github.com', 'evil.com'],
  ['https://%65vil.com/@api.github.com', 'evil.com'],
  ['https://EVIL.COM?x=@api.github.com', 'evil.com'],
  ['https://api.github.com./', 'api.github.com.'],
  ['http://0x7f000001/', '127.0.0.1'],
  ['http://0177.0.0.1/', '127.0.0.1'],
  ['http://2130706433/', '127.0.0.1'],
  ['http://127.1/', '127.0.0.1'],
  ['http://[::ffff:127.0.0.1]/', '[::ffff:7f00:1]'],
  ['https://münchen.de/', 'xn--mnchen-3ya.de'],
  ['https:api.github.com', 'api.github.com'],
  ['https:///api.github.com', 'api.github.com'],
  ['mailto:user@example.com', 'example.com'],
  ['file:///etc/passwd', null],
  ['javascript:alert(1)', null],
  ['data:text/plain,a', null],
  ['//api.github.com/x', null],
  ['bar.com/path', null],
  ['https://a.com:99999/', null],
  ['api.github.com:443/x', 'api.github.com'],
]

for (const [text, host] of rows) {
  test(`the host of ${JSON.stringify(text)} is ${host}`, () => {
    expect(parseHost(text)).toBe(host)
  })
}

test('a broken URL with a good host behind an @ has no host', () => {
  expect(parseHost('https://evil.com:99999/@api.github.com')).toBeNull()
  expect(parseHost('//evil.com/@api.github.com')).toBeNull()
  expect(parseHost('\\\\evil.com\\@api.github.com')).toBeNull()
})

test('a sign that only looks like a letter is not folded into one', () => {
  expect(parseHost('user@slac\u212a.com')).toBe('slac\u212a.com')
})

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.webUrl(),
  fc.emailAddress(),
  fc
    .array(fc.constantFrom('a', '.', '@', ':', '/', 'B', '[', ']', '%', ' ', '\u0000'), {
      maxLength: 12,
    })
    .map((parts) => parts.join('')),
)

test('a host is never empty, is lower case, and is the host of itself or of nothing', () => {
  fc.assert(
    fc.property(text, (input) => {
      const host = parseHost(input)
      if (host === null) return
      expect(host).not.toBe('')
      expect(host).not.toMatch(/[A-Z]/)
      expect([host, null]).toContain(parseHost(host))
    }),
    { numRuns: 2000 },
  )
})
