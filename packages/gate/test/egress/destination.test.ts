import { loopbackOnly, startUpstream } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createEgress } from '../../src/egress/pinned-client.js'
import type { EgressRequest, EgressResult } from '../../src/egress/port.js'
import { requestTo, SECRET } from './egress-fixture.js'

/** Sends through an egress whose resolver must not be asked. */
async function refused(url: string, overrides: Partial<EgressRequest> = {}): Promise<string> {
  const asked: string[] = []
  const egress = createEgress({
    unsafeResolve: new Map(),
    extraCaPem: null,
    route: loopbackOnly,
    lookup: async (host) => {
      asked.push(host)
      return []
    },
    ownAddresses: () => ['8.8.4.4', '2606:4700::1'],
  })
  onTestFinished(() => egress.close())
  const result: EgressResult = await egress.request(requestTo(url, overrides))
  expect(asked).toEqual([])
  expect(result).toMatchObject({
    outcome: 'not_sent',
    address: null,
    certificateSha256: null,
    status: null,
    response: null,
  })
  expect(result.error?.type).toBe('egress_denied')
  expect(result.error?.message).not.toContain(SECRET)
  return result.error?.message ?? ''
}

const REFUSED_URLS: readonly (readonly [url: string, message: string])[] = [
  ['not a url', 'not a usable destination: invalid URL'],
  ['https://', 'not a usable destination: invalid URL'],
  [
    'file:///etc/passwd',
    "not a usable destination: scheme 'file' is not allowed (only http/https)",
  ],
  ['ftp://example.com/', "not a usable destination: scheme 'ftp' is not allowed (only http/https)"],
  [
    `https://user:${SECRET}@example.com/`,
    'not a usable destination: a URL with user information is not allowed',
  ],
  [
    'https://example.com@evil.test/',
    'not a usable destination: a URL with user information is not allowed',
  ],
  ['https://example.com./', 'not a usable destination: a host with a trailing dot is not allowed'],
  [
    'https://example.com:8443/',
    'port 8443 is not allowed for https (https uses 443, http uses 80)',
  ],
  ['https://example.com:80/', 'port 80 is not allowed for https (https uses 443, http uses 80)'],
  ['http://example.com:443/', 'port 443 is not allowed for http (https uses 443, http uses 80)'],
  ['http://example.com:6379/', 'port 6379 is not allowed for http (https uses 443, http uses 80)'],
  ['https://evil.test/', 'evil.test is not on the allow list of this call'],
  ['https://notexample.com/', 'notexample.com is not on the allow list of this call'],
  ['https://exаmple.com/', 'xn--exmple-4nf.com is not on the allow list of this call'],
  ['http://example.com/', 'a request with credentials to example.com needs https'],
]

for (const [url, message] of REFUSED_URLS) {
  test(`${url} is refused before the resolver is asked`, async () => {
    expect(await refused(url)).toBe(message)
  })
}

const LITERALS: readonly (readonly [host: string, shown: string, range: string])[] = [
  ['127.0.0.1', '127.0.0.1', 'loopback'],
  ['2130706433', '127.0.0.1', 'loopback'],
  ['0x7f.1', '127.0.0.1', 'loopback'],
  ['0.0.0.0', '0.0.0.0', 'this network'],
  ['10.1.2.3', '10.1.2.3', 'private'],
  ['169.254.169.254', '169.254.169.254', 'link-local'],
  ['100.64.0.1', '100.64.0.1', 'carrier-grade NAT'],
  ['[::1]', '[::1]', 'loopback'],
  ['[::]', '[::]', 'unspecified'],
  ['[::ffff:169.254.169.254]', '[::ffff:a9fe:a9fe]', 'link-local'],
  ['[fe80::1]', '[fe80::1]', 'link-local'],
  ['[fd00::1]', '[fd00::1]', 'unique local'],
  ['[64:ff9b::7f00:1]', '[64:ff9b::7f00:1]', 'NAT64'],
]

for (const [host, shown, range] of LITERALS) {
  test(`the literal ${host} is refused without resolving, although it is on the list`, async () => {
    const message = await refused(`https://${host}/`, { allow: [shown] })
    expect(message.startsWith(`${shown} is not a public address (${range}`)).toBe(true)
  })
}

