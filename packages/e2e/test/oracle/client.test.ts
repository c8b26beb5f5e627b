import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type ClientOptions,
  defaultSocket,
  LatchGateApprovalRequired,
  LatchGateAuthError,
  LatchGateBudgetExhausted,
  LatchGateClient,
  LatchGateDenied,
  LatchGateLeaseExpired,
  LatchGateNotConnected,
  LatchGateReplayDetected,
  LatchGateTransportError,
  LatchGateUnavailable,
  normalizedUrl,
} from '../../src/oracle/published-client.js'
import {
  type RecordingGate,
  type Scripted,
  type Seen,
  startRecordingGate,
} from './recording-gate.js'

const EXECUTE = '/v1/actions/http_fetch/execute'
const RESULT = {
  decision: 'executed',
  trace_id: 't1',
  grant_id: 'g1',
  receipt_id: 'r1',
  output: { ok: true },
  verification: { is_fully_successful: true },
}

let gate: RecordingGate
const clients: LatchGateClient[] = []
const environment = { ...process.env }

beforeEach(async () => {
  delete process.env['LATCHGATE_URL']
  gate = await startRecordingGate()
  gate.answer = () => json(200, RESULT)
})

afterEach(async () => {
  process.env = { ...environment }
  for (const one of clients.splice(0)) await one.close()
  await gate.stop()
})

function client(options: ClientOptions): LatchGateClient {
  const made = new LatchGateClient(options)
  clients.push(made)
  return made
}

function json(status: number, body: unknown): Scripted {
  return { status, text: JSON.stringify(body) }
}

function part(request: Seen | undefined, index: 0 | 1): Record<string, unknown> {
  const text = String(request?.headers['dpop']).split('.')[index] ?? ''
  return JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'it succeeded',
    (reason: unknown) => reason,
  )
}

test('LATCHGATE_URL wins over an explicit socket', async () => {
  process.env['LATCHGATE_URL'] = `${gate.url}/`
  const agent = client({ socket: '/nowhere.sock', agentId: 'a' })
  await agent.execute('http_fetch')
  expect(agent.gateUrl).toBe(gate.url)
})

test('an empty baseUrl suppresses the variable', async () => {
  process.env['LATCHGATE_URL'] = 'http://127.0.0.1:1'
  const agent = client({ baseUrl: '', socket: gate.socket, agentId: 'a' })
  await agent.execute('http_fetch')
  expect(agent.gateUrl).toBe('http://localhost')
})

test('an empty variable means the socket', async () => {
  process.env['LATCHGATE_URL'] = ''
  await client({ socket: gate.socket, agentId: 'a' }).execute('http_fetch')
  expect(gate.requests(EXECUTE)[0]?.headers.host).toBe('localhost')
})

test('the default socket is used as it is, whatever the mode of its directory', async () => {
  expect(defaultSocket({})).toBe(`/tmp/latchgate-${userInfo().uid}/gate.sock`)
  expect(defaultSocket({ XDG_RUNTIME_DIR: '/run/user/7' })).toBe('/run/user/7/latchgate/gate.sock')
  const directory = `${dirname(gate.socket)}/latchgate`
  mkdirSync(directory)
  process.env['XDG_RUNTIME_DIR'] = dirname(gate.socket)
  const failure = await failureOf(client({ agentId: 'a' }).execute('http_fetch'))
  expect(failure).toBeInstanceOf(LatchGateTransportError)
  expect((failure as Error).message).toContain(`${directory}/gate.sock`)
})

test('over the socket the proof names http://localhost, or publicBaseUrl when given', async () => {
  await client({ socket: gate.socket, agentId: 'a' }).execute('http_fetch')
  const publicBaseUrl = 'http://localhost:3000/'
  await client({ socket: gate.socket, agentId: 'a', publicBaseUrl }).execute('http_fetch')
  expect(gate.requests(EXECUTE).map((request) => part(request, 1)['htu'])).toEqual([
    `http://localhost${EXECUTE}`,
    `http://localhost:3000${EXECUTE}`,
  ])
})

test('one trailing slash is removed, not two', () => {
  expect(client({ baseUrl: 'http://gate//' }).gateUrl).toBe('http://gate/')
})

test('a proof holds what the specification lists and verifies under its own key', async () => {
  await client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch', { url: 'u' })
  const [request] = gate.requests(EXECUTE)
  const [header, payload, signature] = String(request?.headers['dpop']).split('.')
  const { typ, alg, jwk } = part(request, 0)
  expect({ typ, alg }).toEqual({ typ: 'dpop+jwt', alg: 'ES256' })
  const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  const signed = Buffer.from(`${header}.${payload}`)
  const raw = Buffer.from(signature ?? '', 'base64url')
  expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true)
  const claims = part(request, 1)
  const token = String(request?.headers.authorization).replace('DPoP ', '')
  expect(claims).toMatchObject({
    htm: 'POST',
    htu: gate.url + EXECUTE,
    ath: createHash('sha256').update(token).digest('base64url'),
  })
  expect(claims['jti']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/)
  expect(Number.isInteger(claims['iat'])).toBe(true)
  expect(request?.text).toBe('{"url":"u"}')
})

