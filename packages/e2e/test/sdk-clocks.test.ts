import { LatchGateClient, LatchGateDenied } from 'latchgate'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createTestProject, startTestGate, type TestProject } from '../src/harness/gate.js'
import { type SpawnedGate, spawnGate } from '../src/harness/spawned-gate.js'

const HOUR = 3600
// An address that policy refuses: a call that gets so far was accepted.
const PARAMS = { url: 'http://10.0.0.1/' }

let project: TestProject
let gate: SpawnedGate

beforeAll(async () => {
  project = await createTestProject({
    tables: '[rate_limits]\nexecute_rps_anonymous = 1000\nlease_rps = 1000',
  })
  // A process of its own: its clock is not ours.
  gate = await spawnGate(project)
})

afterEach(() => {
  vi.restoreAllMocks()
})

afterAll(async () => {
  await gate.stop()
  project.remove()
})

function ourClockIsAhead(seconds: number): void {
  const realNow = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + seconds * 1000)
}

test.each([
  ['an hour ahead', HOUR],
  ['an hour behind', -HOUR],
  ['just beyond what a gate allows, ahead', 15],
  ['just beyond what a gate allows, behind', -75],
])('an agent whose clock is %s works on in one session', async (_, seconds) => {
  ourClockIsAhead(seconds)
  await using client = new LatchGateClient({ socket: project.socket, agentId: 'a' })
  await expect(client.execute('http_fetch', PARAMS)).rejects.toBeInstanceOf(LatchGateDenied)
  const { sessionId, leaseJti } = client
  await expect(client.execute('http_fetch', PARAMS)).rejects.toBeInstanceOf(LatchGateDenied)
  expect([client.sessionId, client.leaseJti]).toEqual([sessionId, leaseJti])
})

test.each([
  ['ahead of', 25 * HOUR],
  ['behind', -25 * HOUR],
])('a clock more than a day %s the gate is told, with what to do', async (where, seconds) => {
  ourClockIsAhead(seconds)
  await using client = new LatchGateClient({ socket: project.socket, agentId: 'a' })
  await expect(client.execute('http_fetch', PARAMS)).rejects.toMatchObject({
    name: 'LatchGateAuthError',
    code: 'invalid_dpop',
    message: expect.stringMatching(
      new RegExp(
        `\\. The clock of this machine is (?:89|90)\\d{3} s ${where} the gate's: set the one`,
      ),
    ),
  })
})

test('a gate whose answers do not show its time is told apart by what it refused', async () => {
  const other = await createTestProject({})
  const inProcess = await startTestGate(other, { now: () => Date.now() + HOUR * 1000 })
  await using client = new LatchGateClient({ socket: other.socket, agentId: 'a' })
  const call = client.execute('http_fetch', PARAMS)
  await expect(call).rejects.toMatchObject({
    name: 'LatchGateAuthError',
    denyReason: expect.stringMatching(/^iat too old: 3\d{3} s, at most 60 s$/),
    message: expect.stringMatching(
      /iat too old: .*\. The clock of this machine differs from the gate's: set the one that is wrong/,
    ),
  })
  await inProcess.close()
  other.remove()
})
