import * as sdk from 'latchgate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operatorHeaders } from '../src/harness/operator.js'
import { startWorld, type World } from '../src/harness/world.js'
import { oracle } from '../src/index.js'

const CLIENTS = [
  ['the 0.2.0 client', oracle],
  ['the SDK', sdk],
] as const
const RATES = '[rate_limits]\nexecute_rps_per_session = 3\nlease_rps = 1000'

let world: World

beforeAll(async () => {
  delete process.env['LATCHGATE_URL']
  world = await startWorld({
    tables: RATES,
    scopes: ['tools:call', 'audit:read'],
    resolve: { 'httpbin.org:443': '127.0.0.1:1' },
  })
})

afterAll(async () => {
  await world.close()
})

type Client = oracle.LatchGateClient | sdk.LatchGateClient
type Refusal = readonly [string, (client: Client) => Promise<unknown>, string, string | RegExp]

const REFUSALS: readonly Refusal[] = [
  [
    'a body that the schema refuses',
    (client) => client.execute('http_fetch', { url: 7 }),
    'LatchGateDenied',
    /^action 'http_fetch' denied by policy: schema_violation: /,
  ],
  [
    'a call that needs an approval, but has no secret to be made with',
    (client) =>
      client.execute('github_create_issue', { owner: 'o', repo: 'r', title: 't', body: 'b' }),
    'LatchGateDenied',
    /^action 'github_create_issue' denied by policy: policy_denied: required secret is missing/,
  ],
  [
    'an unknown action',
    (client) => client.execute('nope'),
    'LatchGateUnavailable',
    /^gateway unavailable: unexpected_status_404: action_not_found(: no action 'nope'.*)?$/,
  ],
  [
    'an upstream that cannot be reached',
    (client) => client.execute('http_fetch', { url: 'https://httpbin.org/' }),
    'LatchGateUnavailable',
    /^gateway unavailable: action_execution_failed(: cannot .*)?$/,
  ],
  [
    'too many calls',
    async (client) => {
      for (let i = 0; i < 8; i += 1) await client.execute('nope').catch(() => null)
      return client.execute('nope')
    },
    'LatchGateUnavailable',
    /^gateway unavailable: unexpected_status_429: rate_limited(: .*)?$/,
  ],
  [
    'an unknown receipt',
    (client) => client.getReceipt('nope'),
    'LatchGateDenied',
    "action '<receipt>' denied by policy: receipt 'nope' not found",
  ],
  [
    'an unknown approval',
    (client) => client.getApprovalStatus('nope'),
    'LatchGateDenied',
    "action '<approval>' denied by policy: approval 'nope' not found",
  ],
  [
    'the egress of an unknown action',
    (client) => client.getActionEgress('nope'),
    'LatchGateDenied',
    "action 'nope' denied by policy: action 'nope' not found",
  ],
  [
    'a malformed scope',
    (client) => client.connect({ scopes: ['Nope'] }),
    'LatchGateDenied',
    "action '<connect>' denied by policy: invalid_request",
  ],
  [
    'scopes that are not permitted',
    (client) => client.connect({ scopes: ['jira:read'] }),
    'LatchGateDenied',
    "action '<connect>' denied by policy: scope_not_permitted",
  ],
  [
    'a lease without tools:call',
    async (client) => {
      await client.connect({ scopes: ['audit:read'] })
      return client.execute('http_fetch', { url: 'https://api.github.com/' })
    },
    'LatchGateDenied',
    /policy_denied: scope 'tools:call' is required for action execution but is absent/,
  ],
]

test.each(
  CLIENTS.flatMap(([name, api]) =>
    REFUSALS.map((refusal) => [name, refusal[0], api, refusal] as const),
  ),
)('%s meets %s', async (_client, _case, { LatchGateClient }, [, use, name, message]) => {
  const client = new LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
  const error = await use(client).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ name })
  if (typeof message === 'string') expect((error as Error).message).toBe(message)
  else expect((error as Error).message).toMatch(message)
  await client.close()
})

test.each(CLIENTS)(
  '%s signs for the wrong base, and is told which is right',
  async (_name, api) => {
    const client = new api.LatchGateClient({
      socket: world.gate.project.socket,
      publicBaseUrl: 'http://127.0.0.1:3000',
      agentId: 'a',
    })
    const error: unknown = await client.execute('http_fetch').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      name: 'LatchGateAuthError',
      message: expect.stringMatching(/^authentication failed: invalid_dpop/),
      code: 'invalid_dpop',
    })
    if (error instanceof sdk.LatchGateAuthError) {
      expect(error.denyReason).toMatch(/^htu mismatch: expected 'http:\/\/localhost:3000\/v1/)
      expect(error.message).toContain(`authentication failed: invalid_dpop: ${error.denyReason}`)
    }
    await client.close()
  },
)

test.each(CLIENTS)(
  "%s carries a framework's discovery through its dispatcher, whatever the URL says",
  async (_name, { LatchGateClient }) => {
    const client = new LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
    const read = async (path: string): Promise<unknown> => {
      const answer = await client.httpDispatcher.request({
        origin: 'http://localhost:3000',
        path,
        method: 'GET',
        headers: { accept: 'application/json' },
      })
      expect(answer.statusCode).toBe(200)
      return answer.body.json()
    }
    const { actions } = (await read('/v1/actions')) as { actions: { action_id: string }[] }
    for (const { action_id } of actions) {
      expect(await read(`/v1/actions/${action_id}`)).toMatchObject({ action_id })
      expect(await read(`/v1/actions/${action_id}/schema/request`)).toMatchObject({
        type: 'object',
      })
    }
    await client.close()
  },
)

test('both meet a gate that drains; last, for it cannot be undone here', async () => {
  const clients = [oracle, sdk].map(
    ({ LatchGateClient }) =>
      new LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' }),
  )
  for (const client of clients) await client.connect()
  const path = '/v1/admin/drain'
  const headers = operatorHeaders(world.gate.project, 'POST', path)
  await world.admin.send({ method: 'POST', path, headers })
  for (const client of clients) {
    const message = expect.stringMatching(/^gateway unavailable: draining(: .*)?$/) as string
    const expected = { name: 'LatchGateUnavailable', message }
    await expect(client.execute('http_fetch')).rejects.toMatchObject(expected)
    await expect(client.connect()).rejects.toMatchObject(expected)
    await client.close()
  }
})
