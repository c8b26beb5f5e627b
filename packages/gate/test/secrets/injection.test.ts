import type { SecretBinding, SecretInjection, Target } from '@latchgate/catalogue'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { injectSecrets } from '../../src/secrets/injection.js'
import { Secret } from '../../src/secrets/port.js'

const VALUE = 'ghp_0123456789abcdef'
const NOW = (): number => Date.UTC(2015, 7, 30, 12, 36, 0)

const GET: Target = {
  method: 'GET',
  url: 'https://api.example.com/v1/x?a=1',
  headers: [['accept', '*/*']],
  body: null,
}
const POST: Target = { ...GET, method: 'POST', body: new TextEncoder().encode('{"a":{"b":1}}') }

const secret = (inject: SecretInjection, name = 'TOKEN', required = true): SecretBinding => ({
  name,
  required,
  inject,
  to: ['https://api.example.com'],
})
const values = (given: Readonly<Record<string, string>>): ReadonlyMap<string, Secret> =>
  new Map(Object.entries(given).map(([name, value]) => [name, new Secret(value)]))
const into = (
  target: Target,
  bindings: readonly SecretBinding[],
  given: Readonly<Record<string, string>> = { TOKEN: VALUE },
): ReturnType<typeof injectSecrets> => injectSecrets(target, bindings, values(given), NOW)
const header = (name: string, format = '{}'): SecretInjection => ({
  kind: 'header',
  header: name,
  format,
})

test('a header gets its format around the value, and replaces what a caller put there', () => {
  const asked: Target = { ...GET, headers: [...GET.headers, ['authorization', 'Bearer mine']] }
  expect(into(asked, [secret(header('authorization', 'Bearer {}'))])).toEqual({
    ok: true,
    value: {
      target: {
        ...GET,
        headers: [
          ['accept', '*/*'],
          ['authorization', `Bearer ${VALUE}`],
        ],
      },
      injected: [{ name: 'TOKEN', into: 'header:authorization' }],
      derived: [],
    },
  })
})

test('a value that looks like a replacement pattern or a format stays as it is', () => {
  const value = '$&$1$$-{}-0123'
  const injected = into(GET, [secret(header('x-key', 'k={};'))], { TOKEN: value })
  expect(injected.ok && injected.value.target.headers.at(-1)).toEqual(['x-key', `k=${value};`])
})

test('a query pair goes behind the others, encoded once, and the others keep their bytes', () => {
  const asked = { ...GET, url: 'https://api.example.com/v1/x?a=%2f+%20' }
  const injected = into(asked, [secret({ kind: 'query', name: 'api key' })], {
    TOKEN: "a+b &=/?#'()*!~",
  })
  if (!injected.ok) throw new Error(injected.error)
  expect(injected.value.target.url).toBe(
    'https://api.example.com/v1/x?a=%2f+%20&api%20key=a%2Bb%20%26%3D%2F%3F%23%27%28%29%2A%21~',
  )
  expect(injected.value.injected).toEqual([{ name: 'TOKEN', into: 'query:api key' }])
})

test('what is written on the wire in place of a value is to be searched for as well', () => {
  const given = { TOKEN: 'a"b/é 0123' }
  const query = into(POST, [secret({ kind: 'query', name: 'k' })], given)
  expect(query.ok && query.value.derived).toEqual(['a%22b%2F%C3%A9%200123'])
  const body = into(POST, [secret({ kind: 'body', pointer: '/k' })], given)
  expect(body.ok && body.value.derived).toEqual(['a\\"b/é 0123'])
  const plain = into(POST, [secret({ kind: 'query', name: 'k' })])
  expect(plain.ok && plain.value.derived).toEqual([])
})

test('a query that a caller names as well is refused', () => {
  const asked = { ...GET, url: 'https://api.example.com/?%6bey=mine' }
  expect(into(asked, [secret({ kind: 'query', name: 'key' })])).toEqual({
    ok: false,
    error: "secret TOKEN: the request has a query parameter 'key' already",
  })
})

