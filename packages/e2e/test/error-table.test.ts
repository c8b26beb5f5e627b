import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES, type ErrorCode, errorCodeEntry } from '@latchgate/protocol'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { ManualClock } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { asOperator } from '../src/harness/approvals.js'
import { freePort } from '../src/harness/free-port.js'
import { type ProjectSettings, startTestGate } from '../src/harness/gate.js'
import { takeLedgerAway } from '../src/harness/ledger-lock.js'
import { operatorHeaders } from '../src/harness/operator.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type RawAnswer,
  RawClient,
  takeLease,
} from '../src/harness/raw-client.js'
import { TokenIssuer } from '../src/harness/token-issuer.js'
import { startWorld, type World } from '../src/harness/world.js'

const EXECUTE = '/v1/actions/http_fetch/execute'
const PARAMS = { url: 'https://api.github.com/' }
const JSON_TYPE = { 'content-type': 'application/json' }
const RATES =
  '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000\nexecute_rps_anonymous = 1000\nlease_rps = 1000'

/** An edit of the policy data, after `prepare` has had its file. */
async function policyEdit(
  method: string,
  name: string,
  body: unknown,
  prepare: (file: string) => void = () => undefined,
): Promise<RawAnswer> {
  const { admin, gate } = await world()
  prepare(join(gate.project.root, 'policies', 'data.json'))
  const { pathname } = new URL(`http://x/v1/admin/policy/${name}`)
  return asOperator({ admin, gate }, method, pathname, { body })
}

function refusedEdit(name: string, body: unknown, detail: string): Row {
  return {
    status: 400,
    members: { detail },
    message: detail,
    provoke: () => policyEdit('POST', name, body),
  }
}

/** One way to provoke a code, and what its body has beside `error`, `message` and `trace_id`. */
interface Row {
  readonly status: number
  readonly members?: Readonly<Record<string, unknown>>
  readonly message?: string | RegExp
  readonly retryAfter?: string
  readonly provoke: () => Promise<RawAnswer>
}

async function world(
  settings: ProjectSettings = {},
  options: Parameters<typeof startWorld>[1] = {},
): Promise<World> {
  const made = await startWorld({ tables: RATES, ...settings }, options)
  onTestFinished(() => made.close())
  return made
}

async function call(
  change: (lease: HeldLease, world: World) => Promise<RawAnswer>,
  settings: ProjectSettings = {},
  options: Parameters<typeof startWorld>[1] = {},
): Promise<RawAnswer> {
  const made = await world(settings, options)
  return change(await takeLease(made.client), made)
}

async function leaseWith(
  body: unknown,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
  settings: ProjectSettings = {},
): Promise<RawAnswer> {
  const { client } = await world(settings)
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return client.send({ method: 'POST', path: '/v1/leases', headers, body: text })
}

async function leaseBody(change: object = {}): Promise<object> {
  const key = await DPoPKeyPair.generate()
  return { scopes: ['tools:call'], dpop_jwk: key.publicJwk, ...change }
}

