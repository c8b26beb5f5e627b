import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { credentials, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { exchange } from '../src/harness/raw-socket.js'
import { startWorld, type World } from '../src/harness/world.js'

const RATES = [
  '[rate_limits]',
  'lease_rps = 100000',
  'execute_rps_anonymous = 100000',
  'execute_rps_per_session = 100000',
  'execute_rps_per_principal = 100000',
].join('\n')
const EXECUTE = '/v1/actions/http_fetch/execute'
/** Nothing leaves for this address: what is refused is refused by policy at the latest. */
const BODY = '{"url":"http://10.0.0.1/"}'
const RUNS = process.env['SLOW'] === '1' ? 3000 : 300

let world: World
let lease: HeldLease

beforeAll(async () => {
  world = await startWorld({ tables: RATES })
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

function execute(): string {
  const { authorization, dpop } = credentials(lease, 'POST', EXECUTE)
  return `POST ${EXECUTE} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ndpop: ${dpop}\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`
}

function leaseRequest(): string {
  const body = JSON.stringify({ scopes: ['tools:call'], dpop_jwk: lease.key.publicJwk })
  return `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}

/** What is dropped and put in its place, somewhere between 0 and 1 of the text. */
interface Change {
  readonly at: number
  readonly drop: number
  readonly insert: string
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  drop: fc.nat({ max: 3 }),
  insert: fc.oneof(
    fc.constantFrom('', '\r\n', '\n', '\0', ' ', ':', '%', '%00', '%ff', '/', '"', '0', '\x80'),
    fc.string({ unit: 'binary-ascii', maxLength: 4 }),
  ),
})

function changed(text: string, changes: readonly Change[]): string {
  let result = text
  for (const { at, drop, insert } of changes) {
    const index = Math.floor(at * result.length)
    result = result.slice(0, index) + insert + result.slice(index + drop)
  }
  return result
}

test('a damaged request is answered with an error in our form or not at all, and harms nothing', async () => {
  const requests = fc.constantFrom(execute, leaseRequest)
  const changes = fc.array(change, { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(requests, changes, async (request, damage) => {
      const answers = await exchange(world.gate.project.socket, changed(request(), damage), true)
      for (const answer of answers) {
        expect([500, 417, 414]).not.toContain(answer.status)
        if (answer.status < 300) continue
        expect(answer.headers['content-type']).toBe('application/json')
        expect(JSON.parse(answer.body)).toMatchObject({
          error: expect.stringMatching(/^[a-z_]+$/),
          message: expect.any(String),
          trace_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        })
      }
    }),
    { numRuns: RUNS },
  )
  expect((await world.client.send({ method: 'GET', path: '/readyz' })).status).toBe(200)
  expect(world.upstream.requests).toHaveLength(0)
  // What a client breaks is no failure of the gate.
  expect(world.gate.logs.filter((line) => line['level'] === 'error')).toEqual([])
})