test.each([
  ['/token', '{"a":{"b":1},"token":"ghp_0123456789abcdef"}'],
  ['/a/token', '{"a":{"b":1,"token":"ghp_0123456789abcdef"}}'],
  ['/a/b', '{"a":{"b":"ghp_0123456789abcdef"}}'],
  ['/x/y', '{"a":{"b":1},"x":{"y":"ghp_0123456789abcdef"}}'],
  ['/x~1y~0z', '{"a":{"b":1},"x/y~z":"ghp_0123456789abcdef"}'],
  ['/~01', '{"a":{"b":1},"~1":"ghp_0123456789abcdef"}'],
])('the body pointer %s', (pointer, body) => {
  const injected = into(POST, [secret({ kind: 'body', pointer })])
  if (!injected.ok) throw new Error(injected.error)
  expect(new TextDecoder().decode(injected.value.target.body ?? new Uint8Array())).toBe(body)
  expect(injected.value.injected).toEqual([{ name: 'TOKEN', into: `body:${pointer}` }])
})

test.each<[string, Target, string, string]>([
  ['no body', GET, '/token', 'the request has no body'],
  [
    'a body that is not JSON',
    { ...POST, body: Buffer.from('a=1') },
    '/token',
    'the body is not JSON',
  ],
  [
    'a duplicate key',
    { ...POST, body: Buffer.from('{"a":1,"a":2}') },
    '/b',
    'the body is not JSON',
  ],
  ['a scalar on the way', POST, '/a/b/c', "the body has no place at '/a/b/c'"],
  [
    'a list that ends before',
    { ...POST, body: Buffer.from('[1]') },
    '/1',
    "the body has no place at '/1'",
  ],
  [
    'an index that is a name',
    { ...POST, body: Buffer.from('[1]') },
    '/-1',
    "the body has no place at '/-1'",
  ],
  ['a pointer to the whole', POST, '', "'' does not point into the body"],
])('a body with %s is an error that says so', (_name, target, pointer, error) => {
  expect(into(target, [secret({ kind: 'body', pointer })])).toEqual({
    ok: false,
    error: `secret TOKEN: ${error}`,
  })
})

test('a body pointer to __proto__ makes a member and no prototype', () => {
  const injected = into(POST, [secret({ kind: 'body', pointer: '/__proto__/token' })])
  expect(({} as Record<string, unknown>)['token']).toBeUndefined()
  if (injected.ok) {
    const text = new TextDecoder().decode(injected.value.target.body ?? new Uint8Array())
    expect(text).toBe(`{"a":{"b":1},"__proto__":{"token":"${VALUE}"}}`)
  }
  expect(injected.ok).toBe(true)
})

const basic = (user: Extract<SecretInjection, { kind: 'basic' }>['user']): SecretInjection => ({
  kind: 'basic',
  user,
})

test('Basic with a fixed user: RFC 7617, and the blob is to be searched for', () => {
  const blob = Buffer.from(`agent:${VALUE}`).toString('base64')
  expect(into(GET, [secret(basic({ text: 'agent' }))])).toEqual({
    ok: true,
    value: {
      target: {
        ...GET,
        headers: [
          ['accept', '*/*'],
          ['authorization', `Basic ${blob}`],
        ],
      },
      injected: [{ name: 'TOKEN', into: 'header:authorization' }],
      derived: [blob],
    },
  })
})

test('Basic with a secret user: both names are in the record, the part goes nowhere by itself', () => {
  const bindings = [
    secret(basic({ secret: 'USER' })),
    secret({ kind: 'part_of', of: 'TOKEN' }, 'USER'),
  ]
  const injected = into(GET, bindings, { TOKEN: VALUE, USER: 'user-0123' })
  if (!injected.ok) throw new Error(injected.error)
  const blob = Buffer.from(`user-0123:${VALUE}`).toString('base64')
  expect(injected.value.target.headers.at(-1)).toEqual(['authorization', `Basic ${blob}`])
  expect(injected.value.injected).toEqual([
    { name: 'TOKEN', into: 'header:authorization' },
    { name: 'USER', into: 'header:authorization' },
  ])
  expect(into(GET, bindings, { TOKEN: VALUE })).toEqual({
    ok: false,
    error: 'secret TOKEN: its part USER has no value',
  })
  expect(into(GET, bindings, { TOKEN: VALUE, USER: 'user:0123' })).toEqual({
    ok: false,
    error: 'secret TOKEN: the user of Basic has a colon in it',
  })
})

