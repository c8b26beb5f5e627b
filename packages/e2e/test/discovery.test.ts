import * as sdk from 'latchgate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ALL_ACTIONS } from '../src/harness/gate.js'
import type { RawAnswer } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'
import { oracle } from '../src/index.js'

const PLAIN = `# Risk rationale: reads one public page.
action_id: a-plain_1
version: "3.1.4"
description: Reads one page.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
required_scopes: [tools:call, docs:read]
risk_level: medium
declared_side_effects: [http_read]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: [api.github.com] }
resource_limits: { fuel: 100000000, memory_mb: 16, timeout_seconds: 5, max_io_calls: 3, max_host_response_bytes: 65536 }
io: { max_request_bytes: 2048, max_response_bytes: 4096 }
template: { method: GET, url_template: "https://api.github.com/m" }
`

let world: World

beforeAll(async () => {
  world = await startWorld({ manifests: { 'plain.yaml': PLAIN } })
})

afterAll(async () => {
  await world.close()
})

const get = (path: string, headers: Record<string, string> = {}): Promise<RawAnswer> =>
  world.client.send({ method: 'GET', path, headers })

test('an action without a schema has every member of the contract, in exactly this form', async () => {
  const answer = await get('/v1/actions/a-plain_1')
  expect(answer.headers['content-type']).toBe('application/json')
  expect(answer.json()).toEqual({
    action_id: 'a-plain_1',
    version: '3.1.4',
    description: 'Reads one page.',
    provider_module_digest: 'builtin:http_api',
    provider_module_sha256: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    action_digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    risk_level: 'medium',
    resource_limits: {
      fuel: 100_000_000,
      memory_mb: 16,
      timeout_seconds: 5,
      max_io_calls: 3,
      max_host_response_bytes: 65_536,
    },
    io: {
      max_request_bytes: 2048,
      max_response_bytes: 4096,
      has_request_schema: false,
      has_response_schema: false,
    },
    egress: {
      proxy_allowlist: { allowed_domains: ['api.github.com'] },
      profile: 'proxy_allowlist',
      allowed_domains: ['api.github.com'],
    },
    declared_side_effects: ['http_read'],
    required_scopes: ['tools:call', 'docs:read'],
  })
})

test('its schema is 404, as that of an unknown action', async () => {
  for (const id of ['a-plain_1', 'nope']) {
    const answer = await get(`/v1/actions/${id}/schema/request`)
    expect([answer.status, answer.json()['error']]).toEqual([404, 'not_found'])
  }
})

test('the list is sorted by id in code units and names every action', async () => {
  const { actions } = (await get('/v1/actions?limit=1')).json() as {
    actions: { action_id: string }[]
  }
  const ids = actions.map((action) => action.action_id)
  expect(ids).toEqual([...ALL_ACTIONS, 'a-plain_1'].toSorted((a, b) => (a < b ? -1 : 1)))
  expect(actions[0]).toEqual({
    action_id: 'a-plain_1',
    version: '3.1.4',
    risk_level: 'medium',
    description: 'Reads one page.',
  })
})

test('credentials are not looked at, and the admin listener says the same', async () => {
  const headers = { authorization: 'DPoP nonsense', dpop: 'nonsense' }
  for (const path of ['/v1/actions', '/v1/actions/http_fetch', '/.well-known/jwks.json']) {
    const plain = await get(path)
    expect((await get(path, headers)).text).toBe(plain.text)
    expect((await world.admin.send({ method: 'GET', path })).text).toBe(plain.text)
  }
})

test('HEAD has the headers of GET and no body', async () => {
  for (const path of ['/v1/actions', '/v1/actions/http_fetch', '/v1/receipt-keys']) {
    const answer = await world.client.send({ method: 'HEAD', path })
    expect([answer.status, answer.text]).toEqual([200, ''])
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength((await get(path)).text)))
  }
})

test.each([
  ['the 0.2.0 client', oracle],
  ['the SDK', sdk],
] as const)('%s reads the egress of each action as it stands there', async (_name, api) => {
  const client = new api.LatchGateClient({ socket: world.gate.project.socket, agentId: 'a' })
  for (const id of [...ALL_ACTIONS, 'a-plain_1']) {
    const { egress } = (await get(`/v1/actions/${id}`)).json() as {
      egress: { proxy_allowlist: { allowed_domains: string[] } }
    }
    expect(await client.getActionEgress(id)).toMatchObject({
      profile: 'proxy_allowlist',
      allowedDomains: egress.proxy_allowlist.allowed_domains,
    })
  }
  await client.close()
})