test.each([
  ['https://host.example/path?q=1#frag', 'https://host.example/path'],
  ['HTTPS://HOST.Example/Path', 'https://host.example/Path'],
  ['https://host.example:443/api', 'https://host.example/api'],
  ['http://host.example:80/api', 'http://host.example/api'],
  ['http://host.example:443/x', 'http://host.example:443/x'],
  ['https://host.example:8443/api', 'https://host.example:8443/api'],
  ['https://host.example/path%2Fsegment', 'https://host.example/path%2Fsegment'],
  ['https://host.example', 'https://host.example/'],
  ['http://[::1]:80/x', 'http://[::1]/x'],
  ['https://host.example/a/../b', 'https://host.example/a/../b'],
])('htu of %s', (url, expected) => {
  expect(normalizedUrl(url)).toBe(expected)
})

test('the agent id is sent nowhere', async () => {
  await client({ baseUrl: gate.url, agentId: 'secret-name' }).execute('http_fetch')
  expect(JSON.stringify(gate.seen)).not.toContain('secret-name')
})

test('each connect makes a key and asks for what it was told, budgets only when given', async () => {
  const agent = client({ baseUrl: gate.url })
  expect(await failureOf(agent.execute('http_fetch'))).toBeInstanceOf(LatchGateNotConnected)
  await agent.connect()
  await agent.connect({ scopes: ['a:b'], maxCalls: 2, maxCostUsdCents: 3 })
  const bodies = gate.requests('/v1/leases').map((request) => JSON.parse(request.text))
  expect(bodies.map(({ scopes, budgets }) => ({ scopes, budgets }))).toEqual([
    { scopes: ['tools:call'], budgets: undefined },
    { scopes: ['a:b'], budgets: { max_calls: 2, max_cost_usd_cents: 3 } },
  ])
  expect(bodies[0].dpop_jwk.x).not.toBe(bodies[1].dpop_jwk.x)
  expect([agent.sessionId, agent.leaseJti]).toEqual(['session-2', 'jti-2'])
})

test('a renewal is a plain connect: scopes, budget, key and session are lost', async () => {
  gate.leaseSeconds = 50
  const agent = client({ baseUrl: gate.url })
  await agent.connect({ scopes: ['a:b'], maxCalls: 2 })
  await agent.execute('http_fetch')
  const [first, second] = gate.requests('/v1/leases')
  expect(JSON.parse(second?.text ?? '')).toEqual({
    scopes: ['tools:call'],
    dpop_jwk: expect.anything(),
  })
  expect(second?.headers.authorization).toBe(undefined)
  expect(JSON.parse(second?.text ?? '').dpop_jwk.x).not.toBe(
    JSON.parse(first?.text ?? '').dpop_jwk.x,
  )
})

test('with a lease of 60 s or less every call connects again', async () => {
  gate.leaseSeconds = 59
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  await agent.execute('http_fetch')
  expect(gate.requests('/v1/leases')).toHaveLength(2)
})

test('concurrent callers share one connect, and after a failure the next one tries again', async () => {
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  gate.leaseSeconds = 0
  gate.answer = () => json(503, { error: 'draining' })
  await Promise.all([
    failureOf(agent.execute('http_fetch')),
    failureOf(agent.execute('http_fetch')),
  ])
  expect(gate.requests('/v1/leases')).toHaveLength(1)
  gate.leaseSeconds = 300
  gate.answer = () => json(200, RESULT)
  await agent.execute('http_fetch')
  expect(gate.requests('/v1/leases')).toHaveLength(2)
})

test('no 401 is retried', async () => {
  gate.answer = () => json(401, { error: 'invalid_lease' })
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  expect(await failureOf(agent.execute('http_fetch'))).toBeInstanceOf(LatchGateAuthError)
  expect(gate.requests(EXECUTE)).toHaveLength(1)
  expect(gate.requests('/v1/leases')).toHaveLength(1)
})

test('redirects are followed', async () => {
  const other = await startRecordingGate()
  other.answer = () => json(200, RESULT)
  gate.answer = () => ({ status: 307, text: '', headers: { location: `${other.url}${EXECUTE}` } })
  const result = await client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch')
  expect(result.receiptId).toBe('r1')
  await other.stop()
})

