import { DPoPKeyPair } from '@latchgate/protocol/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ALL_ACTIONS } from '../src/harness/gate.js'
import { operatorHeaders } from '../src/harness/operator.js'
import { credentials, executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const TRACE = expect.stringMatching(/^[0-9a-f-]{36}$/)
const RATES = '[rate_limits]\nlease_rps = 1000\nexecute_rps_anonymous = 1000'

let world: World
let lease: HeldLease

beforeAll(async () => {
  world = await startWorld({ tables: RATES, scopes: ['tools:call', 'audit:read'] })
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

const get = (
  path: string,
  headers: Record<string, string> = {},
): ReturnType<World['client']['send']> => world.client.send({ method: 'GET', path, headers })

test('GET /healthz', async () => {
  const answer = await get('/healthz')
  expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}'])
  expect(answer.headers['content-type']).toBe('application/json')
})

test('GET /readyz', async () => {
  const answer = await get('/readyz')
  expect(answer.status).toBe(200)
  expect(answer.json()).toEqual({
    status: 'ready',
    redis: true,
    opa: true,
    ledger: true,
    approval_store: true,
    egress_proxy: null,
    actions_registered: ALL_ACTIONS.length,
  })
})

test('GET /.well-known/jwks.json holds the one key that signs leases', async () => {
  const { keys } = (await get('/.well-known/jwks.json')).json() as {
    keys: Record<string, string>[]
  }
  expect(keys).toEqual([
    {
      kty: 'EC',
      crv: 'P-256',
      kid: expect.stringMatching(/^[0-9a-f]{16}$/),
      use: 'sig',
      alg: 'ES256',
      x: expect.stringMatching(/^[\w-]{43}$/),
      y: expect.stringMatching(/^[\w-]{43}$/),
    },
  ])
  const header = JSON.parse(Buffer.from(lease.jwt.split('.')[0] ?? '', 'base64url').toString())
  expect(header).toEqual({ typ: 'JWT', alg: 'ES256', kid: keys[0]?.['kid'] })
})

test('GET /v1/actions is sorted and public', async () => {
  const { actions } = (await get('/v1/actions')).json() as { actions: Record<string, string>[] }
  expect(actions.map((action) => action['action_id'])).toEqual(ALL_ACTIONS)
  expect(actions[0]).toEqual({
    action_id: 'github_comment_issue',
    version: expect.any(String),
    risk_level: 'medium',
    description: expect.any(String),
  })
})

test('GET /v1/actions/{id} has every member of the contract', async () => {
  const body = (await get('/v1/actions/http_fetch')).json()
  expect(body).toMatchObject({
    action_id: 'http_fetch',
    provider_module_digest: 'builtin:http_api',
    risk_level: 'low',
    resource_limits: {
      fuel: expect.any(Number),
      memory_mb: expect.any(Number),
      timeout_seconds: expect.any(Number),
      max_io_calls: expect.any(Number),
      max_host_response_bytes: expect.any(Number),
    },
    io: { has_request_schema: true },
    egress: { proxy_allowlist: { allowed_domains: expect.arrayContaining(['api.github.com']) } },
    declared_side_effects: ['http_read'],
  })
})

test('GET /v1/actions/{id}/schema/request is the schema itself', async () => {
  const body = (await get('/v1/actions/http_fetch/schema/request')).json()
  expect(body).toMatchObject({ type: 'object', additionalProperties: false, required: ['url'] })
})

test.each([['/v1/actions/nope'], ['/v1/actions/nope/schema/request'], ['/nope'], ['/v1/actions/']])(
  'GET %s is 404 with a JSON body',
  async (path) => {
    const answer = await get(path)
    expect(answer.status).toBe(404)
    expect(answer.json()).toEqual({
      error: 'not_found',
      message: 'There is nothing here, or nothing that you may see.',
      trace_id: TRACE,
    })
  },
)

test('a wrong method is 405 with Allow', async () => {
  const answer = await world.client.send({ method: 'DELETE', path: '/v1/actions' })
  expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD'])
  expect(answer.json()).toEqual({
    error: 'method_not_allowed',
    message: 'This method does not exist here; see Allow.',
    trace_id: TRACE,
  })
})

test('HEAD is answered where GET is', async () => {
  const answer = await world.client.send({ method: 'HEAD', path: '/healthz' })
  expect([answer.status, answer.text]).toEqual([200, ''])
})

test('admin routes do not exist on the client listener', async () => {
  for (const path of ['/v1/admin/status', '/v1/admin/intents']) {
    expect((await get(path)).status).toBe(404)
  }
  expect((await world.client.send({ method: 'POST', path: '/v1/admin/drain' })).status).toBe(404)
})

test('POST /v1/leases answers with exactly the members of the contract', async () => {
  const key = await DPoPKeyPair.generate()
  const answer = await postLease({ scopes: ['tools:call'], dpop_jwk: key.publicJwk })
  expect(answer.status).toBe(200)
  expect(answer.json()).toEqual({
    lease_jwt: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    lease_jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  })
})

test('scopes outside the maximum are dropped silently, in request order', async () => {
  const key = await DPoPKeyPair.generate()
  const scopes = ['audit:read', 'email:send', 'tools:call']
  const { lease_jwt } = (await postLease({ scopes, dpop_jwk: key.publicJwk })).json()
  const claims = JSON.parse(
    Buffer.from(String(lease_jwt).split('.')[1] ?? '', 'base64url').toString(),
  )
  expect(claims).toMatchObject({
    sub: 'agent-test',
    scope: ['audit:read', 'tools:call'],
    idm: 'peercred',
  })
})

const jwk = { kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }

test.each([
  ['no scopes', { scopes: [], dpop_jwk: jwk }, 400, 'invalid_request', /scopes must not be empty/],
  [
    'a malformed scope',
    { scopes: ['Nope'], dpop_jwk: jwk },
    400,
    'invalid_request',
    /^invalid scope 'Nope'/,
  ],
  [
    'no permitted scope',
    { scopes: ['email:send'], dpop_jwk: jwk },
    403,
    'scope_not_permitted',
    /./,
  ],
  [
    'RSA',
    { scopes: ['tools:call'], dpop_jwk: { ...jwk, kty: 'RSA' } },
    400,
    'invalid_request',
    /EC/,
  ],
  [
    'P-384',
    { scopes: ['tools:call'], dpop_jwk: { ...jwk, crv: 'P-384' } },
    400,
    'invalid_request',
    /P-256/,
  ],
  ['no curve point', { scopes: ['tools:call'], dpop_jwk: jwk }, 400, 'invalid_request', /./],
  [
    'an unknown member',
    { scopes: ['tools:call'], dpop_jwk: jwk, agent_id: 'x' },
    422,
    'invalid_request',
    /agent_id/,
  ],
  [
    'a relative root',
    { scopes: ['tools:call'], dpop_jwk: jwk, fs_root: 'x' },
    400,
    'invalid_fs_root',
    /must be absolute, got: x/,
  ],
  [
    'a root',
    { scopes: ['tools:call'], dpop_jwk: jwk, fs_root: '/tmp' },
    403,
    'fs_root_denied',
    /disabled/,
  ],
  [
    'a root that is not there, which looks the same',
    { scopes: ['tools:call'], dpop_jwk: jwk, fs_root: '/no/such/directory' },
    403,
    'fs_root_denied',
    /disabled/,
  ],
  [
    'an empty root',
    { scopes: ['tools:call'], dpop_jwk: jwk, fs_root: '' },
    400,
    'invalid_fs_root',
    /^empty path$/,
  ],
  [
    'a private key',
    { scopes: ['tools:call'], dpop_jwk: { ...jwk, d: 'c' } },
    422,
    'invalid_request',
    /^dpop_jwk must not contain a private key$/,
  ],
  [
    'a member twice',
    '{"scopes":["tools:call"],"scopes":["audit:read"],"dpop_jwk":{}}',
    422,
    'invalid_request',
    /./,
  ],
  ['a list', '[]', 422, 'invalid_request', /^the body must be a JSON object$/],
  ['no body', '', 400, 'invalid_json', /./],
])('a lease request with %s is refused', async (_name, body, status, code, message) => {
  const answer = await postLease(body)
  expect([answer.status, answer.json()['error']], answer.text).toEqual([status, code])
  expect(answer.json()['message']).toMatch(message)
  expect(answer.json()['trace_id']).toEqual(TRACE)
})

test('a lease request that is not JSON: 415 without the type, 400 with it', async () => {
  const path = '/v1/leases'
  const untyped = await world.client.send({ method: 'POST', path, body: '{}' })
  expect([untyped.status, untyped.json()['error']]).toEqual([415, 'unsupported_media_type'])
  const headers = { 'content-type': 'application/json' }
  const broken = await world.client.send({ method: 'POST', path, headers, body: '{' })
  expect([broken.status, broken.json()['error']]).toEqual([400, 'invalid_json'])
  const big = await world.client.send({
    method: 'POST',
    path,
    headers,
    body: ' '.repeat(1_100_000),
  })
  expect([big.status, big.json()['error']]).toEqual([413, 'request_too_large'])
})

test('a receipt is read by its principal, and its signature status is computed', async () => {
  const executed = await executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://api.github.com/',
  })
  const id = String(executed.json()['receipt_id'])
  const path = `/v1/receipts/${id}`
  const answer = await get(path, credentials(lease, 'GET', path))
  expect(answer.status, answer.text).toBe(200)
  expect(answer.json()).toMatchObject({
    receipt_id: id,
    grant_id: executed.json()['grant_id'],
    principal: 'agent-test',
    provider_module_digest: 'builtin:http_api',
    provider_receipt: { ok: true, status_code: 200 },
    normalized_result: { kind: 'success', summary: 'provider completed successfully' },
    verification_outcome: {
      status: 'verified',
      evidence: { http_status: 200, host_corroborated: true },
    },
    effect_evidence: [],
    outcome: 'answered',
    failure_class: null,
    result_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    receipt_signature: expect.stringMatching(/^[0-9a-f]{128}$/),
    signing_key_id: expect.stringMatching(/^[0-9a-f]{16}$/),
    signature_status: 'valid',
  })
  const byOperator = await world.admin.send({
    method: 'GET',
    path,
    headers: operatorHeaders(world.gate.project, 'GET', path),
  })
  expect(byOperator.json()).toEqual(answer.json())
})

