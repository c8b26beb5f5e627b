import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDestination } from '../src/index.js'

const accepted: readonly (readonly [string, string, number, string])[] = [
  ['https://api.github.com/repos', 'api.github.com', 443, '/repos'],
  ['http://localhost:8080/path', 'localhost', 8080, '/path'],
  ['https://API.GitHub.COM/repos?x=1#y', 'api.github.com', 443, '/repos'],
  ['http://192.168.1.1:8080/path', '192.168.1.1', 8080, '/path'],
  ['http://[::1]:8080/path', '[::1]', 8080, '/path'],
  ['https://EVIL.com/@api.github.com', 'evil.com', 443, '/@api.github.com'],
  ['https://%65vil.com/@api.github.com', 'evil.com', 443, '/@api.github.com'],
  ['https://EVIL.COM?x=@api.github.com', 'evil.com', 443, '/'],
  ['http://0x7f000001/', '127.0.0.1', 80, '/'],
  ['http://0177.0.0.1/', '127.0.0.1', 80, '/'],
  ['http://2130706433/', '127.0.0.1', 80, '/'],
  ['http://127.1/', '127.0.0.1', 80, '/'],
  ['http://[::ffff:127.0.0.1]/', '[::ffff:7f00:1]', 80, '/'],
  ['https://münchen.de/', 'xn--mnchen-3ya.de', 443, '/'],
  ['https:api.github.com', 'api.github.com', 443, '/'],
  ['https:///api.github.com', 'api.github.com', 443, '/'],
  ['https://a.com:443/', 'a.com', 443, '/'],
  ['http://a.com:443/', 'a.com', 443, '/'],
]

for (const [url, host, port, path] of accepted) {
  test(`${url} leads to ${host}:${port}`, () => {
    const parsed = parseDestination(url)
    const literal = host.startsWith('[') || /^[0-9.]+$/.test(host)
    const scheme = url.startsWith('https') ? 'https' : 'http'
    expect(parsed).toEqual({ ok: true, value: { scheme, host, port, path, literal } })
  })
}

// Spec 20.1 gives each of these a host; design 8 refuses them.
const mended: readonly (readonly [string, string])[] = [
  ['https://evil.com@legit.com/', 'a URL with user information is not allowed'],
  ['https://user:@legit.com/', 'a URL with user information is not allowed'],
  ['https://:pw@legit.com/', 'a URL with user information is not allowed'],
  ['https://api.github.com./', 'a host with a trailing dot is not allowed'],
  ['https://api.github.com%2e/', 'a host with a trailing dot is not allowed'],
  // A destination is a URL: bare names and mail addresses have a host and lead nowhere.
  ['hooks.slack.com', 'invalid URL'],
  ['user@example.com', 'invalid URL'],
  ['api.github.com:443/x', "scheme 'api.github.com' is not allowed (only http/https)"],
  ['user@smtp.example.com:587', 'invalid URL'],
]

const refused: readonly (readonly [string, string])[] = [
  ['https://a..b/', 'a host with an empty label is not allowed'],
  [`https://${'a.'.repeat(128)}b/`, 'the host is too long'],
  ['ftp://files.example.com/data', "scheme 'ftp' is not allowed (only http/https)"],
  ['file:///etc/passwd', "scheme 'file' is not allowed (only http/https)"],
  ['gopher://a.com/', "scheme 'gopher' is not allowed (only http/https)"],
  ['mailto:user@example.com', "scheme 'mailto' is not allowed (only http/https)"],
  ['javascript:alert(1)', "scheme 'javascript' is not allowed (only http/https)"],
  ['data:text/plain,a', "scheme 'data' is not allowed (only http/https)"],
  ['localhost', 'invalid URL'],
  ['//api.github.com/x', 'invalid URL'],
  ['bar.com/path', 'invalid URL'],
  ['https://a.com:99999/', 'invalid URL'],
  ['https://1.2.3.4.5/', 'invalid URL'],
  ['http://[fe80::1%25eth0]/', 'invalid URL'],
  ['', 'invalid URL'],
]

for (const [url, error] of mended) {
  test(`${url} is refused where 0.2.0 saw a host (design 8): ${error}`, () => {
    expect(parseDestination(url)).toEqual({ ok: false, error })
  })
}

for (const [url, error] of refused) {
  test(`${url.slice(0, 60) || 'the empty text'} is refused: ${error}`, () => {
    expect(parseDestination(url)).toEqual({ ok: false, error })
  })
}

test('no error quotes the URL, which may hold a secret', () => {
  const quoting = [...refused, ...mended].filter(
    ([url, error]) => url !== '' && error.includes(url),
  )
  expect(quoting).toEqual([])
})

test('every port is read as it stands: which may be used is decided where the scheme is known', () => {
  for (const port of [8080, 6379, 9200, 25, 80, 443]) {
    const parsed = parseDestination(`https://a.com:${port}/`)
    expect(parsed.ok && parsed.value.port).toBe(port)
  }
})

test('a backslash before an @ ends the host, as it does for the HTTP client', () => {
  const parsed = parseDestination('https://legit.com\\@evil.com/')
  expect(parsed.ok && parsed.value.host).toBe('legit.com')
})

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom('https://', 'http://', 'https:', '//', '@', ':', '/', '\\', '?', '#', '.'),
      fc.constantFrom(
        'evil.com',
        'api.github.com',
        '127.1',
        '[::1]',
        '%2e',
        '%40',
        'ａ',
        '\t',
        ' ',
      ),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 10 },
  )
  .map((parts) => parts.join(''))

test('whatever is accepted leads exactly where WHATWG URL leads', () => {
  let seen = 0
  fc.assert(
    fc.property(fc.oneof(fc.webUrl({ withFragments: true }), hostile), (text) => {
      const parsed = parseDestination(text)
      if (!parsed.ok) return
      seen += 1
      const url = new URL(text)
      const port = url.port === '' ? { 'http:': 80, 'https:': 443 }[url.protocol] : Number(url.port)
      expect(parsed.value.host).toBe(url.hostname)
      expect(parsed.value.port).toBe(port)
      expect(`${parsed.value.scheme}:`).toBe(url.protocol)
      expect(parsed.value.path).toBe(url.pathname)
      expect(url.username + url.password).toBe('')
      // The same again for the form that is sent.
      expect(parseDestination(url.href)).toEqual(parsed)
    }),
    { numRuns: 3000 },
  )
  expect(seen).toBeGreaterThan(500)
})
