import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ALL_ACTIONS, ALL_SINKS } from '../src/harness/gate.js'
import { executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const read = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../sandbox/test/modules/${name}.wasm`, import.meta.url))

const CASES = [
  ['trap', 'trap', 'provider_error'],
  ['endless-loop', 'fuel_exhausted', 'provider_error'],
  ['memory-hog', 'memory_limit', 'provider_error'],
  ['deep-recursion', 'depth_limit', 'provider_error'],
  ['second-request', 'plan_mismatch', 'policy_violation'],
  ['different-request', 'plan_mismatch', 'policy_violation'],
  ['different-method', 'plan_mismatch', 'policy_violation'],
  ['different-header', 'plan_mismatch', 'policy_violation'],
  ['different-body', 'plan_mismatch', 'policy_violation'],
  ['bad-output', 'invalid_output', 'provider_error'],
  ['huge-output', 'output_too_large', 'provider_error'],
] as const

const manifest = (
  name: string,
  bytes: Uint8Array,
): string => `# Risk rationale: a hostile module of the tests.
action_id: ${name.replaceAll('-', '_')}
version: "1.0.0"
description: Runs the hostile module ${name}.
provider_module_digest: sha256:${createHash('sha256').update(bytes).digest('hex')}
required_imports: [latchgate:io/http, latchgate:io/log]
risk_level: low
declared_side_effects: [http_read]
verifier_kind: http_status
egress: { profile: proxy_allowlist, allowed_domains: [api.github.com] }
resource_limits: { fuel: 100000000, memory_mb: 16, timeout_seconds: 5, max_io_calls: 3, max_host_response_bytes: 65536 }
io:
  max_response_bytes: 65536
  request_schema: { type: object, additionalProperties: false, properties: {} }
template: { method: GET, url_template: "https://api.github.com/m" }
`

let world: World
let lease: HeldLease

beforeAll(async () => {
  const modules = CASES.map(([name]) => ({ name, bytes: read(name) }))
  const names = modules.map(({ name }) => name.replaceAll('-', '_'))
  const acl = {
    'agent-test': { allowed_actions: [...ALL_ACTIONS, ...names], allowed_sinks: ALL_SINKS },
  }
  world = await startWorld(
    {
      manifests: Object.fromEntries(
        modules.map(({ name, bytes }) => [`${name}.yaml`, manifest(name, bytes)]),
      ),
      data: { policy_version: 't', acl },
      tables: '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000',
    },
    { modules: modules.map(({ bytes }) => bytes) },
  )
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

test.each(CASES)(
  '%s ends as %s with a receipt, and 20 other calls finish',
  async (name, type, cls) => {
    const others = Array.from({ length: 20 }, () =>
      executeRaw(world.client, lease, 'http_fetch', { url: 'https://api.github.com/' }),
    )
    const answer = await executeRaw(world.client, lease, name.replaceAll('-', '_'), {})
    expect([answer.status, answer.json()['error_type']], answer.text).toEqual([502, type])
    const stored = await world.gate.services.ledger.receipt(String(answer.json()['receipt_id']))
    expect(stored?.receipt).toMatchObject({
      error_type: type,
      failure_class: cls,
      runtime: { exit_code: 1 },
    })
    expect((await Promise.all(others)).map((one) => one.status)).toEqual(new Array(20).fill(200))
  },
)

test('a different request never reaches the upstream, and a second one neither', async () => {
  world.upstream.clear()
  const started = world.upstream.requestsStarted
  for (const part of ['request', 'method', 'header', 'body']) {
    const answer = await executeRaw(world.client, lease, `different_${part}`, {})
    expect(answer.json()['error_type'], answer.text).toBe('plan_mismatch')
  }
  expect(world.upstream.requestsStarted).toBe(started)
  await executeRaw(world.client, lease, 'second_request', {})
  expect(world.upstream.requestsStarted).toBe(started + 1)
})

test('a module that imports what its manifest does not declare stops the start, by name', async () => {
  const bytes = read('second-request')
  const text = manifest('second-request', bytes).replace('latchgate:io/http, ', '')
  const settings = { manifests: { 'm.yaml': text } }
  await expect(startWorld(settings, { modules: [bytes] })).rejects.toThrow(/latchgate:io\/http/)
})
