import { expect, test } from 'vitest'
import { LatchGateAuthError } from '../src/index.js'
import { error, executed, type GateDouble } from './gate-double.js'
import { client, gateOnTcp } from './setup.js'

const EXECUTE = '/v1/actions/http_fetch/execute'
const HOUR = 3600

async function gateAhead(seconds: number): Promise<GateDouble> {
  const gate = await gateOnTcp()
  gate.onExecute(executed())
  gate.clockAheadSeconds = seconds
  return gate
}

async function refusal(gate: GateDouble): Promise<LatchGateAuthError> {
  const call = client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch')
  const failure: unknown = await call.catch((reason: unknown) => reason)
  expect(failure).toBeInstanceOf(LatchGateAuthError)
  return failure as LatchGateAuthError
}

test.each([
  ['behind', HOUR],
  ['ahead', -HOUR],
  ['a day behind', 23 * HOUR],
])(
  'a machine whose clock is %s takes the time of the gate, and goes on with it',
  async (_, seconds) => {
    const gate = await gateAhead(seconds)
    // Of a lease as short as this every call would make a new one, were its age told by our clock.
    gate.ttlSeconds = 60
    const agent = client({ baseUrl: gate.url, agentId: 'a' })
    await agent.execute('http_fetch')
    const { length } = gate.seen
    const { sessionId } = agent
    await agent.execute('http_fetch')
    await agent.execute('http_fetch')
    // No more than the calls themselves: neither refused proofs nor renewals of a fresh lease.
    expect(gate.seen).toHaveLength(length + 2)
    expect(agent.sessionId).toBe(sessionId)
  },
)

test('a call whose proof was refused for its time is sent again once, in the same session', async () => {
  const gate = await gateAhead(HOUR)
  await client({ baseUrl: gate.url, agentId: 'a' }).execute('http_fetch')
  expect(gate.requests('/v1/leases')).toHaveLength(1)
  expect(gate.requests(EXECUTE).map((one) => one.sessionId === null)).toEqual([true, false])
})

test('a renewal, too, is made in the time of the gate', async () => {
  const gate = await gateAhead(-HOUR)
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.connect()
  const { sessionId } = agent
  gate.advance(301)
  await agent.execute('http_fetch')
  expect(agent.sessionId).toBe(sessionId)
})

test('a clock that is mended while a client lives is noticed', async () => {
  const gate = await gateAhead(HOUR)
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.execute('http_fetch')
  gate.clockAheadSeconds = 0
  // To this client the lease, and the gate, are now an hour old.
  await agent.execute('http_fetch')
  expect((await agent.execute('http_fetch')).receiptId).toBe('receipt-1')
})

test.each([
  ['behind', 25 * HOUR, 90_000],
  ['ahead of', -25 * HOUR, 90_000],
])('a clock more than a day %s is not followed but told', async (where, seconds, difference) => {
  const failure = await refusal(await gateAhead(seconds))
  const said = failure.message.replace(/\d+/, (digits) => {
    expect(Math.abs(Number(digits) - difference)).toBeLessThanOrEqual(2)
    return 'N'
  })
  expect(said).toBe(
    `authentication failed: invalid_dpop: The clock of this machine is N s ${where} the gate's: set the one that is wrong by network time`,
  )
  expect(failure.code).toBe('invalid_dpop')
})

test('without a time in the answer the refusal itself says that the clocks differ', async () => {
  const gate = await gateAhead(0)
  gate.hasDate = false
  gate.onExecute(error(401, 'invalid_dpop', { deny_reason: 'iat too old: 90 s, at most 60 s' }))
  const failure = await refusal(gate)
  expect(failure.message).toBe(
    "authentication failed: invalid_dpop: iat too old: 90 s, at most 60 s. The clock of this machine differs from the gate's: set the one that is wrong by network time",
  )
  expect(gate.requests(EXECUTE)).toHaveLength(1)
})

test('a proof refused for another reason is not made again', async () => {
  const gate = await gateAhead(0)
  gate.onExecute(error(401, 'invalid_dpop', { deny_reason: 'htm mismatch' }))
  const failure = await refusal(gate)
  expect(failure.message).toBe('authentication failed: invalid_dpop: htm mismatch')
  expect(gate.requests(EXECUTE)).toHaveLength(1)
})

test('a gate that refuses every proof and shows another time each time is asked twice, not for ever', async () => {
  const gate = await gateAhead(0)
  gate.ttlSeconds = HOUR
  gate.onExecute(() => {
    gate.clockAheadSeconds += 600
    const date = new Date(Date.now() + gate.clockAheadSeconds * 1000).toUTCString()
    return { ...error(401, 'invalid_dpop'), headers: { date } }
  })
  await refusal(gate)
  expect(gate.requests(EXECUTE)).toHaveLength(2)
})