const table: readonly (readonly [Scripted, abstract new (...args: never[]) => Error, string])[] = [
  [
    json(202, { approval_id: 'p1' }),
    LatchGateApprovalRequired,
    "action 'http_fetch' requires approval: poll approvalId='p1'",
  ],
  [
    json(400, { error: 'invalid_request', message: 'm' }),
    LatchGateDenied,
    "action 'http_fetch' denied by policy: invalid_request",
  ],
  [
    json(401, { error: 'lease_expired' }),
    LatchGateLeaseExpired,
    'authentication failed: lease_expired',
  ],
  [
    json(401, { error: 'replay_detected' }),
    LatchGateReplayDetected,
    'authentication failed: replay_detected',
  ],
  [
    json(401, { error: 'invalid_dpop', deny_reason: 'x' }),
    LatchGateAuthError,
    'authentication failed: invalid_dpop',
  ],
  [
    json(403, { error: 'budget_exhausted' }),
    LatchGateBudgetExhausted,
    "budget exhausted for action 'http_fetch'",
  ],
  [
    json(403, { error: 'policy_denied', deny_reason: 'no' }),
    LatchGateDenied,
    "action 'http_fetch' denied by policy: policy_denied: no",
  ],
  [
    json(403, { error: 'policy_denied' }),
    LatchGateDenied,
    "action 'http_fetch' denied by policy: policy_denied",
  ],
  [
    json(404, { error: 'action_not_found' }),
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_404: action_not_found',
  ],
  [
    json(409, { error: 'grant_consumed' }),
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_409: grant_consumed',
  ],
  [
    json(422, { error: 'schema_violation', reason: 'r' }),
    LatchGateDenied,
    "action 'http_fetch' denied by policy: schema_violation: r",
  ],
  [
    json(422, { error: 'schema_violation', reason: 'schema_violation' }),
    LatchGateDenied,
    "action 'http_fetch' denied by policy: schema_violation",
  ],
  [
    json(429, { error: 'rate_limited' }),
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_429: rate_limited',
  ],
  [
    { status: 500, text: '' },
    LatchGateUnavailable,
    'gateway unavailable: unexpected_status_500: unknown',
  ],
  [
    json(502, { error: 'action_execution_failed' }),
    LatchGateUnavailable,
    'gateway unavailable: action_execution_failed',
  ],
  [json(503, { error: 'draining' }), LatchGateUnavailable, 'gateway unavailable: draining'],
  [
    { status: 200, text: 'no' },
    LatchGateTransportError,
    'transport error: invalid JSON in execute response',
  ],
  [
    { status: 200, text: '[]' },
    LatchGateTransportError,
    'transport error: expected JSON object in execute response',
  ],
  [
    { status: 202, text: '' },
    LatchGateTransportError,
    'transport error: invalid JSON in execute (approval) response',
  ],
]

test.each(table)('%j is the error of the table', async (answer, expected, message) => {
  gate.answer = () => answer
  const failure = await failureOf(client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch'))
  expect((failure as Error).message).toBe(message)
  expect(Object.getPrototypeOf(failure)).toBe(expected.prototype)
})

test('a 404 of receipt, approval and egress is Denied, before its body is read', async () => {
  gate.answer = () => ({ status: 404, text: '' })
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const failures = await Promise.all([
    failureOf(agent.getReceipt('x')),
    failureOf(agent.getApprovalStatus('x')),
    failureOf(agent.getActionEgress('x')),
  ])
  expect(failures.map((one) => (one as Error).message)).toEqual([
    "action '<receipt>' denied by policy: receipt 'x' not found",
    "action '<approval>' denied by policy: approval 'x' not found",
    "action 'x' denied by policy: action 'x' not found",
  ])
})

test('results keep the snake case of their inner objects; a poll without status is pending', async () => {
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  expect(await agent.execute('http_fetch')).toEqual({
    output: { ok: true },
    receiptId: 'r1',
    traceId: 't1',
    grantId: 'g1',
    verification: { is_fully_successful: true },
    runtime: {},
  })
  gate.answer = () => json(200, {})
  expect(await agent.getApprovalStatus('p1')).toEqual({
    approvalId: 'p1',
    status: 'pending',
    actionId: '',
    receiptId: null,
    reason: null,
    retryAfterSeconds: null,
    raw: {},
  })
})

test.each([
  ['', 'actionId must not be empty'],
  ['a'.repeat(257), 'actionId exceeds maximum length (256)'],
  ['a/b', 'actionId contains invalid characters'],
])('the id %j is a plain Error before any network use', async (id, message) => {
  const failure = await failureOf(client({ baseUrl: gate.url, agentId: 'a' }).execute(id))
  expect(failure).toEqual(new Error(message))
  expect(gate.seen).toHaveLength(0)
})
