import { afterAll, beforeAll, expect, test } from 'vitest'
import { executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const TOKEN = 'ghp_0123456789abcdefghijklmnop'

let world: World
let lease: HeldLease

beforeAll(async () => {
  const env = { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN }
  world = await startWorld(
    { tables: '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000' },
    { env },
  )
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

test('an allowed read is executed, verified, and answered with every member of the contract', async () => {
  world.upstream.on('GET', '/zen', () => ({
    headers: { 'content-type': 'text/plain' },
    body: 'calm',
  }))
  const answer = await executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://api.github.com/zen',
  })
  expect(answer.status, answer.text).toBe(200)
  expect(answer.headers['content-type']).toBe('application/json')
  const body = answer.json()
  expect(body).toEqual({
    decision: 'executed',
    trace_id: expect.stringMatching(UUID),
    action_id: 'http_fetch',
    grant_id: expect.stringMatching(UUID),
    receipt_id: expect.stringMatching(UUID),
    output: {
      ok: true,
      data: {
        status_code: 200,
        headers: expect.objectContaining({ 'content-type': 'text/plain' }),
        body: 'calm',
        url: 'https://api.github.com/zen',
      },
    },
    verification_outcome: 'verified',
    verification: { outcome: 'verified', is_fully_successful: true },
    runtime: {
      duration_ms: expect.any(Number),
      exit_code: 0,
      fuel_consumed: expect.any(Number),
    },
    session_seq: expect.any(Number),
    log: { index: expect.any(Number), size: expect.any(Number) },
  })
  expect(world.upstream.requests.at(-1)).toMatchObject({ method: 'GET', url: '/zen' })
})

test('the upstream gets the token, and the agent sees it in no encoding', async () => {
  world.upstream.on('GET', '/user', (request) => {
    const sent = request.headers['authorization'] ?? ''
    const token = sent.slice('Bearer '.length)
    return {
      headers: { 'x-echo': sent, 'content-type': 'application/json' },
      body: JSON.stringify({
        raw: sent,
        base64: Buffer.from(sent).toString('base64'),
        url: encodeURIComponent(`${sent}/`),
        hex: Buffer.from(token).toString('hex'),
      }),
    }
  })
  const answer = await executeRaw(world.client, lease, 'github_read', { path: 'user' })
  expect(answer.status, answer.text).toBe(200)
  expect(world.upstream.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${TOKEN}`)
  expect(answer.text).not.toContain(TOKEN)
  expect(answer.text).not.toContain(Buffer.from(TOKEN).toString('hex'))
  expect(answer.text).not.toContain(Buffer.from(`Bearer ${TOKEN}`).toString('base64').slice(12, -6))
  expect(answer.text).toContain('***REDACTED***')
})

test('a status that the action does not accept is shown in the output, at 200', async () => {
  world.upstream.on('GET', '/missing', () => ({ status: 404, body: 'no' }))
  const answer = await executeRaw(world.client, lease, 'http_fetch', {
    url: 'https://api.github.com/missing',
  })
  expect(answer.status).toBe(200)
  expect(answer.json()).toMatchObject({
    output: {
      ok: false,
      error: { code: 'upstream_status', status: 404 },
      data: { status_code: 404, body: 'no' },
    },
    verification_outcome: 'verification_failed',
    verification: { outcome: 'verification_failed', is_fully_successful: false },
    runtime: { exit_code: 0 },
  })
})

test('an empty body equals {}, and the answer names the missing member', async () => {
  const answer = await executeRaw(world.client, lease, 'http_fetch', '')
  expect(answer.status).toBe(422)
  expect(answer.json()).toMatchObject({
    error: 'schema_violation',
    trace_id: expect.stringMatching(UUID),
  })
  expect(answer.text).toContain('url')
})

test('execute does not look at the Content-Type', async () => {
  const path = '/v1/actions/http_fetch/execute'
  const { credentials } = await import('../src/harness/raw-client.js')
  for (const type of ['text/plain', 'not a type', 'application/x-www-form-urlencoded; x']) {
    const headers = { ...credentials(lease, 'POST', path), 'content-type': type }
    const body = '{"url":"https://api.github.com/zen"}'
    const answer = await world.client.send({ method: 'POST', path, headers, body })
    expect(answer.status, `${type}: ${answer.text}`).toBe(200)
  }
})
