import { afterEach, expect, test } from 'vitest'
import { decisionOf, leaksOf, receiptOf } from '../src/harness/evidence.js'
import { ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, type RawAnswer, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const TOKEN = 'ghp_0123456789abcdefghijklmnop'
/** A public address that listens on no port 443; with a network, the gate does try to connect to it. */
const PUBLIC = '198.41.0.4'

const READ = `# Risk rationale: a read of a test upstream.
action_id: rebind_read
version: "1.0.0"
description: Reads a path of a host whose addresses change.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: [rebind.example] }
resource_limits: { fuel: 200000000, memory_mb: 64, timeout_seconds: 1, max_io_calls: 1, max_host_response_bytes: 65536 }
io:
  max_response_bytes: 1048576
  request_schema: { type: object, additionalProperties: false, properties: {} }
template: { method: GET, url_template: "https://rebind.example/x" }
secrets:
  - name: GITHUB_TOKEN
    required: true
    inject: { header: authorization, format: "Bearer {}" }
`

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

/** A gate whose resolver answers these lists in turn, the last one for ever. */
async function resolving(
  lists: readonly (readonly string[] | Error)[],
): Promise<{ world: World; asked: string[]; call: () => Promise<RawAnswer> }> {
  const asked: string[] = []
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
    },
  )
  open.push(world)
  const lease = await takeLease(world.client, { budgets: { max_calls: 5 } })
  return { world, asked, call: () => executeRaw(world.client, lease, 'rebind_read', {}) }
}

test('an address that changes between check and connect: the one that was checked is connected to', async () => {
  const { world, asked, call } = await resolving([[PUBLIC], ['127.0.0.1']])
  const answer = await call()
  expect(asked, 'one resolution for check and connection').toEqual(['rebind.example'])
  expect(answer.status, answer.text).toBe(502)
  expect(answer.json()['outcome']).toBe('not_sent')
  expect(['upstream_unreachable', 'upstream_timeout']).toContain(answer.json()['error_type'])
  const effects = receiptOf(world, answer)?.['effects'] as { address: string | null }[]
  expect([`${PUBLIC}:443`, null]).toContain(effects[0]?.address)
  expect(world.upstream.connectionsOpened).toBe(0)
  expect(leaksOf(world, [TOKEN], [answer])).toEqual([])
})

test('the next call resolves anew, and a name that has turned private by then is egress_denied', async () => {
  const { world, asked, call } = await resolving([[PUBLIC], ['127.0.0.1']])
  await call()
  const answer = await call()
  expect(asked).toHaveLength(2)
  expect([answer.status, answer.json()]).toEqual([
    502,
    {
      error: 'action_execution_failed',
      error_type: 'egress_denied',
      message: expect.stringContaining('rebind.example'),
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
  expect(world.upstream.connectionsOpened).toBe(0)
})

test.each<[string, readonly string[] | Error]>([
  ['no address', []],
  ['an address that is none', ['not-an-address']],
  ['an error', new Error('SERVFAIL')],
])(
  'a resolver that answers with %s: nothing is sent, and the budget keeps its call',
  async (_name, list) => {
    const { world, call } = await resolving([list])
    const answer = await call()
    expect(answer.status, answer.text).toBe(502)
    expect(answer.json()['outcome']).toBe('not_sent')
    const decision = decisionOf(world, answer)
    expect(decision).toMatchObject({ decision: 'error', outcome: 'not_sent', refund: true })
    const session = String(decision['session_id'])
    expect(await world.gate.services.ledger.callsRemaining(session)).toBe(5)
  },
)
