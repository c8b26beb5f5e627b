import type { Json, JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { manifest, PLAIN, problemsOf, schema } from './manifest-text.js'

const template = PLAIN['template'] as JsonObject

/** A medium-risk manifest with these secrets. */
function withSecrets(secrets: Json, change: JsonObject = {}): JsonObject {
  return { risk_level: 'medium', secrets, ...change }
}

const TOKEN = { name: 'TOKEN', required: true, inject: { header: 'authorization' } }

const callerHost = {
  template: { method: 'GET', url_template: '{{id}}' },
  egress: { profile: 'proxy_allowlist', allowed_domains: [] },
}

const posting = (body_template: Json, change: JsonObject = {}): JsonObject => ({
  declared_side_effects: ['http_write'],
  template: {
    method: 'POST',
    url_template: 'https://tickets.example.com/x',
    body_template,
    ...change,
  },
})

type Row = readonly [title: string, change: JsonObject, key: string, problem: string, fix: string]

const rows: readonly Row[] = [
  ['a secret that is text', withSecrets(['TOKEN']), 'secrets[0]', 'must be a mapping', 'inject'],
  [
    'a secret without a name',
    withSecrets([{ inject: { header: 'a' } }]),
    'secrets[0].name',
    'name is missing',
    'API_TOKEN',
  ],
  [
    'a name in lower case',
    withSecrets([{ ...TOKEN, name: 'token' }]),
    'secrets[0].name',
    "'token' is not the name of a secret",
    'capitals',
  ],
  [
    'a name twice',
    withSecrets([TOKEN, { name: 'TOKEN', inject: { header: 'x-b' } }]),
    'secrets[1].name',
    "'TOKEN' is declared twice",
    'remove one',
  ],
  [
    'a secret that goes nowhere',
    withSecrets([{ name: 'TOKEN' }]),
    'secrets[0].inject',
    'it would reach nobody',
    'header: authorization',
  ],
  [
    'a secret in two places',
    withSecrets([{ name: 'TOKEN', inject: { header: 'a', query: 'b' } }]),
    'secrets[0].inject',
    'two places: header, query',
    'exactly one',
  ],
  [
    'a secret in no place',
    withSecrets([{ name: 'TOKEN', inject: {} }]),
    'secrets[0].inject',
    'no place is named',
    'exactly one',
  ],
  [
    'an unknown place',
    withSecrets([{ name: 'TOKEN', inject: { heder: 'a', query: 'x' } }]),
    'secrets[0].inject.heder',
    "unknown key 'heder'",
    "did you mean 'header'?",
  ],
  [
    'an unknown key of a secret',
    withSecrets([{ ...TOKEN, requird: true }]),
    'secrets[0].requird',
    "unknown key 'requird'",
    "did you mean 'required'?",
  ],
  [
    'required as text',
    withSecrets([{ ...TOKEN, required: 'yes' }]),
    'secrets[0].required',
    'must be true or false',
    'without quotes',
  ],
  [
    'a format without a header',
    withSecrets([{ name: 'TOKEN', inject: { query: 'key', format: 'x{}' } }]),
    'secrets[0].inject.format',
    "'format' belongs to header, not to query",
    'remove',
  ],
  ...[
    'host',
    'Content-Length',
    'transfer-encoding',
    'Connection',
    'keep-alive',
    'TE',
    'trailer',
    'upgrade',
    'proxy-authorization',
    'proxy-connection',
    'expect',
  ].map(
    (header): Row => [
      `the header ${header}`,
      withSecrets([{ name: 'TOKEN', inject: { header } }]),
      'secrets[0].inject.header',
      `'${header.toLowerCase()}' belongs to the connection`,
      'the API documents',
    ],
  ),
  [
    'a header with a line break',
    withSecrets([{ name: 'TOKEN', inject: { header: 'a\r\nb' } }]),
    'secrets[0].inject.header',
    'is not a header name',
    'authorization',
  ],
  [
    'a format without a place',
    withSecrets([{ name: 'TOKEN', inject: { header: 'a', format: 'Bearer' } }]),
    'secrets[0].inject.format',
    'must hold {} exactly once',
    'Bearer {}',
  ],
  [
    'a format with two places',
    withSecrets([{ name: 'TOKEN', inject: { header: 'a', format: '{}{}' } }]),
    'secrets[0].inject.format',
    'must hold {} exactly once',
    'Bearer {}',
  ],
  [
    'a format with a line break',
    withSecrets([{ name: 'TOKEN', inject: { header: 'a', format: 'x\n{}' } }]),
    'secrets[0].inject.format',
    'without line breaks',
    'Bearer {}',
  ],
  [
    'a query without a name',
    withSecrets([{ name: 'TOKEN', inject: { query: '' } }]),
    'secrets[0].inject.query',
    'must not be empty',
    'key',
  ],
  [
    'a body pointer without a slash',
    withSecrets([{ name: 'TOKEN', inject: { body: 'token' } }], posting({ id: '{{id}}' })),
    'secrets[0].inject.body',
    "'token' is not a JSON pointer",
    '/auth/token',
  ],
  [
    'a body pointer to the whole body',
    withSecrets([{ name: 'TOKEN', inject: { body: '/' } }], posting({ id: '{{id}}' })),
    'secrets[0].inject.body',
    'is not a JSON pointer',
    '/auth/token',
  ],
  [
    'a body secret without a body',
    withSecrets([{ name: 'TOKEN', inject: { body: '/token' } }]),
    'secrets[0].inject.body',
    'only a JSON body_template',
    'use a header',
  ],
  [
    "a body secret in the caller's body",
    withSecrets([{ name: 'TOKEN', inject: { body: '/token' } }], posting('{{id}}')),
    'secrets[0].inject.body',
    'only a JSON body_template',
    'use a header',
  ],
  [
    'a body secret in a form',
    withSecrets(
      [{ name: 'TOKEN', inject: { body: '/token' } }],
      posting({ id: '{{id}}' }, { body_encoding: 'form' }),
    ),
    'secrets[0].inject.body',
    'only a JSON body_template',
    'use a header',
  ],
  [
    'a body secret over a member',
    withSecrets([{ name: 'TOKEN', inject: { body: '/id' } }], posting({ id: '{{id}}' })),
    'secrets[0].inject.body',
    'is taken',
    'does not set',
  ],
  [
    "a body secret inside the caller's value",
    withSecrets([{ name: 'TOKEN', inject: { body: '/id/x' } }], posting({ id: '{{id}}' })),
    'secrets[0].inject.body',
    'lies inside',
    'does not set',
  ],
  [
    'Basic without a user',
    withSecrets([{ name: 'TOKEN', inject: { basic: {} } }]),
    'secrets[0].inject.basic.user',
    'user is missing',
    'password',
  ],
  [
    'a Basic user with a colon',
    withSecrets([{ name: 'TOKEN', inject: { basic: { user: 'a:b' } } }]),
    'secrets[0].inject.basic.user',
    'without a colon',
    'password',
  ],
  [
    'a Basic user that is not declared',
    withSecrets([{ name: 'TOKEN', inject: { basic: { user: { secret: 'USER' } } } }]),
    'secrets[0].inject',
    "'USER' is not declared as part of 'TOKEN'",
    'part_of: TOKEN',
  ],
  [
    'a Basic user with a place of its own',
    withSecrets([
      { name: 'TOKEN', inject: { basic: { user: { secret: 'USER' } } } },
      { name: 'USER', inject: { header: 'x-user' } },
    ]),
    'secrets[0].inject',
    "'USER' is not declared as part of 'TOKEN'",
    'part_of: TOKEN',
  ],
  [
    'a required secret with an optional part',
    withSecrets([
      { name: 'TOKEN', required: true, inject: { basic: { user: { secret: 'USER' } } } },
      { name: 'USER', inject: { part_of: 'TOKEN' } },
    ]),
    'secrets[0].inject',
    "its part 'USER' is not",
    'required: true on USER',
  ],
  [
    'a part of nothing',
    withSecrets([TOKEN, { name: 'USER', inject: { part_of: 'TOKN' } }]),
    'secrets[1].inject.part_of',
    "'TOKN' is not a declared secret",
    "did you mean 'TOKEN'?",
  ],
  [
    'a part of itself',
    withSecrets([{ name: 'USER', inject: { part_of: 'USER' } }]),
    'secrets[0].inject.part_of',
    "'USER' has no place for 'USER'",
    'basic or sigv4',
  ],
  [
    'a part that nobody asks for',
    withSecrets([TOKEN, { name: 'USER', inject: { part_of: 'TOKEN' } }]),
    'secrets[1].inject.part_of',
    "'TOKEN' has no place for 'USER'",
    'basic or sigv4',
  ],
  [
    'SigV4 without a region',
    withSecrets([
      { name: 'KEY', inject: { sigv4: { service: 's3', access_key_id: 'ID' } } },
      { name: 'ID', inject: { part_of: 'KEY' } },
    ]),
    'secrets[0].inject.sigv4.region',
    'region is missing',
    'eu-west-1',
  ],
  [
    'SigV4 without its key id',
    withSecrets([
      { name: 'KEY', inject: { sigv4: { service: 's3', region: 'r', access_key_id: 'ID' } } },
    ]),
    'secrets[0].inject',
    "'ID' is not declared as part of 'KEY'",
    'part_of: KEY',
  ],
  [
    'a URL prefix without TLS',
    withSecrets([{ name: 'HOOK', inject: { url: { prefix: 'http://tickets.example.com/' } } }]),
    'secrets[0].inject.url.prefix',
    'is not an https URL',
    'https://',
  ],
  [
    'a URL prefix that is no prefix',
    withSecrets([{ name: 'HOOK', inject: { url: { prefix: 'https://tickets.example.com/a' } } }]),
    'secrets[0].inject.url.prefix',
    "ends in '/'",
    'https://',
  ],
  [
    'a URL secret beside another URL',
    withSecrets([
      { name: 'HOOK', inject: { url: { prefix: 'https://tickets.example.com/hook/' } } },
    ]),
    'secrets[0].inject.url',
    'url_template is not exactly its prefix',
    "template.url_template: 'https://tickets.example.com/hook/'",
  ],
  [
    'two secrets in one header',
    withSecrets([TOKEN, { name: 'B', inject: { basic: { user: 'x' } } }]),
    'secrets[1].inject',
    'two values in one place: header authorization is set by secrets[0].inject',
    'remove one',
  ],
  [
    'two secrets in one query name',
    withSecrets([
      { name: 'A', inject: { query: 'key' } },
      { name: 'B', inject: { query: 'key' } },
    ]),
    'secrets[1].inject',
    'two values in one place: query key',
    'remove one',
  ],
  [
    'a secret over a header of the template',
    withSecrets([{ name: 'A', inject: { header: 'X-Id' } }], {
      template: { ...template, headers: { 'x-id': '1' } },
    }),
    'secrets[0].inject',
    'header x-id is set by template.headers.x-id',
    'remove one',
  ],
  [
    'a secret over a query of the template',
    withSecrets([{ name: 'A', inject: { query: 'key' } }], {
      template: { ...template, query: { key: '1' } },
    }),
    'secrets[0].inject',
    'query key is set by template.query.key',
    'remove one',
  ],
  [
    'a secret over an inline query',
    withSecrets([{ name: 'A', inject: { query: 'key' } }], {
      template: { ...template, url_template: 'https://tickets.example.com/{{id}}?key=1' },
    }),
    'secrets[0].inject',
    'query key is set by template.url_template',
    'remove one',
  ],
  [
    'no origin',
    withSecrets([{ ...TOKEN, to: [] }]),
    'secrets[0].to',
    'no origin',
    'remove the key',
  ],
  ...[
    'tickets.example.com',
    'https://tickets.example.com/',
    'https://Tickets.example.com',
    'https://tickets.example.com:443',
    'https://*.example.com',
    'https://u@tickets.example.com',
    'ftp://tickets.example.com',
  ].map(
    (origin): Row => [
      `the origin ${origin}`,
      withSecrets([{ ...TOKEN, to: [origin] }], callerHost),
      'secrets[0].to[0]',
      'is not an exact origin',
      'https://api.example.com',
    ],
  ),
  [
    'an origin that is never called',
    withSecrets([{ ...TOKEN, to: ['https://other.example.com'] }]),
    'secrets[0].to',
    'the action only ever calls https://tickets.example.com',
    "['https://tickets.example.com']",
  ],
]

for (const [title, change, key, problem, fix] of rows) {
  test(`${title} is a problem at ${key}`, () => {
    const problems = problemsOf(change)
    const found = problems.find((one) => one.key === key)
    expect(found, JSON.stringify(problems)).toBeDefined()
    expect(found?.problem).toContain(problem)
    expect(found?.fix).toContain(fix)
    expect(problems, JSON.stringify(problems)).toHaveLength(1)
  })
}

test('an action without network has no use for secrets', () => {
  const change = {
    secrets: [TOKEN],
    risk_level: 'medium',
    egress: { profile: 'none' },
    template: null,
    io: {},
    provider_module_digest: `sha256:${'a'.repeat(64)}`,
  }
  expect(problemsOf(change).map(({ key }) => key)).toEqual(['secrets'])
})

test('a secret is bound to the origin of a literal host', () => {
  expect(manifest(withSecrets([TOKEN])).secrets).toEqual([
    {
      name: 'TOKEN',
      required: true,
      inject: { kind: 'header', header: 'authorization', format: '{}' },
      to: ['https://tickets.example.com'],
    },
  ])
})

test("a secret of an action whose host is the caller's is bound to nothing", () => {
  expect(manifest(withSecrets([TOKEN], callerHost)).secrets[0]?.to).toBeNull()
  const tenant = {
    template: { method: 'GET', url_template: 'https://{{id}}.example.com/' },
    egress: { profile: 'proxy_allowlist', allowed_domains: ['*.example.com'] },
  }
  expect(manifest(withSecrets([TOKEN], tenant)).secrets[0]?.to).toBeNull()
  const narrowed = withSecrets([{ ...TOKEN, to: ['https://a.example.com'] }], tenant)
  expect(manifest(narrowed).secrets[0]?.to).toEqual(['https://a.example.com'])
})

test('every place of design 8 can be declared', () => {
  const bodied = posting({ id: '{{id}}', auth: { kind: 'x' } })
  const places: readonly (readonly [JsonObject, JsonObject, JsonObject])[] = [
    [
      { header: 'X-Key', format: 'Token {}' },
      { kind: 'header', header: 'x-key', format: 'Token {}' },
      {},
    ],
    [{ query: 'key' }, { kind: 'query', name: 'key' }, {}],
    [{ body: '/auth/to~1ken' }, { kind: 'body', pointer: '/auth/to~1ken' }, bodied],
    [{ body: '/new/deep' }, { kind: 'body', pointer: '/new/deep' }, bodied],
    [{ basic: { user: 'api' } }, { kind: 'basic', user: { text: 'api' } }, {}],
  ]
  for (const [written, read, change] of places) {
    const { secrets } = manifest(withSecrets([{ name: 'TOKEN', inject: written }], change))
    expect(secrets[0]?.inject).toEqual(read)
  }
})

test('Basic takes its user from a part, and SigV4 its key id and session token', () => {
  const basic = manifest(
    withSecrets([
      { name: 'PASSWORD', required: true, inject: { basic: { user: { secret: 'USER' } } } },
      { name: 'USER', required: true, inject: { part_of: 'PASSWORD' } },
    ]),
  )
  expect(basic.secrets.map(({ inject }) => inject)).toEqual([
    { kind: 'basic', user: { secret: 'USER' } },
    { kind: 'part_of', of: 'PASSWORD' },
  ])
  const sigv4 = {
    service: 's3',
    region: 'eu-west-1',
    access_key_id: 'ID',
    session_token: 'SESSION',
  }
  const signed = manifest(
    withSecrets([
      { name: 'KEY', required: true, inject: { sigv4 } },
      { name: 'ID', required: true, inject: { part_of: 'KEY' } },
      { name: 'SESSION', inject: { part_of: 'KEY' } },
    ]),
  )
  expect(signed.secrets[0]?.inject).toEqual({ kind: 'sigv4', ...sigv4 })
  expect(signed.secrets.every(({ to }) => to?.[0] === 'https://tickets.example.com')).toBe(true)
})

test('a secret URL shows its prefix as the target', () => {
  const hook = manifest(
    withSecrets(
      [
        {
          name: 'HOOK',
          required: true,
          inject: { url: { prefix: 'https://tickets.example.com/hook/' } },
        },
      ],
      {
        declared_side_effects: ['http_write'],
        template: {
          method: 'POST',
          url_template: 'https://tickets.example.com/hook/',
          body_template: '{{id}}',
        },
        io: { request_schema: schema({ id: {} }) },
      },
    ),
  )
  expect(hook.secrets[0]).toMatchObject({
    inject: { kind: 'url', prefix: 'https://tickets.example.com/hook/' },
    to: ['https://tickets.example.com'],
  })
})