const ROWS: Partial<Record<ErrorCode, Row>> = {
  operator_auth_not_configured: {
    status: 401,
    provoke: async () => {
      const made = await world({ operatorless: true })
      const path = '/v1/approvals/x/deny'
      const headers = operatorHeaders(made.gate.project, 'POST', path)
      return made.admin.send({ method: 'POST', path, headers })
    },
  },
  operator_throttled: {
    status: 429,
    retryAfter: '2',
    provoke: async () => {
      const made = await world({ tables: '[rate_limits]\noperator_write_rps = 0' })
      return asOperator(made, 'POST', '/v1/approvals/x/deny')
    },
  },
  approval_store_unavailable: {
    status: 503,
    provoke: async () => {
      const made = await world()
      await made.gate.services.ledger.close()
      return asOperator(made, 'GET', '/v1/approvals')
    },
  },
  bad_request: {
    status: 400,
    message: 'the request is not valid HTTP/1.1',
    provoke: async () => rawHttp(await world(), 'NOT HTTP\r\n\r\n'),
  },
  invalid_fs_root: {
    status: 400,
    message: 'must be absolute, got: relative',
    provoke: async () => leaseWith(await leaseBody({ fs_root: 'relative' })),
  },
  invalid_json: {
    status: 400,
    members: { reason: 'syntax', path: '' },
    message: /^not JSON/,
    provoke: () => leaseWith('{'),
  },
  identity_unauthenticated: {
    status: 401,
    message:
      'this gate knows agents by the uid of their Unix socket: connect to the socket, not to TCP, or present a registered key or a token of an issuer',
    provoke: async () => {
      const made = await world({
        keys: 'listen_http_addr = "127.0.0.1:0"\nunsafe_expose_http = true',
      })
      const tcp = new RawClient({ base: made.gate.addresses.http ?? '' })
      onTestFinished(() => tcp.close())
      const body = JSON.stringify(await leaseBody())
      return tcp.send({ method: 'POST', path: '/v1/leases', headers: JSON_TYPE, body })
    },
  },
  identity_provider_unavailable: {
    status: 503,
    message: "the keys of the token's issuer cannot be had now: repeat the request later",
    provoke: async () => {
      const issuer = new TokenIssuer()
      // Nobody listens there.
      const url = `http://127.0.0.1:${await freePort()}/keys`
      const { client } = await world({ tables: `${RATES}\n${issuer.table(`jwks_url = "${url}"`)}` })
      const headers = { ...JSON_TYPE, authorization: `Bearer ${issuer.token()}` }
      const body = JSON.stringify(await leaseBody())
      return client.send({ method: 'POST', path: '/v1/leases', headers, body })
    },
  },
  invalid_dpop: {
    status: 401,
    members: { deny_reason: "htm mismatch: expected 'POST', got 'GET'" },
    provoke: () =>
      call((lease, { client }) =>
        executeRaw(client, lease, 'http_fetch', PARAMS, { method: 'GET' }),
      ),
  },
  invalid_lease: {
    status: 401,
    provoke: () =>
      call((lease, { client }) =>
        executeRaw(client, { ...lease, jwt: `${lease.jwt}x` }, 'http_fetch', PARAMS),
      ),
  },
  lease_expired: {
    status: 401,
    provoke: async () => {
      const clock = new ManualClock(Date.now())
      return call(
        (lease, { client }) => {
          clock.advance(3600_000)
          const nowSeconds = Math.floor(clock.now() / 1000)
          return executeRaw(client, lease, 'http_fetch', PARAMS, { nowSeconds })
        },
        {},
        { now: clock.now },
      )
    },
  },
  missing_auth_header: {
    status: 401,
    provoke: async () => (await world()).client.send({ method: 'POST', path: EXECUTE, body: '{}' }),
  },
  replay_detected: {
    status: 401,
    provoke: () =>
      call(async (lease, { client }) => {
        const request = {
          method: 'POST',
          path: EXECUTE,
          headers: credentials(lease, 'POST', EXECUTE),
          body: JSON.stringify(PARAMS),
        }
        await client.send(request)
        return client.send(request)
      }),
  },
  unauthorized: {
    status: 401,
    message: 'The Authorization or the DPoP header is missing.',
    provoke: async () => (await world()).admin.send({ method: 'GET', path: '/v1/admin/status' }),
  },
  budget_exhausted: {
    status: 403,
    provoke: async () => {
      const { client } = await world()
      const lease = await takeLease(client, { budgets: { max_calls: 0 } })
      return executeRaw(client, lease, 'http_fetch', PARAMS)
    },
  },
  budget_session_not_found: {
    status: 403,
    provoke: async () => {
      const made = await startWorld({ tables: RATES })
      const lease = await takeLease(made.client, { budgets: { max_calls: 5 } })
      const { project } = made.gate
      await made.client.close()
      await made.admin.close()
      await made.gate.close()
      await made.upstream.close()
      rmSync(`${project.root}/data`, { recursive: true })
      for (const suffix of ['', '.note']) {
        rmSync(`${project.root}/audit.db.high-water${suffix}`, { force: true })
      }
      const again = await startTestGate(project)
      const client = new RawClient({ socket: project.socket })
      onTestFinished(async () => {
        await client.close()
        await again.close()
        project.remove()
      })
      return executeRaw(client, lease, 'http_fetch', PARAMS)
    },
  },
  fs_root_denied: {
    status: 403,
    message: 'per-session fs_root is disabled (fs_root_allowed_prefixes is empty)',
    provoke: async () => leaseWith(await leaseBody({ fs_root: '/usr' })),
  },
  identity_forbidden: {
    status: 403,
    message: /^uid \d+ is not mapped: add \[identity\.peercred\.principals\.\d+\]$/,
    provoke: async () => {
      const made = await world()
      const uid = String(process.getuid?.())
      const { principals } = made.gate.services.config.identity.peercred
      delete (principals as Record<string, unknown>)[uid]
      const body = JSON.stringify(await leaseBody())
      return made.client.send({ method: 'POST', path: '/v1/leases', headers: JSON_TYPE, body })
    },
  },
  policy_denied: {
    status: 403,
    members: {
      deny_reason: "principal 'agent-test' is not authorised for action 'http_fetch'",
      principal: 'agent-test',
      action_id: 'http_fetch',
      remediation: 'Run: latchgate policy grant agent-test http_fetch',
    },
    message: "principal 'agent-test' is not authorised for action 'http_fetch'",
    provoke: () =>
      call((lease, { client }) => executeRaw(client, lease, 'http_fetch', PARAMS), {
        data: {
          policy_version: 't',
          acl: { 'agent-test': { allowed_actions: [], allowed_sinks: [] } },
        },
      }),
  },
  scope_not_permitted: {
    status: 403,
    provoke: async () => leaseWith(await leaseBody(), JSON_TYPE, { scopes: ['audit:read'] }),
  },
  action_not_found: {
    status: 404,
    message: "no action 'nope': GET /v1/actions lists what there is",
    provoke: () => call((lease, { client }) => executeRaw(client, lease, 'nope', {})),
  },
  not_found: {
    status: 404,
    provoke: async () => (await world()).client.send({ method: 'GET', path: '/nope' }),
  },
  method_not_allowed: {
    status: 405,
    provoke: async () => (await world()).client.send({ method: 'DELETE', path: '/healthz' }),
  },
  request_too_large: {
    status: 413,
    provoke: () =>
      call((lease, { client }) =>
        executeRaw(client, lease, 'http_fetch', JSON.stringify({ url: 'x'.repeat(1_100_000) })),
      ),
  },
  unsupported_media_type: {
    status: 415,
    message: 'send the body with Content-Type: application/json',
    provoke: () => leaseWith('{}', { 'content-type': 'text/plain' }),
  },
  invalid_request: {
    status: 422,
    members: { path: '/agent_id' },
    message: "unknown member 'agent_id': scopes, dpop_jwk, budgets, fs_root",
    provoke: async () => leaseWith(await leaseBody({ agent_id: 'x' })),
  },
  schema_violation: {
    status: 422,
    members: { reason: 'duplicate_key', path: '/url' },
    message: /./,
    provoke: () =>
      call((lease, { client }) => executeRaw(client, lease, 'http_fetch', '{"url":"a","url":"b"}')),
  },
  rate_limit_exceeded: {
    status: 429,
    retryAfter: '1',
    provoke: async () => {
      const { client } = await world({ tables: '[rate_limits]\nlease_rps = 1' })
      return lastOf(8, () =>
        client.send({ method: 'POST', path: '/v1/leases', headers: JSON_TYPE, body: '{}' }),
      )
    },
  },
  rate_limited: {
    status: 429,
    retryAfter: '1',
    provoke: () =>
      call(
        (lease, { client }) => lastOf(8, () => executeRaw(client, lease, 'http_fetch', PARAMS)),
        { tables: '[rate_limits]\nexecute_rps_per_session = 1' },
      ),
  },
  evidence_persistence_failed: {
    status: 500,
    provoke: () =>
      call(async (lease, made) => {
        made.upstream.on('GET', '/', () => {
          onTestFinished(takeLedgerAway(made.gate))
          return { body: {} }
        })
        return executeRaw(made.client, lease, 'http_fetch', PARAMS)
      }),
  },
  action_execution_failed: {
    status: 502,
    members: {
      error_type: 'upstream_unreachable',
      outcome: 'not_sent',
      receipt_id: expect.any(String),
      session_seq: 1,
      log: { index: expect.any(Number), size: expect.any(Number) },
    },
    message: 'cannot connect to httpbin.org at 127.0.0.1:1 (ECONNREFUSED)',
    provoke: () =>
      call(
        (lease, { client }) =>
          executeRaw(client, lease, 'http_fetch', { url: 'https://httpbin.org/' }),
        { resolve: { 'httpbin.org:443': '127.0.0.1:1' } },
      ),
  },
  clock_error: {
    status: 503,
    provoke: async () => {
      const clock = new ManualClock(Date.now())
      return call(
        async (lease, { client }) => {
          const send = (): Promise<RawAnswer> =>
            executeRaw(client, lease, 'http_fetch', PARAMS, {
              nowSeconds: Math.floor(clock.now() / 1000),
            })
          clock.advance(20_000)
          await send()
          clock.advance(-10_000)
          return send()
        },
        {},
        { now: clock.now },
      )
    },
  },
  draining: {
    status: 503,
    retryAfter: '5',
    provoke: () =>
      call(async (lease, { client, admin, gate }) => {
        const path = '/v1/admin/drain'
        const headers = operatorHeaders(gate.project, 'POST', path)
        await admin.send({ method: 'POST', path, headers })
        return executeRaw(client, lease, 'http_fetch', PARAMS)
      }),
  },
  overloaded: {
    status: 503,
    retryAfter: '1',
    provoke: () =>
      call(
        async (lease, made) => {
          const held = await made.gate.services.slots.acquire('somebody')
          onTestFinished(held)
          return executeRaw(made.client, lease, 'http_fetch', PARAMS)
        },
        { tables: `${RATES}\n[limits]\nmax_in_flight = 1\nqueue_ms = 10` },
      ),
  },
  policy_engine_unavailable: {
    status: 503,
    provoke: () =>
      call(async (lease, made) => {
        await made.gate.services.policy.close()
        return executeRaw(made.client, lease, 'http_fetch', PARAMS)
      }),
  },
  replay_cache_unavailable: {
    status: 503,
    provoke: () =>
      call(async (lease, made) => {
        // As a caller would who sends that many proofs within two minutes.
        const entry = { jkt: 'k', owner: 'agent-test', forgetAfter: Date.now() + 120_000 }
        for (let jti = 0; jti < 50_000; jti += 1) {
          await made.gate.services.state.rememberProof({ ...entry, jti: String(jti) })
        }
        return executeRaw(made.client, lease, 'http_fetch', PARAMS)
      }),
  },
  secrets_unavailable: {
    status: 503,
    provoke: () =>
      call(
        (lease, { client }) => executeRaw(client, lease, 'github_read', { path: 'user' }),
        {},
        { env: { LATCHGATE_SECRET_GITHUB_TOKEN: 'short' } },
      ),
  },
  store_unavailable: {
    status: 503,
    provoke: () =>
      call(async (lease, made) => {
        onTestFinished(takeLedgerAway(made.gate))
        return executeRaw(made.client, lease, 'http_fetch', PARAMS)
      }),
  },
  // policy administration: packages/e2e/test/policy-*.test.ts have the rest
  empty_actions: refusedEdit(
    'grant',
    { principal: 'a', actions: [] },
    'at least one action required',
  ),
  invalid_action_id: refusedEdit(
    'grant',
    { principal: 'a', actions: ['http.*'] },
    'action_id must contain only [a-zA-Z0-9_-]',
  ),
  invalid_principal: refusedEdit(
    'grant',
    { principal: '', actions: ['http_fetch'] },
    'principal must be 1-253 characters',
  ),
  too_many_actions: refusedEdit(
    'grant',
    { principal: 'a', actions: Array.from({ length: 101 }, () => 'http_fetch') },
    'max 100 actions per request',
  ),
  invalid_input: refusedEdit(
    'allowlist',
    { action_id: 'http_post', agent_id: '*' },
    'agent_id must contain only [a-zA-Z0-9_-:.@]',
  ),
  unknown_action: {
    status: 400,
    members: { action_id: 'http_fecth' },
    message: "there is no action 'http_fecth' (did you mean 'http_fetch'?)",
    provoke: () => policyEdit('POST', 'grant', { principal: 'a', actions: ['http_fecth'] }),
  },
  allowlist_entry_not_found: {
    status: 404,
    members: { detail: "there is no bypass of 'http_post' for 'a'" },
    message: "there is no bypass of 'http_post' for 'a'",
    provoke: () => policyEdit('DELETE', 'allowlist', { action_id: 'http_post', agent_id: 'a' }),
  },
  principal_not_found: {
    status: 404,
    members: { principal: 'a' },
    message: "there is no entry of 'a': without one a principal has the rights of '*'",
    provoke: async () => {
      const { admin, gate } = await world()
      return asOperator({ admin, gate }, 'GET', '/v1/admin/policy/a')
    },
  },
  conflict: {
    status: 409,
    members: {
      detail: expect.stringMatching(/^policies\/data\.json is not what is in force: run/),
    },
    message: /`latchgate policy reload`/,
    provoke: () =>
      policyEdit('POST', 'grant', { principal: 'a', actions: ['http_fetch'] }, (file) => {
        writeFileSync(file, '{"policy_version":"by-hand","acl":{}}')
      }),
  },
  policy_read_error: {
    status: 500,
    members: { detail: expect.stringMatching(/^policies\/data\.json or its directory can be/) },
    message: /the gate's log says how to mend it$/,
    provoke: () =>
      policyEdit('POST', 'grant', { principal: 'a', actions: ['http_fetch'] }, (file) => {
        chmodSync(file, 0o666)
      }),
  },
  policy_write_error: {
    status: 500,
    members: { detail: 'data.json not found' },
    message: /^there is no policies\/data\.json: write one/,
    provoke: () =>
      policyEdit('POST', 'grant', { principal: 'a', actions: ['http_fetch'] }, (file) => {
        rmSync(file)
      }),
  },
  reload_failed: {
    status: 500,
    members: { detail: expect.stringMatching(/^policies\/data\.json: policy data: /) },
    provoke: () =>
      policyEdit('POST', '../reload', undefined, (file) => {
        writeFileSync(file, '{')
      }),
  },
}

