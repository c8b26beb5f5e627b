import { DPoPKeyPair } from '@latchgate/protocol/node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type ProofChange,
  PUBLIC_BASE,
  type RawAnswer,
  takeLease,
} from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PATH = '/v1/actions/http_fetch/execute'
const PARAMS = { url: 'https://api.github.com/zen' }

let world: World
let lease: HeldLease

beforeAll(async () => {
  world = await startWorld({
    tables:
      '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000\nexecute_rps_anonymous = 1000',
  })
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

const now = (): number => Math.floor(Date.now() / 1000)
const call = (change: ProofChange): Promise<RawAnswer> =>
  executeRaw(world.client, lease, 'http_fetch', PARAMS, change)

const FORGERIES: readonly (readonly [string, () => Promise<ProofChange>, RegExp])[] = [
  ['another method', async () => ({ method: 'GET' }), /htm mismatch: expected 'POST', got 'GET'/],
  [
    'another path',
    async () => ({ url: `${PUBLIC_BASE}/v1/actions/http_post/execute` }),
    /htu mismatch/,
  ],
  ['another host', async () => ({ url: `http://evil.example${PATH}` }), /htu mismatch/],
  ['another lease', async () => ({ token: 'x.y.z' }), /ath/],
  ['another key', async () => ({ key: await DPoPKeyPair.generate() }), /cnf\.jkt/],
  ['61 seconds ago', async () => ({ nowSeconds: now() - 62 }), /iat too old/],
  ['6 seconds ahead', async () => ({ nowSeconds: now() + 8 }), /iat too far in future/],
]

describe.each(['first', 'second'])('on the %s request of a session', (which) => {
  test.each(FORGERIES)('a proof for %s is refused', async (_name, change, reason) => {
    lease = await takeLease(world.client)
    if (which === 'second') expect((await call({})).status).toBe(200)
    const answer = await call(await change())
    expect(answer.status).toBe(401)
    const body = answer.json()
    expect(body['error']).toBe('invalid_dpop')
    expect(body['deny_reason']).toMatch(reason)
  })
})

test('a proof is good once, in parallel as well', async () => {
  const headers = credentials(lease, 'POST', PATH)
  const body = JSON.stringify(PARAMS)
  const before = world.upstream.requests.length
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      world.client.send({ method: 'POST', path: PATH, headers, body }),
    ),
  )
  expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([
    200,
    ...new Array(7).fill(401),
  ])
  const refused = answers.find((answer) => answer.status === 401)
  expect(refused?.json()).toEqual({
    error: 'replay_detected',
    message: 'This proof has been used; sign one for every request.',
    trace_id: expect.any(String),
  })
  expect(world.upstream.requests.length).toBe(before + 1)
})

test.each([
  ['no Authorization', { dpop: 'x' }, 'missing_auth_header'],
  ['no proof', { authorization: 'DPoP abc' }, 'missing_auth_header'],
  ['Bearer', { authorization: 'Bearer abc', dpop: 'x' }, 'invalid_lease'],
  ['lower-case dpop', { authorization: 'dpop abc', dpop: 'x' }, 'invalid_lease'],
  ['garbage for a lease', { authorization: 'DPoP a.b.c', dpop: 'x' }, 'invalid_lease'],
])('%s is 401 %s', async (_name, headers, code) => {
  const answer = await world.client.send({
    method: 'POST',
    path: PATH,
    headers: headers as unknown as Record<string, string>,
    body: '{}',
  })
  expect(answer.status).toBe(401)
  expect(answer.json()['error']).toBe(code)
})

test('every flipped byte of a lease is refused', async () => {
  const { jwt } = lease
  for (const at of [5, jwt.indexOf('.') + 10, jwt.lastIndexOf('.') + 5]) {
    const flipped = jwt.slice(0, at) + (jwt[at] === 'A' ? 'B' : 'A') + jwt.slice(at + 1)
    const forged = { ...lease, jwt: flipped }
    const answer = await executeRaw(world.client, forged, 'http_fetch', PARAMS)
    expect(answer.status).toBe(401)
    expect(answer.json()['error']).toBe('invalid_lease')
  }
})

test('the socket alias http://localhost is a base of proofs on the Unix socket', async () => {
  const answer = await call({ url: `http://localhost${PATH}` })
  expect(answer.status, answer.text).toBe(200)
})

test('the method of a proof is the one that is sent: HEAD is not GET', async () => {
  const path = '/v1/receipts/0196a1b2-0000-7000-8000-000000000003'
  const status = async (proven: string): Promise<number> => {
    const headers = credentials(lease, proven, path)
    return (await world.client.send({ method: 'HEAD', path, headers })).status
  }
  expect(await status('GET')).toBe(401)
  expect(await status('HEAD')).toBe(404)
})

test('no answer asks for a nonce or names a scheme: published clients would not know what to do', async () => {
  const answer = await world.client.send({ method: 'POST', path: PATH, body: '{}' })
  expect(answer.status).toBe(401)
  for (const name of ['www-authenticate', 'dpop-nonce'])
    expect(answer.headers[name]).toBeUndefined()
})

test.each([
  ['my-agent', 'my-agent'],
  ['x'.repeat(64), 'x'.repeat(64)],
  ['x'.repeat(65), undefined],
  ['has space', undefined],
  ['\u00fc', undefined],
])('the label %j stands in the receipt as %j, and never for the principal', async (label, kept) => {
  const headers = { ...credentials(lease, 'POST', PATH), 'x-latchgate-agent': label }
  const body = JSON.stringify(PARAMS)
  const executed = await world.client.send({ method: 'POST', path: PATH, headers, body })
  const path = `/v1/receipts/${String(executed.json()['receipt_id'])}`
  const receipt = await world.client.send({
    method: 'GET',
    path,
    headers: credentials(lease, 'GET', path),
  })
  expect(receipt.json()['agent_label']).toBe(kept)
  expect(receipt.json()['principal']).toBe('agent-test')
})
