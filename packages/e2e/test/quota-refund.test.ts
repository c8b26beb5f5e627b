import { afterEach, expect, test } from 'vitest'
import { decisionOf } from '../src/harness/evidence.js'
import { executeRaw, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PARAMS = { url: 'https://httpbin.org/' }

let world: World | undefined

afterEach(() => world?.close())

test('a call that never left the gate does not count against a quota, also where the lease has no budget', async () => {
  const data = {
    policy_version: 'test-1',
    acl: { 'agent-test': { allowed_actions: ['http_fetch'], allowed_sinks: ['http_read'] } },
    latchgate: { quotas: { 'agent-test': [{ calls: 1, window_seconds: 3600 }] } },
  }
  world = await startWorld({ resolve: { 'httpbin.org:443': '127.0.0.1:1' }, data })
  const lease = await takeLease(world.client)
  for (let i = 0; i < 2; i += 1) {
    const answer = await executeRaw(world.client, lease, 'http_fetch', PARAMS)
    expect(answer.json()['outcome'], answer.text).toBe('not_sent')
    expect(decisionOf(world, answer)).toMatchObject({
      refund: true,
      budgets_before: null,
      budgets_after: null,
    })
  }
})