/** Codes whose exact body is in the tests of their feature, which are named. */
const ELSEWHERE: Partial<Record<ErrorCode, string>> = {
  action_digest_mismatch: 'e2e/test/approval-tampering.test.ts',
  approval_denied: 'e2e/test/approvals.test.ts',
  approval_expired: 'e2e/test/approval-races.test.ts',
  approval_not_found: 'e2e/test/approvals.test.ts',
  approval_pending: 'e2e/test/approvals.test.ts',
  approval_revoked: 'e2e/test/approval-races.test.ts',
  approver_not_eligible: 'e2e/test/approval-races.test.ts',
  attestation_invalid: 'e2e/test/approvals.test.ts',
  attestation_mismatch: 'e2e/test/approvals.test.ts',
  invalid_auth_scheme: 'e2e/test/approvals.test.ts',
  invalid_domain: 'e2e/test/learned-rules.test.ts',
  invalid_operator_token: 'e2e/test/approvals.test.ts',
  invalid_path_glob: 'e2e/test/learned-rules.test.ts',
  key_binding_failed: 'e2e/test/approvals.test.ts',
  lease_revoked: 'e2e/test/revocation.test.ts',
  ledger_error: 'e2e/test/audit.test.ts',
  missing_dpop_header: 'e2e/test/approvals.test.ts',
  plan_hash_mismatch: 'e2e/test/approvals.test.ts',
  policy_changed: 'e2e/test/approval-tampering.test.ts',
  quota_exhausted: 'e2e/test/quotas.test.ts',
  too_many_pending_approvals: 'e2e/test/approvals.test.ts',
}