test('a receipt that does not exist is 404, with a lease; without one 401', async () => {
  const path = '/v1/receipts/0196a1b2-0000-7000-8000-000000000003'
  const answer = await get(path, credentials(lease, 'GET', path))
  expect([answer.status, answer.json()['error']]).toEqual([404, 'not_found'])
  const anonymous = await get(path)
  expect([anonymous.status, anonymous.json()['error']]).toEqual([401, 'missing_auth_header'])
})

test('GET /v1/receipt-keys is public and holds the key in both forms', async () => {
  const { keys } = (await get('/v1/receipt-keys')).json() as { keys: Record<string, string>[] }
  expect(keys).toEqual([
    {
      kid: keys[0]?.['x_hex']?.slice(0, 16),
      x_hex: expect.stringMatching(/^[0-9a-f]{64}$/),
      x: Buffer.from(keys[0]?.['x_hex'] ?? '', 'hex').toString('base64url'),
      kty: 'OKP',
      crv: 'Ed25519',
      alg: 'EdDSA',
      added_at: expect.stringMatching(/Z$/),
      use: 'sig',
    },
  ])
})

test('admin routes need the operator: key, proof, binding, once', async () => {
  const path = '/v1/admin/status'
  const { project } = world.gate
  const good = operatorHeaders(project, 'GET', path)
  const send = (headers: Record<string, string>): ReturnType<World['admin']['send']> =>
    world.admin.send({ method: 'GET', path, headers })
  expect((await send(good)).status).toBe(200)
  const stranger = await DPoPKeyPair.generate()
  const { dpop: _dpop, ...proofless } = operatorHeaders(project, 'GET', path)
  const bearer = { ...operatorHeaders(project, 'GET', path), authorization: 'Bearer x' }
  for (const [headers, message] of [
    [good, 'This proof has been used; sign one for every request.'],
    [{}, 'The Authorization or the DPoP header is missing.'],
    [bearer, 'The Authorization scheme must be DPoP.'],
    [proofless, 'The DPoP header is missing.'],
    [
      { ...operatorHeaders(project, 'GET', path), authorization: 'DPoP wrong' },
      'No operator has this key.',
    ],
    [operatorHeaders(project, 'POST', path), 'The DPoP proof does not verify.'],
    [operatorHeaders(project, 'GET', '/v1/admin/intents'), 'The DPoP proof does not verify.'],
    [
      operatorHeaders(project, 'GET', path, stranger),
      'The proof is by another key than the registered one.',
    ],
  ] as const) {
    const answer = await send(headers)
    expect([answer.status, answer.json()]).toEqual([
      401,
      {
        error: 'unauthorized',
        message,
        trace_id: TRACE,
      },
    ])
  }
})

