import { createTestCa, startUpstream, type TestCa, type Upstream } from '@latchgate/testkit'
import { afterEach, expect, test } from 'vitest'
import { decisionOf, leaksOf, receiptOf } from '../src/harness/evidence.js'
import { ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { RESOLVED_HOST, startWorld, type World } from '../src/harness/world.js'

const TOKEN = 'ghp_0123456789abcdefghijklmnop'
/** What the resolver says. No packet goes there: the network of these tests ends at the upstream. */
const PUBLIC = '8.8.8.8'

const READ = `# Risk rationale: a read of a test upstream.
action_id: rebind_read
version: "1.0.0"
description: Reads a path of a host whose addresses change.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: [${RESOLVED_HOST}] }
resource_limits: { fuel: 200000000, memory_mb: 64, timeout_seconds: 1, max_io_calls: 1, max_host_response_bytes: 65536 }
io:
  max_response_bytes: 1048576
  request_schema: { type: object, additionalProperties: false, properties: {} }
template: { method: GET, url_template: "https://${RESOLVED_HOST}/x" }
secrets:
  - name: GITHUB_TOKEN
    required: true
    inject: { header: authorization, format: "Bearer {}" }
`

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

interface Resolving {
  readonly world: World
  /** Names that the resolver was asked for. */
  readonly asked: readonly string[]
  /** `ip:port` of each connection, as the gate wanted it. */
  readonly dialed: readonly string[]
  readonly call: () => Promise<RawAnswer>
}

/**
 * A gate whose resolver answers these lists in turn, the last one for ever, in a network where the
 * upstream (or a stranger) has every address that the gate connects to.
 */
async function resolving(
  lists: readonly (readonly string[] | Error)[],
  other?: { readonly ca: TestCa; readonly stranger: Upstream },
): Promise<Resolving> {
  const asked: string[] = []
  const dialed: string[] = []
  const acl = { 'agent-test': { allowed_actions: ['rebind_read'], allowed_sinks: ALL_SINKS } }
  const world = await startWorld(
    { manifests: { 'r.yaml': READ }, data: { policy_version: 't', acl } },
    {
      env: { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN },
      lookup: async (host) => {
        const list = lists[Math.min(asked.length, lists.length - 1)] ?? []
        asked.push(host)
        if (list instanceof Error) throw list
        return list
      },
      route: ({ ip, port }) => {
        dialed.push(`${ip}:${port}`)
        return { ip: '127.0.0.1', port: (other?.stranger ?? world.upstream).port }
      },
    },
    other?.ca,
  )
  open.push(world)
  const lease = await takeLease(world.client, { budgets: { max_calls: 5 } })
  const call = (): Promise<RawAnswer> => executeRaw(world.client, lease, 'rebind_read', {})
  return { world, asked, dialed, call }
}

test('a vetted address is connected to, under the name that was asked for', async () => {
  const { world, asked, dialed, call } = await resolving([[PUBLIC]])
  const answer = await call()
  expect([answer.status, asked, dialed], answer.text).toEqual([
    200,
    [RESOLVED_HOST],
    [`${PUBLIC}:443`],
  ])
  // The gate trusts the test CA alone for this name: a check of the address would have failed.
  expect(world.upstream.requests).toMatchObject([
    {
      tlsServername: RESOLVED_HOST,
      url: '/x',
      headers: { host: RESOLVED_HOST, authorization: `Bearer ${TOKEN}` },
    },
  ])
  expect(receiptOf(world, answer)?.['effects']).toMatchObject([
    {
      outcome: 'answered',
      status: 200,
      address: `${PUBLIC}:443`,
      certificate_sha256: world.upstream.certificateSha256,
    },
  ])
  expect(leaksOf(world, [TOKEN], [answer])).toEqual([])
})

test('a vetted address that has a certificate for itself only is sent nothing', async () => {
  const ca = await createTestCa()
  const stranger = await startUpstream({ ca, hosts: [PUBLIC] })
  const { world, dialed, call } = await resolving([[PUBLIC]], { ca, stranger })
  const answer = await call()
  await stranger.close()
  expect([answer.status, answer.json()], answer.text).toMatchObject([
    502,
    { error_type: 'upstream_unreachable', outcome: 'not_sent' },
  ])
  expect(dialed).toEqual([`${PUBLIC}:443`])
  expect([stranger.connectionsOpened, stranger.requestsStarted]).toEqual([1, 0])
  expect(leaksOf(world, [TOKEN], [answer])).toEqual([])
})

test('an address that changes between check and connect: the one that was checked is connected to', async () => {
  const { world, asked, dialed, call } = await resolving([[PUBLIC], ['127.0.0.1']])
  const answer = await call()
  expect(answer.status, answer.text).toBe(200)
  expect(asked, 'one resolution for check and connection').toEqual([RESOLVED_HOST])
  expect(dialed).toEqual([`${PUBLIC}:443`])
  expect(world.upstream.connectionsOpened).toBe(1)
})

test('the next call resolves anew, and a name that has turned private by then is egress_denied', async () => {
  const { world, asked, dialed, call } = await resolving([[PUBLIC], ['127.0.0.1']])
  expect((await call()).status).toBe(200)
  const answer = await call()
  expect(asked).toEqual([RESOLVED_HOST, RESOLVED_HOST])
  // A connection to the old address stands and is not used: the name no longer leads there.
  expect(dialed).toEqual([`${PUBLIC}:443`])
  expect(world.upstream.requestsStarted).toBe(1)
  expect([answer.status, answer.json()]).toEqual([
    502,
    {
      error: 'action_execution_failed',
      error_type: 'egress_denied',
      message: expect.stringContaining(RESOLVED_HOST),
      outcome: 'not_sent',
      trace_id: expect.any(String),
      receipt_id: expect.any(String),
      session_seq: 2,
      log: { index: expect.any(Number), size: expect.any(Number) },
    },
  ])
  expect(decisionOf(world, answer)).toMatchObject({
    principal: 'agent-test',
    decision: 'error',
    code: 'action_execution_failed',
    deny_reason: 'provider: egress_denied',
    outcome: 'not_sent',
  })
  expect(receiptOf(world, answer)).toMatchObject({
    error_type: 'egress_denied',
    failure_class: 'policy_violation',
    outcome: 'not_sent',
    effects: [{ outcome: 'not_sent', status: null, address: null }],
  })
})

test.each<[string, readonly string[] | Error]>([
  ['no address', []],
  ['an address that is none', ['not-an-address']],
  ['an error', new Error('SERVFAIL')],
])(
  'a resolver that answers with %s: nothing is sent, and the budget keeps its call',
  async (_name, list) => {
    const { world, dialed, call } = await resolving([list])
    const answer = await call()
    expect(dialed).toEqual([])
    expect(answer.status, answer.text).toBe(502)
    expect(answer.json()['outcome']).toBe('not_sent')
    const decision = decisionOf(world, answer)
    expect(decision).toMatchObject({ decision: 'error', outcome: 'not_sent', refund: true })
    const session = String(decision['session_id'])
    expect(await world.gate.services.ledger.callsRemaining(session)).toBe(5)
  },
)