/** Codes of features that this version does not have yet. */
const LATER: readonly ErrorCode[] = [
  'idempotency_conflict',
  'serialization_error',
  // modules that operators register, other policy engines, other stores
  'action_not_registered',
  'policy_engine_timeout',
  'policy_engine_invalid_response',
  'budget_store_unavailable',
  'budget_already_initialised',
]

/** Codes that only a bug produces: tests of the stage that answers them are named. */
const ONLY_BY_A_BUG: Partial<Record<ErrorCode, string>> = {
  internal_error: 'gate/test/pipeline/fault-edge.test.ts',
  // A grant is a fresh UUID for each call until approvals hand grants out.
  grant_consumed: 'gate/test/ledger',
}

test('every code has a row, belongs to a later feature, or takes a bug to be seen', () => {
  const others = [ELSEWHERE, ONLY_BY_A_BUG].flatMap((table) => Object.keys(table))
  const listed = [...Object.keys(ROWS), ...others, ...LATER]
  expect(listed.toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted())
})

test.each(Object.entries(ELSEWHERE))('%s is provoked in %s', (code, file) => {
  const source = fileURLToPath(new URL(`../../../${file}`, import.meta.url))
  expect(new RegExp(`\\b${code}\\b`).test(readFileSync(source, 'utf8'))).toBe(true)
})

