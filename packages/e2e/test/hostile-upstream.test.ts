import { gzipSync } from 'node:zlib'
import {
  bomb,
  compressed,
  createTestCa,
  drip,
  echo,
  endlessBody,
  giantHeaders,
  neverAnswers,
  rawAnswer,
  redirect,
  resetAfterHeaders,
  resetBeforeAnswer,
  resetMidBody,
  startUpstream,
  type UpstreamHandler,
  wrongContentLength,
} from '@latchgate/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decisionOf, leaksOf, receiptOf } from '../src/harness/evidence.js'
import { ALL_ACTIONS, ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, type HeldLease, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const DRIPS = new Array<string>(40).fill('x')
const PROVIDER = 'provider_error'
const TOKEN = 'ghp_0123456789abcdefghijklmnop'

/** A read with a short time-out and the token in a header. */
const QUICK = `# Risk rationale: a read of a test upstream.
action_id: quick_read
version: "1.0.0"
description: Reads a path of the test upstream, in at most one second.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: [api.github.com] }
resource_limits: { fuel: 200000000, memory_mb: 64, timeout_seconds: 1, max_io_calls: 1, max_host_response_bytes: 65536 }
io:
  max_response_bytes: 1048576
  request_schema:
    type: object
    additionalProperties: false
    required: [path]
    properties: { path: { type: string, minLength: 1, maxLength: 200 } }
template:
  method: GET
  url_template: https://api.github.com/{{path}}
  path_params: [path]
secrets:
  - name: GITHUB_TOKEN
    required: true
    inject: { header: authorization, format: "Bearer {}" }
`

let world: World
let lease: HeldLease
const answers: RawAnswer[] = []

beforeAll(async () => {
  const acl = {
    'agent-test': { allowed_actions: [...ALL_ACTIONS, 'quick_read'], allowed_sinks: ALL_SINKS },
  }
  world = await startWorld(
    {
      manifests: { 'quick-read.yaml': QUICK },
      data: { policy_version: 't', acl },
      tables: '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000',
    },
    { env: { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN } },
  )
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

async function against(handler: UpstreamHandler): Promise<RawAnswer> {
  world.upstream.on('GET', '/x', handler)
  const before = world.upstream.requestsStarted
  const answer = await executeRaw(world.client, lease, 'quick_read', { path: 'x' })
  expect(world.upstream.requestsStarted - before, 'one request, never resent').toBe(1)
  answers.push(answer)
  return answer
}

/** The two records of a call that was dispatched: they agree on its end and belong together. */
function expectRecords(
  where: World,
  answer: RawAnswer,
  expected: { readonly receipt: object; readonly decision: object },
): void {
  const receipt = receiptOf(where, answer)
  expect(receipt, answer.text).toMatchObject({
    receipt_id: answer.json()['receipt_id'],
    ...expected.receipt,
  })
  expect(decisionOf(where, answer)).toMatchObject({
    principal: 'agent-test',
    receipt_id: answer.json()['receipt_id'],
    ...expected.decision,
  })
}

/** Those of a call of which nothing left the gate. */
function expectNotSent(where: World, answer: RawAnswer, type: string, cls: string): void {
  expect([answer.status, answer.json()], answer.text).toEqual([
    502,
    {
      error: 'action_execution_failed',
      error_type: type,
      message: expect.any(String),
      outcome: 'not_sent',
      trace_id: expect.any(String),
      receipt_id: expect.any(String),
      session_seq: expect.any(Number),
      log: { index: expect.any(Number), size: expect.any(Number) },
    },
  ])
  expectRecords(where, answer, {
    receipt: {
      outcome: 'not_sent',
      error_type: type,
      failure_class: cls,
      output: null,
      verification_outcome: { status: 'provider_failed_before_verification' },
      effects: [{ outcome: 'not_sent', status: null, response_sha256: null }],
    },
    decision: {
      decision: 'error',
      code: 'action_execution_failed',
      deny_reason: `provider: ${type}`,
      outcome: 'not_sent',
      response_hash: null,
    },
  })
}

test.each([
  ['never answers', 'upstream_timeout', 'unknown', 'timeout', neverAnswers()],
  ['drips its body', 'upstream_timeout', 'answered', 'timeout', drip(DRIPS, 100)],
  ['resets before any byte', 'upstream_protocol', 'unknown', PROVIDER, resetBeforeAnswer()],
  ['resets after its headers', 'upstream_protocol', 'answered', PROVIDER, resetAfterHeaders()],
  ['resets half-way', 'upstream_protocol', 'answered', PROVIDER, resetMidBody('half', 1000)],
  ['answers 10 GB', 'response_too_large', 'answered', PROVIDER, endlessBody()],
  ['sends a gzip bomb', 'response_too_large', 'answered', PROVIDER, bomb(64 * 2 ** 20)],
  ['answers garbage', 'upstream_protocol', 'unknown', PROVIDER, rawAnswer('SMTP ready\r\n\r\n')],
  [
    'answers with two lengths',
    'upstream_protocol',
    'unknown',
    PROVIDER,
    rawAnswer('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc'),
  ],
  [
    'answers with a length and chunks',
    'upstream_protocol',
    'unknown',
    PROVIDER,
    rawAnswer(
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ),
  ],
  [
    'answers less than it promised',
    'upstream_protocol',
    'answered',
    PROVIDER,
    wrongContentLength(100, 'short'),
  ],
  [
    'sends chunks that are none',
    'upstream_protocol',
    'answered',
    PROVIDER,
    rawAnswer('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'),
  ],
  [
    'damages its gzip',
    'upstream_protocol',
    'answered',
    PROVIDER,
    () => ({ headers: { 'content-encoding': 'gzip' }, body: 'no gzip' }),
  ],
  [
    'switches protocols',
    'upstream_protocol',
    'unknown',
    PROVIDER,
    rawAnswer('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
  ],
  ['sends giant headers', 'response_too_large', 'unknown', PROVIDER, giantHeaders(200_000)],
] as const)(
  'an upstream that %s: 502 %s with a receipt',
  async (_name, type, outcome, cls, handler) => {
    const answer = await against(handler)
    expect(answer.status, answer.text).toBe(502)
    expect(answer.json()).toEqual({
      error: 'action_execution_failed',
      error_type: type,
      message: expect.any(String),
      outcome,
      trace_id: expect.any(String),
      receipt_id: expect.any(String),
      session_seq: expect.any(Number),
      log: { index: expect.any(Number), size: expect.any(Number) },
    })
    const receipt = receiptOf(world, answer)
    expect(receipt).toMatchObject({
      outcome,
      error_type: type,
      failure_class: cls,
      verification_outcome: { status: 'provider_failed_before_verification' },
      runtime: { exit_code: 1 },
    })
    expect(decisionOf(world, answer)).toMatchObject({
      principal: 'agent-test',
      action_id: 'quick_read',
      decision: 'error',
      code: 'action_execution_failed',
      deny_reason: `provider: ${type}`,
      outcome,
      refund: false,
      receipt_id: answer.json()['receipt_id'],
      response_hash: null,
    })
  },
)

test('gzip is decoded; gzip of gzip does not get around the search for secrets', async () => {
  const plain = await against(compressed('hello', ['gzip']))
  expect(plain.json()).toMatchObject({ output: { data: { body: 'hello' } } })
  const twice = await against(compressed(`it is ${TOKEN}`, ['gzip', 'gzip']))
  expect(twice.text).not.toContain(TOKEN)
})

const gzipped = (times: number): Buffer =>
  Array.from({ length: times }).reduce<Buffer>(
    (bytes) => gzipSync(bytes),
    Buffer.from(`it is ${TOKEN}`),
  )

test.each<[string, number, Readonly<Record<string, string>>]>([
  ['without declaring it', 1, {}],
  ['twice, and declares it once', 2, { 'content-encoding': 'gzip' }],
  ['twice without declaring it', 2, {}],
  ['and calls it something else', 1, { 'content-type': 'text/plain' }],
])(
  'an upstream that packs the secret %s: the whole body is replaced, and the receipt says so',
  async (_name, times, headers) => {
    const answer = await against(() => ({ headers, body: gzipped(times) }))
    expect(answer.status, answer.text).toBe(200)
    expect(answer.json()).toMatchObject({ output: { data: { body: '***REDACTED***' } } })
    expect(receiptOf(world, answer)?.['effects']).toMatchObject([
      { scrubbed: true, response_bytes: 14 },
    ])
  },
)

test('a packed body without a secret arrives as it was sent', async () => {
  const body = gzipSync('a download')
  const answer = await against(() => ({ body }))
  expect(answer.status, answer.text).toBe(200)
  expect(receiptOf(world, answer)?.['effects']).toMatchObject([
    { scrubbed: false, response_bytes: body.length },
  ])
})

test.each([
  ['header', 'text'],
  ['body', 'text'],
  ['body', 'base64'],
  ['body', 'url'],
  ['header', 'base64'],
] as const)(
  'a secret echoed in the %s as %s is scrubbed, and the receipt says so',
  async (place, form) => {
    const answer = await against(echo(place, form))
    expect(answer.status, answer.text).toBe(200)
    expect(answer.text).toContain('***REDACTED***')
    const base64 = Buffer.from(`Bearer ${TOKEN}`).toString('base64')
    expect(answer.text).not.toContain(base64.slice(12, 40))
    const receipt = receiptOf(world, answer)
    expect(receipt?.['effects']).toMatchObject([
      { scrubbed: true, secrets: [{ name: 'GITHUB_TOKEN', into: 'header:authorization' }] },
    ])
  },
)

test('a redirect to a private address is returned, not followed', async () => {
  const answer = await against(redirect('http://169.254.169.254/latest/meta-data/'))
  expect(answer.json()).toMatchObject({
    output: { ok: false, error: { code: 'upstream_status', status: 302 } },
    verification_outcome: 'verification_failed',
  })
  expectRecords(world, answer, {
    receipt: {
      outcome: 'answered',
      error_type: null,
      failure_class: 'verification_failed',
      verification_outcome: {
        status: 'verification_failed',
        reason: 'HTTP status 302 is not in the accepted set',
      },
      // One request, to the host that was asked for.
      effects: [{ url: 'https://api.github.com/x', status: 302, outcome: 'answered' }],
    },
    decision: {
      decision: 'allow_unverified',
      code: null,
      outcome: 'answered',
      verification_outcome: 'verification_failed',
    },
  })
})

test('an upstream that is down is not_sent, with a receipt', async () => {
  const down = await startWorld({ resolve: { 'httpbin.org:443': '127.0.0.1:1' } }, { env: {} })
  const held = await takeLease(down.client)
  const answer = await executeRaw(down.client, held, 'http_fetch', { url: 'https://httpbin.org/' })
  expectNotSent(down, answer, 'upstream_unreachable', PROVIDER)
  expect(receiptOf(down, answer)?.['effects']).toMatchObject([{ address: '127.0.0.1:1' }])
  await down.close()
})

test('a certificate of another authority is not accepted', async () => {
  const stranger = await startUpstream({ ca: await createTestCa(), hosts: ['httpbin.org'] })
  const other = await startWorld({ resolve: { 'httpbin.org:443': stranger.address } })
  const held = await takeLease(other.client)
  const answer = await executeRaw(other.client, held, 'http_fetch', { url: 'https://httpbin.org/' })
  expectNotSent(other, answer, 'upstream_unreachable', PROVIDER)
  expect(receiptOf(other, answer)?.['effects']).toMatchObject([
    { address: stranger.address, certificate_sha256: null },
  ])
  expect(stranger.requestsStarted).toBe(0)
  await other.close()
  await stranger.close()
})

test.each([
  ['a private address', ['10.0.0.1']],
  ['one private address among public ones', ['93.184.216.34', '169.254.169.254']],
  ['an IPv6 link-local address', ['fe80::1']],
  ['a mapped address', ['::ffff:127.0.0.1']],
])('a name that resolves to %s is egress_denied, not_sent', async (_name, addresses) => {
  const manifest = QUICK.replaceAll('api.github.com', 'rebind.example').replace(
    'quick_read',
    'rebind_read',
  )
  const acl = { 'agent-test': { allowed_actions: ['rebind_read'], allowed_sinks: ALL_SINKS } }
  const asked: string[] = []
  const dialed: string[] = []
  const other: World = await startWorld(
    { manifests: { 'r.yaml': manifest }, data: { policy_version: 't', acl } },
    {
      env: { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN },
      lookup: async (host) => {
        asked.push(host)
        return addresses
      },
      route: (vetted) => {
        dialed.push(vetted.ip)
        return { ip: '127.0.0.1', port: other.upstream.port }
      },
    },
  )
  const held = await takeLease(other.client)
  const answer = await executeRaw(other.client, held, 'rebind_read', { path: 'x' })
  expectNotSent(other, answer, 'egress_denied', 'policy_violation')
  expect(receiptOf(other, answer)?.['effects']).toMatchObject([{ address: null }])
  expect(leaksOf(other, [TOKEN], [answer])).toEqual([])
  expect(asked, 'one resolution').toEqual(['rebind.example'])
  expect(dialed, 'nobody was connected to').toEqual([])
  await other.close()
})

test('after all of this the token is in no answer, log line or byte of the ledger', () => {
  expect(answers.length).toBeGreaterThan(20)
  expect(leaksOf(world, [TOKEN], answers)).toEqual([])
})