const SIGV4: SecretInjection = {
  kind: 'sigv4',
  service: 'iam',
  region: 'us-east-1',
  access_key_id: 'KEY_ID',
  session_token: 'SESSION',
}

test('sigv4 signs what the other secrets made of the request, and drops a forged signature', () => {
  const asked: Target = {
    ...GET,
    headers: [
      ['authorization', 'AWS4-HMAC-SHA256 forged'],
      ['x-amz-date', '19700101T000000Z'],
      ['x-amz-target', 'T'],
    ],
  }
  const bindings = [
    secret(SIGV4),
    secret({ kind: 'part_of', of: 'TOKEN' }, 'KEY_ID'),
    secret({ kind: 'part_of', of: 'TOKEN' }, 'SESSION', false),
    secret({ kind: 'query', name: 'k' }, 'QUERY'),
  ]
  const given = { TOKEN: VALUE, KEY_ID: 'AKIDEXAMPLE', QUERY: 'query-secret' }
  const injected = into(asked, bindings, given)
  if (!injected.ok) throw new Error(injected.error)
  const { target, derived } = injected.value
  expect(target.headers.map(([name]) => name)).toEqual([
    'x-amz-target',
    'x-amz-date',
    'authorization',
  ])
  expect(target.headers[1]).toEqual(['x-amz-date', '20150830T123600Z'])
  const authorization = target.headers[2]?.[1] ?? ''
  expect(authorization).toContain('SignedHeaders=host;x-amz-date;x-amz-target, ')
  expect(authorization.endsWith(`Signature=${derived[0]}`)).toBe(true)
  expect(injected.value.injected).toEqual([
    { name: 'QUERY', into: 'query:k' },
    { name: 'TOKEN', into: 'header:authorization' },
    { name: 'KEY_ID', into: 'header:authorization' },
  ])
  const without = into(asked, bindings.slice(0, 3), given)
  expect(without.ok && without.value.derived[0] !== derived[0], 'the query is signed').toBe(true)
  const session = into(asked, bindings, { ...given, SESSION: 'session-token' })
  if (!session.ok) throw new Error(session.error)
  expect(session.value.target.headers).toContainEqual(['x-amz-security-token', 'session-token'])
  expect(session.value.injected).toContainEqual({
    name: 'SESSION',
    into: 'header:x-amz-security-token',
  })
})

const PREFIX = 'https://hooks.example.com/services/'
const URL_SECRET: SecretInjection = { kind: 'url', prefix: PREFIX }

test('a URL secret replaces the prefix that the plan showed', () => {
  const value = `${PREFIX}T000/B000/abcdefghijkl?x=1`
  expect(into({ ...POST, url: PREFIX }, [secret(URL_SECRET)], { TOKEN: value })).toMatchObject({
    ok: true,
    value: { target: { url: value, body: POST.body }, injected: [{ name: 'TOKEN', into: 'url' }] },
  })
})

test.each([
  [
    'another request than the prefix',
    `${PREFIX}more`,
    `${PREFIX}secret`,
    'the request is not exactly the prefix of the secret URL',
  ],
  [
    'another host',
    PREFIX,
    'https://evil.example/services/x',
    'the secret URL does not begin with its prefix',
  ],
  ['a way out by dots', PREFIX, `${PREFIX}../../x`, 'the secret URL leads out of its prefix'],
  [
    'a way out by encoded dots',
    PREFIX,
    `${PREFIX}%2e%2e/x`,
    'the secret URL leads out of its prefix',
  ],
  [
    'a way out by a backslash',
    PREFIX,
    `${PREFIX}..\\..\\x`,
    'the secret URL leads out of its prefix',
  ],
  ['a fragment', PREFIX, `${PREFIX}abc#frag`, 'the secret URL has a fragment, which is never sent'],
  ['white space', PREFIX, `${PREFIX}a\tb`, 'the secret is not a URL'],
])('a URL secret with %s is refused', (_name, url, value, error) => {
  expect(into({ ...GET, url }, [secret(URL_SECRET)], { TOKEN: value })).toEqual({
    ok: false,
    error: `secret TOKEN: ${error}`,
  })
})

