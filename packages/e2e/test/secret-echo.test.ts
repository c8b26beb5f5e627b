import { gzipSync } from 'node:zlib'
import { type EchoForm, echo, type RecordedRequest, type UpstreamHandler } from '@latchgate/testkit'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { decisionOf, leaksOf, receiptOf } from '../src/harness/evidence.js'
import { ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, type HeldLease, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

// One secret for each place of injection, with the characters that encodings change.
const SECRETS = {
  HEADER: 'hdr/0123+4567=89"\\<&>',
  QUERY: "qry 0123+4567/89'&=%41",
  BODY: 'bdy"0123\\4567/é€😀/89',
  BASIC: 'bsc/0123+4567:89==',
  HOOK: 'https://api.github.com/hooks/T0001/abcdefghijklmnopqrstuvw',
} as const

type Place = keyof typeof SECRETS

const INJECT: Readonly<Record<Place, string>> = {
  HEADER: '{ header: x-api-key, format: "key {}" }',
  QUERY: '{ query: key }',
  BODY: '{ body: /auth/token }',
  BASIC: '{ basic: { user: agent } }',
  HOOK: '{ url: { prefix: "https://api.github.com/hooks/" } }',
}

const manifest = (place: Place): string => `# Risk rationale: a test of an upstream that leaks.
action_id: echo_${place.toLowerCase()}
version: "1.0.0"
description: Sends a request with a secret to an upstream that sends it back.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_write]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: [api.github.com] }
resource_limits: { fuel: 200000000, memory_mb: 64, timeout_seconds: 5, max_io_calls: 1, max_host_response_bytes: 65536 }
io:
  max_response_bytes: 1048576
  request_schema: { type: object, additionalProperties: false, properties: {} }
template:
  method: POST
  url_template: https://api.github.com/${place === 'HOOK' ? 'hooks/' : 'echo'}
  body_template: { hello: world }
secrets:
  - name: ${place}
    required: true
    inject: ${INJECT[place]}
`

const PLACES = Object.keys(SECRETS) as Place[]

let world: World
let lease: HeldLease
const answers: RawAnswer[] = []

beforeAll(async () => {
  const actions = PLACES.map((place) => `echo_${place.toLowerCase()}`)
  world = await startWorld(
    {
      manifests: Object.fromEntries(PLACES.map((place) => [`${place}.yaml`, manifest(place)])),
      data: {
        policy_version: 't',
        acl: { 'agent-test': { allowed_actions: actions, allowed_sinks: ALL_SINKS } },
      },
      keys: 'log_level = "trace"',
      tables: '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000',
    },
    {
      env: Object.fromEntries(PLACES.map((place) => [`LATCHGATE_SECRET_${place}`, SECRETS[place]])),
    },
  )
  lease = await takeLease(world.client)
})

beforeEach(() => {
  world.upstream.clear()
})

afterAll(async () => {
  await world.close()
})

async function against(place: Place, handler: UpstreamHandler): Promise<RawAnswer> {
  const path = place === 'HOOK' ? new URL(SECRETS.HOOK).pathname : '/echo'
  world.upstream.on('POST', path, handler)
  const answer = await executeRaw(world.client, lease, `echo_${place.toLowerCase()}`, {})
  answers.push(answer)
  return answer
}

/** What the upstream got of the secret: a test in which it got nothing would prove nothing. */
function received(request: RecordedRequest | undefined, place: Place): string {
  switch (place) {
    case 'HEADER':
      return request?.headers['x-api-key'] ?? ''
    case 'QUERY':
      return new URL(request?.url ?? '', 'http://x').searchParams.get('key') ?? ''
    case 'BODY':
      return request?.body.toString() ?? ''
    case 'BASIC':
      return request?.headers['authorization'] ?? ''
    case 'HOOK':
      return request?.url ?? ''
  }
}

const EXPECTED: Readonly<Record<Place, string>> = {
  HEADER: `key ${SECRETS.HEADER}`,
  QUERY: SECRETS.QUERY,
  BODY: JSON.stringify({ hello: 'world', auth: { token: SECRETS.BODY } }),
  BASIC: `Basic ${Buffer.from(`agent:${SECRETS.BASIC}`).toString('base64')}`,
  HOOK: new URL(SECRETS.HOOK).pathname,
}

const INTO: Readonly<Record<Place, string>> = {
  HEADER: 'header:x-api-key',
  QUERY: 'query:key',
  BODY: 'body:/auth/token',
  BASIC: 'header:authorization',
  HOOK: 'url',
}

const FORMS: readonly EchoForm[] = ['text', 'base64', 'url']

const MATRIX = PLACES.flatMap((place) =>
  (['header', 'body'] as const).flatMap((where) =>
    FORMS.map((form) => [place, where, form] as const),
  ),
)

test.each(MATRIX)(
  'a secret of %s that comes back in the %s as %s is cut out, and recorded as found',
  async (place, where, form) => {
    // A header cannot carry what is not Latin-1, so such a body comes back in the body alone.
    const plainHeader = where === 'header' && form === 'text' && place === 'BODY'
    const answer = await against(place, plainHeader ? echo('header', 'url') : echo(where, form))
    expect(received(world.upstream.requests[0], place)).toBe(EXPECTED[place])
    expect(answer.status, answer.text).toBe(200)
    expect(answer.text).toContain('***REDACTED***')
    const receipt = receiptOf(world, answer)
    expect(receipt?.['effects']).toMatchObject([
      {
        outcome: 'answered',
        url: place === 'HOOK' ? 'https://api.github.com/hooks/' : 'https://api.github.com/echo',
        secrets: [{ name: place, into: INTO[place] }],
        scrubbed: true,
      },
    ])
    expect(decisionOf(world, answer)).toMatchObject({ principal: 'agent-test', decision: 'allow' })
  },
)

const jsonEscaped = (text: string): string =>
  Array.from(
    { length: text.length },
    (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('')

const VARIANTS: readonly (readonly [string, (secret: string) => ReturnType<UpstreamHandler>])[] = [
  ['hexadecimal', (secret) => ({ body: Buffer.from(secret).toString('hex') })],
  ['\\u escapes', (secret) => ({ body: `{"t":"${jsonEscaped(secret)}"}` })],
  ['JSON in JSON', (secret) => ({ body: JSON.stringify(JSON.stringify({ t: secret })) })],
  [
    'HTML',
    (secret) => ({
      body: `<p>${Array.from(secret, (c) => `&#${c.codePointAt(0)};`).join('')}</p>`,
    }),
  ],
  ['UTF-16', (secret) => ({ body: Buffer.from(secret, 'utf16le') })],
  [
    'bytes that are not UTF-8',
    (secret) => ({ body: Buffer.concat([Buffer.from([0xff]), Buffer.from(secret)]) }),
  ],
  ['gzip', (secret) => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync(secret) })],
  [
    'gzip of gzip',
    (secret) => ({
      headers: { 'content-encoding': 'gzip, gzip' },
      body: gzipSync(gzipSync(secret)),
    }),
  ],
  [
    'a location',
    (secret) => ({
      status: 302,
      headers: { location: `https://evil.example/?k=${encodeURIComponent(secret)}` },
    }),
  ],
  [
    'a content type',
    (secret) => ({
      headers: { 'content-type': `text/plain; x="${encodeURIComponent(secret)}"` },
      body: 'x',
    }),
  ],
  ['an error status', (secret) => ({ status: 500, body: `failed for key ${secret}` })],
  [
    'several headers',
    (secret) => ({
      headers: {
        'set-cookie': [`a=${encodeURIComponent(secret)}`, `b=${encodeURIComponent(secret)}`],
      },
      body: 'x',
    }),
  ],
]

test.each(VARIANTS)('a header secret that comes back as %s is cut out', async (_name, variant) => {
  const answer = await against('HEADER', () => variant(SECRETS.HEADER))
  expect(answer.status, answer.text).toBe(200)
  const receipt = receiptOf(world, answer)
  expect(receipt?.['effects']).toMatchObject([{ scrubbed: true }])
})

test('a secret as the name of a header is cut out', async () => {
  const answer = await against('HOOK', (_request, { socket }) => {
    socket.end(
      'HTTP/1.1 200 OK\r\nx-abcdefghijklmnopqrstuvw: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    )
    return undefined
  })
  expect(answer.status, answer.text).toBe(200)
  expect(receiptOf(world, answer)?.['effects']).toMatchObject([{ scrubbed: true }])
})

test('a secret in the reason phrase, in chunk extensions and in trailers goes nowhere', async () => {
  const secret = encodeURIComponent(SECRETS.HEADER)
  const answer = await against('HEADER', (_request, { socket }) => {
    socket.end(
      `HTTP/1.1 200 ${secret}\r\nconnection: close\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n` +
        `2;k=${secret}\r\nok\r\n0\r\nx-t: ${secret}\r\n\r\n`,
    )
    return undefined
  })
  expect(answer.status, answer.text).toBe(200)
  expect(answer.json()).toMatchObject({ output: { data: { status_code: 200, body: 'ok' } } })
})

test('a secret that is cut into chunks is cut out, wherever the cuts are', async () => {
  for (const at of [1, 7, SECRETS.BASIC.length - 1]) {
    const answer = await against('BASIC', async (_request, { response }) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.write(`x${SECRETS.BASIC.slice(0, at)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
      response.end(`${SECRETS.BASIC.slice(at)}y`)
      return undefined
    })
    expect(answer.json()).toMatchObject({ output: { data: { body: 'x***REDACTED***y' } } })
  }
})

test('a malformed answer with the secret in it is an error that does not quote it', async () => {
  for (const raw of [
    `${SECRETS.HEADER}\r\n\r\n`,
    `HTTP/1.1 200 OK\r\n${SECRETS.HEADER}\r\n\r\n`,
    `HTTP/1.1 200 OK\r\ncontent-length: ${SECRETS.HEADER}\r\n\r\n`,
    `HTTP/1.1 ${SECRETS.HEADER} OK\r\n\r\n`,
  ]) {
    const answer = await against('HEADER', (_request, { socket }) => {
      socket.end(raw)
      return undefined
    })
    expect(answer.status, answer.text).toBe(502)
    expect(answer.json()).toMatchObject({
      error: 'action_execution_failed',
      error_type: 'upstream_protocol',
    })
    expect(decisionOf(world, answer)).toMatchObject({ decision: 'error' })
  }
})

test('an answer without a secret is not touched, and the receipt says so', async () => {
  const answer = await against('HEADER', () => ({ body: 'nothing of yours: hdr/0123' }))
  expect(answer.json()).toMatchObject({ output: { data: { body: 'nothing of yours: hdr/0123' } } })
  expect(receiptOf(world, answer)?.['effects']).toMatchObject([{ scrubbed: false }])
})

test('after all of this no secret is in any answer, log line or byte of the ledger, in any form', () => {
  expect(answers.length).toBeGreaterThan(50)
  const path = new URL(SECRETS.HOOK).pathname
  const blob = Buffer.from(`agent:${SECRETS.BASIC}`).toString('base64')
  const all = [...Object.values(SECRETS), path, path.split('/').at(-1) ?? '', blob]
  expect(leaksOf(world, all, answers)).toEqual([])
})