test('GET /v1/admin/status and /v1/admin/intents', async () => {
  const ask = async (path: string): Promise<Record<string, unknown>> => {
    const headers = operatorHeaders(world.gate.project, 'GET', path)
    return (await world.admin.send({ method: 'GET', path, headers })).json()
  }
  expect(await ask('/v1/admin/status')).toEqual({
    status: 'ok',
    version: '0.3.0',
    uptime_seconds: expect.any(Number),
    actions_registered: ALL_ACTIONS.length,
    pending_approvals: 0,
    revocation_epoch: 0,
    draining: false,
    in_flight_executions: 0,
    unknown_intents: 0,
    dependencies: { redis: true, opa: true, ledger: true },
    webhooks: { active: false, pending_deliveries: 0 },
  })
  expect(await ask('/v1/admin/intents')).toEqual({ intents: [] })
})

test('drain: leases and calls are 503, reading goes on; last, for it cannot be undone here', async () => {
  const path = '/v1/admin/drain'
  const drain = async (): Promise<unknown> => {
    const headers = operatorHeaders(world.gate.project, 'POST', path)
    return (await world.admin.send({ method: 'POST', path, headers })).json()
  }
  expect(await drain()).toEqual({
    draining: true,
    already_draining: false,
    in_flight_executions: 0,
  })
  expect(await drain()).toEqual({ draining: true, already_draining: true, in_flight_executions: 0 })
  const refused = await executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://api.github.com/',
  })
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '5'])
  expect(refused.json()).toEqual({
    error: 'draining',
    message: 'The gate is shutting down.',
    trace_id: TRACE,
  })
  expect((await postLease({})).status).toBe(503)
  const ready = await get('/readyz')
  expect([ready.status, ready.json()]).toEqual([
    200,
    {
      status: 'ready',
      redis: true,
      opa: true,
      ledger: true,
      approval_store: true,
      egress_proxy: null,
      actions_registered: ALL_ACTIONS.length,
    },
  ])
  expect((await get('/healthz')).status).toBe(200)
  expect((await get('/v1/actions')).status).toBe(200)
})

function postLease(body: unknown): ReturnType<World['client']['send']> {
  return world.client.send({
    method: 'POST',
    path: '/v1/leases',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}