test.each([
  ['a line feed', 'abcd\nefghij', 'it has a line break or NUL in it'],
  ['a carriage return', 'abcd\refghij', 'it has a line break or NUL in it'],
  ['a NUL', 'abcd\0efghij', 'it has a line break or NUL in it'],
  ['seven bytes', 'abcdefg', 'it is shorter than 8 bytes'],
  ['no bytes', '', 'it is shorter than 8 bytes'],
])('a value with %s goes nowhere, whatever the place', (_name, value, error) => {
  const places: readonly SecretInjection[] = [
    header('x-key'),
    { kind: 'query', name: 'k' },
    { kind: 'body', pointer: '/k' },
    basic({ text: 'u' }),
    URL_SECRET,
  ]
  for (const place of places) {
    const result = into(POST, [secret(place)], { TOKEN: value })
    expect(result, place.kind).toEqual({ ok: false, error: `secret TOKEN: ${error}` })
  }
  const parts = [
    secret(basic({ secret: 'USER' })),
    secret({ kind: 'part_of', of: 'TOKEN' }, 'USER'),
  ]
  expect(into(GET, parts, { TOKEN: VALUE, USER: value })).toEqual({
    ok: false,
    error: `secret USER: ${error}`,
  })
})

test('eight bytes are enough, counted as UTF-8', () => {
  expect(into(GET, [secret({ kind: 'query', name: 'k' })], { TOKEN: 'éèêë' }).ok).toBe(true)
})

test.each([
  'connection',
  'Content-Length',
  'expect',
  'HOST',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'Transfer-Encoding',
  'upgrade',
])('a header of the connection takes no secret: %s', (name) => {
  const result = into(GET, [secret(header(name))])
  expect(result).toEqual({
    ok: false,
    error: `secret TOKEN: '${name.toLowerCase()}' belongs to the connection`,
  })
})

test.each(['tab\tinside', 'umlaut-ä-value', ' leading-space', 'trailing-space ', 'del\x7finside'])(
  'a header takes visible ASCII only: %j is refused and not quoted',
  (value) => {
    expect(into(GET, [secret(header('x-key'))], { TOKEN: value })).toEqual({
      ok: false,
      error: 'secret TOKEN: a header takes visible ASCII only',
    })
  },
)

test('two secrets in one place are refused', () => {
  const bindings = [secret(header('x-key'), 'ONE'), secret(header('X-Key'.toLowerCase()), 'TWO')]
  expect(into(GET, bindings, { ONE: VALUE, TWO: VALUE })).toEqual({
    ok: false,
    error: 'two secrets in one place: header:x-key',
  })
  const both = [secret(header('authorization'), 'ONE'), secret(basic({ text: 'u' }), 'TWO')]
  expect(into(GET, both, { ONE: VALUE, TWO: VALUE })).toEqual({
    ok: false,
    error: 'two secrets in one place: header:authorization',
  })
})

test('an optional secret without a value changes nothing; a required one is an error', () => {
  const place = header('x-key')
  expect(into(GET, [secret(place, 'TOKEN', false)], {})).toEqual({
    ok: true,
    value: { target: GET, injected: [], derived: [] },
  })
  expect(into(GET, [secret(place)], {})).toEqual({
    ok: false,
    error: 'secret TOKEN: it has no value',
  })
})

test('no error quotes a value, whatever it is', () => {
  const kinds: readonly SecretInjection[] = [
    header('x-key', 'Bearer {}'),
    { kind: 'query', name: 'a' },
    { kind: 'body', pointer: '/a/b/c' },
    basic({ text: 'u:v' }),
    URL_SECRET,
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.string({ minLength: 4, unit: 'binary' }),
      (kind, text) => {
        const value = `~~${text}`
        const result = into(POST, [secret(kind)], { TOKEN: value })
        if (!result.ok) expect(result.error).not.toContain(value)
      },
    ),
  )
})

test('the request as planned is not changed: the record is of what was authorised', () => {
  const body = POST.body?.slice()
  const headers = structuredClone(POST.headers)
  into(POST, [secret({ kind: 'body', pointer: '/k' }), secret(header('x-k'), 'TWO')], {
    TOKEN: VALUE,
    TWO: VALUE,
  })
  expect([POST.body, POST.headers]).toEqual([body, headers])
})
