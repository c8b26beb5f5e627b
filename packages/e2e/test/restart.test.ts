import { createTestCa, startUpstream } from '@latchgate/testkit'
import { expect, test } from 'vitest'
import { createTestProject, startTestGate } from '../src/harness/gate.js'
import { executeRaw, RawClient, takeLease } from '../src/harness/raw-client.js'

test('a restart logs nobody out, keeps budgets, and reads the receipts of before', async () => {
  const ca = await createTestCa()
  const upstream = await startUpstream({ ca, hosts: ['api.github.com'] })
  const resolve = { 'api.github.com:443': upstream.address }
  const project = await createTestProject({ caPem: ca.caPem, resolve })
  const params = { url: 'https://api.github.com/' }
  const first = await startTestGate(project)
  const before = new RawClient({ socket: project.socket })
  const lease = await takeLease(before, { budgets: { max_calls: 3 } })
  const executed = await executeRaw(before, lease, 'http_fetch', params)
  expect(executed.status).toBe(200)
  await before.close()
  await first.close()

  const second = await startTestGate(project)
  const after = new RawClient({ socket: project.socket })
  expect((await executeRaw(after, lease, 'http_fetch', params)).json()['session_seq']).toBe(
    Number(executed.json()['session_seq']) + 1,
  )
  expect(await second.services.ledger.callsRemaining(lease.sessionId)).toBe(1)
  const stored = await second.services.ledger.receipt(String(executed.json()['receipt_id']))
  expect(stored?.receipt.trace_id).toBe(executed.json()['trace_id'])
  await after.close()
  await second.close()
  await upstream.close()
  project.remove()
})

test('a second gate on one project is refused, and the first one goes on', async () => {
  const project = await createTestProject()
  const first = await startTestGate(project)
  await expect(startTestGate(project)).rejects.toThrow(
    /another instance is using the ledger|already answers/,
  )
  const client = new RawClient({ socket: project.socket })
  expect((await client.send({ method: 'GET', path: '/healthz' })).status).toBe(200)
  await client.close()
  await first.close()
  project.remove()
})
