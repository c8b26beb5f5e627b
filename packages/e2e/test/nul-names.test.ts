import { afterEach, expect, test } from 'vitest'
import { findingsOf, GITHUB_ENV, issue, startApprovalWorld } from '../src/harness/approval-world.js'
import { approveCall, asAgent, asOperator, holdCall } from '../src/harness/approvals.js'
import { leavesOf } from '../src/harness/evidence.js'
import { startTestGate } from '../src/harness/gate.js'
import { credentials, type HeldLease, PUBLIC_BASE, takeLease } from '../src/harness/raw-client.js'
import type { World } from '../src/harness/world.js'

const open: World[] = []

afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

async function begin(): Promise<{ readonly world: World; readonly lease: HeldLease }> {
  const world = await startApprovalWorld()
  open.push(world)
  return { world, lease: await takeLease(world.client) }
}

test('an agent that calls an action with a NUL in its name leaves a ledger that verifies and starts', async () => {
  const { world, lease } = await begin()
  const recorded: unknown[] = []
  for (const name of ['\0', 'http_fetch\0', 'http_fetch\0x', `${'a'.repeat(1000)}\0`]) {
    const path = `/v1/actions/${encodeURIComponent(name)}/execute`
    const url = `${PUBLIC_BASE}/v1/actions/${name}/execute`
    const answer = await world.client.send({
      method: 'POST',
      path,
      headers: { ...credentials(lease, 'POST', path, { url }), 'content-type': 'application/json' },
      body: '{}',
    })
    expect([answer.status, answer.json()['error']]).toEqual([404, 'action_not_found'])
    recorded.push(leavesOf(world, answer.json()['trace_id'])[0]?.body['action_id'])
  }
  expect(recorded).toEqual([' ', 'http_fetch ', 'http_fetch x', 'a'.repeat(256)])
  expect(findingsOf(world)).toEqual([])
  await world.gate.close()
  const again = await startTestGate(world.gate.project, { env: GITHUB_ENV })
  await again.close()
})

test.each([
  ['/v1/admin/revoke', { principal: 'agent-test\0x' }],
  ['/v1/admin/revoke', { session_id: '\0' }],
  ['/v1/admin/revoke', { lease_jti: 'a\u0001' }],
  ['/v1/admin/domains', { action_id: 'http_fetch', domain: 'api.example.com', principal: '*\0' }],
  ['/v1/admin/paths', { action_id: 'http_fetch', path_glob: 'a/*', principal: 'x\0' }],
])('an operator names nobody with a control character: %s %j', async (path, body) => {
  const { world } = await begin()
  const answer = await asOperator(world, 'POST', path, { body })
  expect([400, 422], answer.text).toContain(answer.status)
  expect(answer.json()['error']).toMatch(/^invalid_/)
  expect(findingsOf(world)).toEqual([])
})

test('an approval is found by its whole id, not by the part before a NUL', async () => {
  const { world, lease } = await begin()
  const { id } = await holdCall(world, lease, 'github_create_issue', issue())
  const poll = await asAgent(world, lease, `/v1/approvals/${id}%00x/poll`)
  expect([poll.status, poll.json()['error']]).toEqual([404, 'approval_not_found'])
  const approve = await approveCall(world, `${id}%00`)
  expect([approve.status, approve.json()['error']]).toEqual([404, 'approval_not_found'])
  expect(world.upstream.requestsStarted).toBe(0)
})