test('an empty allow list allows nothing', async () => {
  const message = await refused('https://example.com/', { allow: [] })
  expect(message).toBe('example.com is not on the allow list of this call')
})

test("a literal address of the gate's own host is no destination", async () => {
  for (const [host, shown] of [
    ['8.8.4.4', '8.8.4.4'],
    ['[::ffff:8.8.4.4]', '::ffff:808:404'],
    ['[2606:4700:0::1]', '2606:4700::1'],
  ] as const) {
    const message = await refused(`https://${host}/`, { allow: [host, `[${shown}]`] })
    expect(message).toBe(`${shown} is an address of this host itself`)
  }
})

test('methods that tunnel or reflect, and those that are no token, are refused', async () => {
  for (const method of ['CONNECT', 'TRACE', 'TRACK', 'connect']) {
    const message = await refused('https://example.com/', { method })
    expect(message).toBe(`method ${method} is not allowed`)
  }
  for (const method of ['', 'GET /', 'GET\r\nHost: evil', 'GÉT']) {
    const message = await refused('https://example.com/', { method })
    expect(message).toBe('the method is not an HTTP token')
  }
})

test('a header that could end the header block is refused, and its value not shown', async () => {
  for (const value of [`${SECRET}\r\nx: y`, `${SECRET}\ny`, `${SECRET}\0`, `${SECRET}\u007f`]) {
    const message = await refused('https://example.com/', { headers: [['X-Token', value]] })
    expect(message).toBe('header x-token has a value that cannot be sent')
  }
  for (const name of ['', 'a b', 'a:b', 'a\r\nb', 'ä']) {
    const message = await refused('https://example.com/', { headers: [[name, SECRET]] })
    expect(message).toBe('a header name is not an HTTP token')
  }
})

test('unsafe_resolve lifts address and port rules for exactly its host and port', async () => {
  const upstream = await startUpstream({ scheme: 'http' })
  onTestFinished(() => upstream.close())
  const asked: string[] = []
  const egress = createEgress({
    unsafeResolve: new Map([
      ['127.0.0.1:9999', upstream.address],
      ['API.example.com:8080', upstream.address],
    ]),
    extraCaPem: null,
    route: loopbackOnly,
    lookup: async (host) => {
      asked.push(host)
      return []
    },
  })
  onTestFinished(() => egress.close())
  const ask = (url: string, allow: string): Promise<EgressResult> =>
    egress.request(requestTo(url, { allow: [allow] }))
  expect((await ask('http://127.0.0.1:9999/a', '127.0.0.1')).status).toBe(200)
  expect((await ask('http://api.example.com:8080/b', 'example.com')).status).toBe(200)
  expect(upstream.requests.map(({ headers }) => headers['host'])).toEqual([
    '127.0.0.1:9999',
    'api.example.com:8080',
  ])
  // The allow list stays, and so do the rules for every other port and host.
  for (const [url, allow] of [
    ['http://127.0.0.1:9999/', 'example.com'],
    ['http://127.0.0.1:9998/', '127.0.0.1'],
    ['https://127.0.0.1/', '127.0.0.1'],
    ['http://sub.api.example.com:8080/', 'example.com'],
  ] as const) {
    expect((await ask(url, allow)).error?.type).toBe('egress_denied')
  }
  expect(asked).toEqual([])
  expect(upstream.requests).toHaveLength(2)
})

test('an entry of unsafe_resolve that is not host:port = ip:port stops the start', () => {
  for (const [from, to] of [
    ['example.com', '127.0.0.1:1'],
    ['https://example.com:443', '127.0.0.1:1'],
    ['example.com:443', 'localhost:1'],
    ['example.com:443', '127.0.0.1'],
    ['example.com:443', '127.0.0.1:0'],
    ['example.com:443', '127.0.0.1:65536'],
    ['example.com:443', '::1:443'],
  ] as const) {
    const options = { unsafeResolve: new Map([[from, to]]), extraCaPem: null }
    expect(() => createEgress(options)).toThrow(`egress.unsafe_resolve: "${from}"`)
  }
})
