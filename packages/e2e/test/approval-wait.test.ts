import { resetBeforeAnswer } from '@latchgate/testkit'
import { LatchGateApprovalRequired, LatchGateClient } from 'latchgate'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { approveCall, asOperator } from '../src/harness/approvals.js'
import { startTestGate, type TestGate } from '../src/harness/gate.js'
import { RawClient } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

let world: World
let client: LatchGateClient
const gates: TestGate[] = []
const admins: RawClient[] = []

beforeEach(async () => {
  world = await startWorld()
  client = new LatchGateClient({ socket: world.gate.project.socket, agentId: 'my-agent' })
})

afterEach(async () => {
  await client.close()
  for (const admin of admins.splice(0)) await admin.destroy()
  for (const gate of gates.splice(0)) await gate.close()
  await world.close()
})

async function hold(path: string): Promise<string> {
  const call = client.execute('http_post', { url: `https://api.example.com/${path}`, body: path })
  const held: unknown = await call.catch((error: unknown) => error)
  if (!(held instanceof LatchGateApprovalRequired)) throw new Error(`not held: ${String(held)}`)
  return held.approvalId
}

test('a wait outlives a restart of the gate, and gives the result of the one execution', async () => {
  const id = await hold('restart')
  const result = client.waitForApproval(id, { timeoutMs: 25_000 })
  await client.getApprovalStatus(id)
  await world.gate.close()
  const gate = await startTestGate(world.gate.project)
  gates.push(gate)
  const admin = new RawClient({ socket: gate.project.adminSocket })
  admins.push(admin)
  const approved = await approveCall({ gate, admin }, id)
  expect(approved.status, approved.text).toBe(200)
  expect((await result).receiptId).toBe(approved.json()['receipt_id'])
  expect(world.upstream.requests.map(({ url }) => url)).toEqual(['/restart'])
})

test('another session of the principal lists, waits for and reads what the first one asked', async () => {
  const id = await hold('elsewhere')
  const other = new LatchGateClient({ socket: world.gate.project.socket, agentId: 'later' })
  try {
    expect(await other.listApprovals({ status: 'pending' })).toMatchObject([
      {
        approvalId: id,
        status: 'pending',
        actionId: 'http_post',
        principal: 'agent-test',
        sessionId: client.sessionId,
        target: 'POST https://api.example.com/elsewhere',
        approvals: 0,
        required: 1,
      },
    ])
    const results = Promise.all([client.waitForApproval(id), other.waitForApproval(id)])
    await approveCall(world, id)
    const [mine, theirs] = await results
    expect(theirs).toEqual(mine)
    expect(await other.getApprovalStatus(id)).toMatchObject({
      isApproved: true,
      decision: 'approved',
      receiptId: mine.receiptId,
      output: mine.output,
    })
    expect(await other.listApprovals({ status: 'pending' })).toEqual([])
    expect(world.upstream.requests).toHaveLength(1)
  } finally {
    await other.close()
  }
})

test('a revoked session ends its held calls; another session of the principal is told why', async () => {
  const id = await hold('revoked')
  const other = new LatchGateClient({ socket: world.gate.project.socket, agentId: 'later' })
  try {
    const outcome = other.waitForApproval(id).catch((error: unknown) => error)
    const body = { session_id: client.sessionId, reason: 'laptop lost' }
    const revoked = await asOperator(world, 'POST', '/v1/admin/revoke', { body })
    expect(revoked.status, revoked.text).toBe(200)
    expect(await outcome).toMatchObject({
      name: 'LatchGateDenied',
      code: 'approval_revoked',
      reason: 'approval_revoked: revoked by an operator: laptop lost',
      status: 409,
    })
  } finally {
    await other.close()
  }
})

test('a call that was approved and ended badly is told with its receipt, in the words of a direct call', async () => {
  world.upstream.on('POST', '/broken', resetBeforeAnswer())
  const id = await hold('broken')
  const outcome = client.waitForApproval(id).catch((error: unknown) => error)
  const approved = await approveCall(world, id)
  expect(approved.status).toBe(502)
  expect(await outcome).toMatchObject({
    name: 'LatchGateUnavailable',
    code: 'action_execution_failed',
    receiptId: approved.json()['receipt_id'],
    errorType: approved.json()['error_type'],
    gateMessage: approved.json()['message'],
    outcome: approved.json()['outcome'],
  })
})

test('nobody decides: the client says so, and the call is still held', async () => {
  const id = await hold('nobody')
  await expect(client.waitForApproval(id, { timeoutMs: 300 })).rejects.toMatchObject({
    name: 'LatchGateApprovalTimeout',
    approvalId: id,
    actionId: 'http_post',
  })
})