test.each(Object.entries(ROWS))(
  '%s has its status, its members and no others',
  async (code, row) => {
    const answer = await row.provoke()
    expect(answer.status, answer.text).toBe(row.status)
    const { message = errorCodeEntry(code as ErrorCode).meaning } = row
    expect(answer.json()).toEqual({
      error: code,
      ...row.members,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      trace_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}$/),
    })
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.headers['retry-after']).toBe(row.retryAfter)
  },
  60_000,
)

test('the table has the status that each code has in the one list, unless the specification says otherwise', () => {
  const different = Object.entries(ROWS).filter(
    ([code, row]) => errorCodeEntry(code as ErrorCode).status !== row.status,
  )
  expect(different.map(([code]) => code)).toEqual([])
})

async function lastOf(count: number, send: () => Promise<RawAnswer>): Promise<RawAnswer> {
  const answers = await Promise.all(Array.from({ length: count }, send))
  const limited = answers.find(({ status }) => status === 429)
  return limited ?? (answers.at(-1) as RawAnswer)
}

function rawHttp(made: World, bytes: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(made.gate.project.socket)
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n')
      const lines = head.split('\r\n').slice(1)
      resolve({
        status: Number(head.split(' ')[1]),
        headers: Object.fromEntries(lines.map((line) => line.split(': ') as [string, string])),
        text: body,
        json: () => JSON.parse(body) as Record<string, unknown>,
      })
    })
    socket.write(bytes)
  })
}
