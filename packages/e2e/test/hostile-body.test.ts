import { afterEach, expect, test } from 'vitest'
import { decisionOf, leaksOf, receiptOf } from '../src/harness/evidence.js'
import { ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

/** Can be read in many ways in a body of `&amp;`, and is still a value that a gate takes. */
const AMBIGUOUS = '&amp;'.repeat(20)
const MIB = 2 ** 20

const READ = `# Risk rationale: a read of a test upstream.
action_id: large_read
version: "1.0.0"
description: Reads a large answer of the test upstream.
provider_module_digest: builtin:http_api
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: [api.github.com] }
resource_limits: { fuel: 2000000000, memory_mb: 256, timeout_seconds: 60, max_io_calls: 1, max_host_response_bytes: 10485760 }
io:
  max_response_bytes: 33554432
  request_schema:
    type: object
    additionalProperties: false
    required: [path]
    properties: { path: { type: string, minLength: 1, maxLength: 200 } }
template: { method: GET, url_template: "https://api.github.com/{{path}}", path_params: [path] }
secrets:
  - name: GITHUB_TOKEN
    required: true
    inject: { header: authorization, format: "Bearer {}" }
`

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

async function worldWith(token: string): Promise<World> {
  const acl = { 'agent-test': { allowed_actions: ['large_read'], allowed_sinks: ALL_SINKS } }
  const world = await startWorld(
    {
      manifests: { 'large-read.yaml': READ },
      data: { policy_version: 't', acl },
      tables: '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000',
    },
    { env: { LATCHGATE_SECRET_GITHUB_TOKEN: token } },
  )
  open.push(world)
  return world
}

test('twenty other calls are answered while a hostile body of 8 MiB is searched', async () => {
  // The search is given up at its end, so that nothing but its record comes behind it.
  const world = await worldWith(AMBIGUOUS)
  const lease = await takeLease(world.client)
  const sent = new Promise<void>((resolve) => {
    world.upstream.on('GET', '/hostile', (_request, { response }) => {
      const body = Buffer.from('&amp;'.repeat((8 * MIB) / 5))
      response.writeHead(200, { 'content-length': body.length })
      response.end(body, resolve)
    })
  })
  const order: string[] = []
  const call = async (path: string): Promise<number> => {
    const { status } = await executeRaw(world.client, lease, 'large_read', { path })
    order.push(path)
    return status
  }
  const hostile = call('hostile')
  await sent
  const others = Array.from({ length: 20 }, (_, at) => call(`other-${at}`))
  expect(await Promise.all(others)).toEqual(others.map(() => 200))
  expect(await hostile).toBe(502)
  expect(order.indexOf('hostile'), 'answered last').toBe(20)
})

test('a body that takes too much work to search is 502 with a receipt, and is not shown', async () => {
  const world = await worldWith(AMBIGUOUS)
  const lease = await takeLease(world.client)
  world.upstream.on('GET', '/x', () => ({ body: '&amp;'.repeat(MIB / 5) }))
  const answer = await executeRaw(world.client, lease, 'large_read', { path: 'x' })
  expect(answer.status).toBe(502)
  expect(answer.json()).toEqual({
    error: 'action_execution_failed',
    error_type: 'response_unsearchable',
    message: 'the response takes more work to be searched for secrets than its size allows',
    outcome: 'answered',
    trace_id: expect.any(String),
    receipt_id: expect.any(String),
    session_seq: 1,
    log: { index: expect.any(Number), size: expect.any(Number) },
  })
  expect(receiptOf(world, answer)).toMatchObject({
    error_type: 'response_unsearchable',
    failure_class: 'provider_error',
    outcome: 'answered',
    output: null,
    effects: [{ outcome: 'answered', status: 200, response_sha256: null }],
  })
  expect(decisionOf(world, answer)).toMatchObject({
    decision: 'error',
    deny_reason: 'provider: response_unsearchable',
    outcome: 'answered',
    refund: false,
    response_hash: null,
  })
  expect(leaksOf(world, [AMBIGUOUS], [answer])).toEqual([])
  // The same action answers what can be searched.
  world.upstream.on('GET', '/y', () => ({ body: { text: 'AT&amp;T' } }))
  const other = await executeRaw(world.client, lease, 'large_read', { path: 'y' })
  expect(other.status).toBe(200)
})
