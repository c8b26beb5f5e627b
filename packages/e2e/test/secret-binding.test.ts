import { expect, onTestFinished, test } from 'vitest'
import { decisionOf, leaksOf, leavesOf } from '../src/harness/evidence.js'
import { ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const VALUE = 'tok_0123456789abcdefghij'

/** An action whose caller names the host: three are on its allow list, the token is for one. */
const ANYWHERE = `# Risk rationale: a read of test upstreams.
action_id: anywhere
version: "1.0.0"
description: Reads a URL of the caller's with a token.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: [api.github.com, api.example.com, httpbin.org] }
io:
  request_schema:
    type: object
    additionalProperties: false
    required: [url]
    properties: { url: { type: string, minLength: 1, maxLength: 500 } }
template: { method: GET, url_template: "{{url}}" }
secrets:
  - name: TOKEN
    required: true
    inject: { header: authorization, format: "Bearer {}" }
`

async function gateWith(
  value: string | undefined,
  hosts: readonly string[] | null = ['api.example.com'],
): Promise<{ world: World; call: (url: string) => Promise<RawAnswer> }> {
  const acl = { 'agent-test': { allowed_actions: ['anywhere'], allowed_sinks: ALL_SINKS } }
  const world = await startWorld(
    {
      manifests: { 'anywhere.yaml': ANYWHERE },
      data: { policy_version: 't', acl },
      tables: hosts === null ? '' : `[secrets.hosts]\nTOKEN = ${JSON.stringify(hosts)}`,
    },
    { env: value === undefined ? {} : { LATCHGATE_SECRET_TOKEN: value } },
  )
  onTestFinished(() => world.close())
  const lease = await takeLease(world.client, { budgets: { max_calls: 5 } })
  const call = async (url: string): Promise<RawAnswer> => {
    const answer = await executeRaw(world.client, lease, 'anywhere', { url })
    if (answer.status !== 200) {
      const types = leavesOf(world, answer.json()['trace_id']).map(({ type }) => type)
      expect(types, 'a record, no intent').toEqual(['decision'])
      expect(await world.gate.services.ledger.callsRemaining(lease.sessionId)).toBe(5)
    }
    return answer
  }
  return { world, call }
}

function denied(reason: string, detail?: string): Record<string, unknown> {
  return {
    error: 'policy_denied',
    deny_reason: reason,
    principal: 'agent-test',
    action_id: 'anywhere',
    message: detail === undefined ? reason : `${reason} (${detail})`,
    trace_id: expect.any(String),
  }
}

test('a token goes to the host that it is bound to, and the call to any other is refused, not sent without', async () => {
  const { world, call } = await gateWith(VALUE)
  const good = await call('https://api.example.com/x')
  expect(good.status, good.text).toBe(200)
  expect(world.upstream.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${VALUE}`)
  const before = world.upstream.connectionsOpened
  const { world: other, call: again } = await gateWith(VALUE)
  for (const host of ['api.github.com', 'httpbin.org']) {
    const answer = await again(`https://${host}/x`)
    const detail =
      `TOKEN may not be sent to ${host}: the operator binds it in the configuration with ` +
      `[secrets.hosts] TOKEN = ["${host}"]`
    expect([answer.status, answer.json()]).toEqual([
      403,
      denied('secret_not_bound_to_host', detail),
    ])
    expect(decisionOf(other, answer)).toMatchObject({
      decision: 'deny',
      deny_reason: `secret_not_bound_to_host (${detail})`,
    })
    expect(leaksOf(other, [VALUE], [answer])).toEqual([])
  }
  expect(other.upstream.connectionsOpened).toBe(0)
  expect(world.upstream.connectionsOpened).toBe(before)
})

test('without a binding the token goes nowhere', async () => {
  const { world, call } = await gateWith(VALUE, null)
  const answer = await call('https://api.example.com/x')
  expect([answer.status, answer.json()['deny_reason']]).toEqual([403, 'secret_not_bound_to_host'])
  expect(world.upstream.connectionsOpened).toBe(0)
})

test('a bound host without TLS does not get the token either', async () => {
  const { world, call } = await gateWith(VALUE)
  const answer = await call('http://api.example.com/x')
  const detail = 'a secret is sent over https only, and the target is http://api.example.com'
  expect([answer.status, answer.json()]).toEqual([403, denied('secret_requires_tls', detail)])
  expect(world.upstream.connectionsOpened).toBe(0)
})

test('a missing required secret is refused and recorded by name, with what to do', async () => {
  const { world, call } = await gateWith(undefined)
  const answer = await call('https://api.example.com/x')
  const detail = 'set LATCHGATE_SECRET_TOKEN in the environment of the gate'
  expect([answer.status, answer.json()]).toEqual([
    403,
    denied('required secret is missing: TOKEN', detail),
  ])
  expect(decisionOf(world, answer)).toMatchObject({
    deny_reason: `required secret is missing: TOKEN (${detail})`,
  })
})

test.each([
  ['shorter than 8 bytes', 'tok-123', 'secret TOKEN: it is shorter than 8 bytes'],
  ['a line break', 'tok-\r\nx-evil: 1', 'secret TOKEN: it has a line break or NUL in it'],
  ['a control character', 'tok-\t-0123456', 'secret TOKEN: a header takes visible ASCII only'],
])(
  'a secret with %s: 503 before any intent, the reason for the operator alone',
  async (_name, value, detail) => {
    const { world, call } = await gateWith(value)
    const answer = await call('https://api.example.com/x')
    expect([answer.status, answer.json()]).toEqual([
      503,
      {
        error: 'secrets_unavailable',
        message: 'The source of secrets is unavailable.',
        trace_id: expect.any(String),
      },
    ])
    expect(decisionOf(world, answer)).toMatchObject({
      decision: 'error',
      code: 'secrets_unavailable',
      deny_reason: detail,
    })
    expect(leaksOf(world, [value], [answer])).toEqual([])
    expect(world.upstream.connectionsOpened).toBe(0)
  },
)
