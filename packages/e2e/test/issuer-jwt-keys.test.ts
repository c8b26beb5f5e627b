import { DPoPKeyPair } from '@latchgate/protocol/node'
import {
  createTestCa,
  drip,
  endlessBody,
  ManualClock,
  neverAnswers,
  resetBeforeAnswer,
  startUpstream,
  type TestCa,
  type Upstream,
  type UpstreamHandler,
  wrongContentLength,
} from '@latchgate/testkit'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { RawAnswer } from '../src/harness/raw-client.js'
import { TokenScene } from '../src/harness/token-scene.js'

const PATH = '/keys'
const FRESH_MS = 600_000
const STALE_MS = 3_600_000
const COOL_DOWN_MS = 30_000
const UNKNOWN_KEY =
  'the identity token is not accepted: its issuer has no key of that kid and algorithm'

let ca: TestCa
const cleanups: (() => Promise<void>)[] = []

beforeAll(async () => {
  ca = await createTestCa()
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Scene {
  readonly scene: TokenScene
  readonly server: Upstream
  readonly clock: ManualClock
}

async function start(
  settings: {
    readonly scheme?: 'http' | 'https'
    readonly authority?: TestCa
    readonly rates?: string
  } = {},
): Promise<Scene> {
  const clock = new ManualClock(Math.ceil(Date.now() / 1000) * 1000)
  const { scheme = 'https', authority = ca } = settings
  const server = await startUpstream({ scheme, ca: authority })
  const scene = await TokenScene.start({
    now: clock.now,
    caPem: ca.caPem,
    ...(settings.rates === undefined ? {} : { rates: settings.rates }),
    tables: (issuer) => issuer.table(`jwks_url = "${server.url}${PATH}"`),
  })
  server.on('GET', PATH, () => ({ body: scene.issuer.jwks() }))
  cleanups.push(
    () => server.close(),
    () => scene.close(),
  )
  return { scene, server, clock }
}

function expectUnavailable(answer: RawAnswer): void {
  expect([answer.status, answer.json()['error']], answer.text).toEqual([
    503,
    'identity_provider_unavailable',
  ])
  expect(answer.json()['message']).toBe(
    "the keys of the token's issuer cannot be had now: repeat the request later",
  )
}

test.each(['https', 'http'] as const)(
  'keys behind %s are fetched once for many tokens at once, and not again while fresh',
  async (scheme) => {
    const { scene, server, clock } = await start({ scheme })
    expect(server.requestsStarted).toBe(0)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => scene.present(scene.issuer.token())),
    )
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    clock.advance(FRESH_MS - 1)
    expect((await scene.present(scene.issuer.token())).status).toBe(200)
    expect(server.requestsStarted).toBe(1)
    clock.advance(1)
    expect((await scene.present(scene.issuer.token())).status).toBe(200)
    expect(server.requestsStarted).toBe(2)
    expect(server.requests[0]).toMatchObject({ method: 'GET', url: PATH })
    // Nothing about whose token brought it about.
    expect(JSON.stringify(server.requests[0]?.headers)).not.toMatch(/authorization|cookie|agent-7/)
  },
)

test('a rotated key is found when the cool-down is over; whoever makes keys up asks no sooner', async () => {
  const { scene, server, clock } = await start()
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
  scene.issuer.rotate(true)
  const refused = await scene.present(scene.issuer.token())
  expect([refused.status, refused.json()['message']]).toEqual([401, UNKNOWN_KEY])
  clock.advance(COOL_DOWN_MS)
  const forged = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      scene.present(scene.issuer.token({ header: { kid: `made-up-${i}` } })),
    ),
  )
  expect(forged.every((one) => one.json()['message'] === UNKNOWN_KEY)).toBe(true)
  expect(server.requestsStarted).toBe(2)
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
  expect(server.requestsStarted).toBe(2)
})

test('a key that is published no more is refused when the keys are asked for again', async () => {
  const { scene, clock } = await start()
  const former = (): string => scene.issuer.token({ header: { kid }, signing: { key } })
  const { kid, privateKey: key } = scene.issuer.key
  expect((await scene.present(former())).status).toBe(200)
  scene.issuer.rotate()
  clock.advance(FRESH_MS)
  expect((await scene.present(former())).json()['message']).toBe(UNKNOWN_KEY)
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
})

test('while the issuer is away its keys are used for an hour, and then no more', async () => {
  const { scene, server, clock } = await start()
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
  server.on('GET', PATH, () => ({ status: 500, body: 'no' }))
  clock.advance(FRESH_MS)
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
  expect(server.requestsStarted).toBe(2)
  // Whether an unknown key is a new one nobody can say now.
  expectUnavailable(await scene.present(scene.issuer.token({ header: { kid: 'new' } })))
  clock.advance(STALE_MS - FRESH_MS - 1)
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
  clock.advance(1)
  expectUnavailable(await scene.present(scene.issuer.token()))
  server.on('GET', PATH, () => ({ body: scene.issuer.jwks() }))
  clock.advance(5000)
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
})

const oct = { kty: 'oct', kid: 'k', k: 'c2VjcmV0' }

/** Half a second apart, so that it takes longer than the gate waits. */
const dripped = (jwks: object): UpstreamHandler => {
  const text = JSON.stringify(jwks)
  const size = Math.ceil(text.length / 16)
  return drip(
    Array.from({ length: 16 }, (_, i) => text.slice(i * size, (i + 1) * size)),
    500,
  )
}

test.each<readonly [string, (jwks: object) => UpstreamHandler, RegExp]>([
  ['resets the connection', () => resetBeforeAnswer(), /./],
  ['closes it in the middle', () => wrongContentLength(99, '{'), /./],
  [
    'redirects',
    (jwks) => () => ({ status: 302, headers: { location: '/other' }, body: jwks }),
    /^the answer is 302, not 200$/,
  ],
  ['answers 404', (jwks) => () => ({ status: 404, body: jwks }), /^the answer is 404/],
  ['answers with 201', (jwks) => () => ({ status: 201, body: jwks }), /^the answer is 201/],
  ['answers without an end', () => endlessBody(), /^the answer is larger than 262144 bytes$/],
  ['answers bit by bit', dripped, /timeout/],
  ['answers with a page', () => () => ({ body: '<html></html>' }), /^it is not JSON/],
  ['answers with nothing', () => () => ({ body: '' }), /^it is not JSON/],
  ['answers with a list', () => () => ({ body: [] }), /^it is no JWK Set/],
  ['publishes no key', () => () => ({ body: { keys: [] } }), /^it holds no public key/],
  ['publishes a shared secret', () => () => ({ body: { keys: [oct] } }), /private or a shared one/],
  [
    'says that it compresses',
    (jwks) => () => ({ headers: { 'content-encoding': 'gzip' }, body: jwks }),
    /^the answer is compressed/,
  ],
  [
    'sends more than it may',
    (jwks) => () => ({ body: `${JSON.stringify(jwks)}${' '.repeat(262_144)}` }),
    /^the answer is larger than 262144 bytes$/,
  ],
])('an issuer that %s has no keys: 503, and the next try waits', async (_name, handler, why) => {
  const { scene, server, clock } = await start()
  const jwks = scene.issuer.jwks()
  server.on('GET', PATH, handler(jwks))
  server.on('GET', '/other', () => ({ body: jwks }))
  expectUnavailable(await scene.present(scene.issuer.token()))
  expectUnavailable(await scene.present(scene.issuer.token()))
  expect(server.requestsStarted).toBe(1)
  const [warning] = scene.gate.logs.filter((line) => line['jwks_url'] !== undefined)
  expect(warning).toMatchObject({
    level: 'warn',
    msg: "an issuer's keys cannot be had",
    jwks_url: `${server.url}${PATH}`,
    err: { message: expect.stringMatching(why) },
  })
  server.on('GET', PATH, () => ({ body: jwks }))
  clock.advance(5000)
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
})

test('an issuer that is not there, and one whose certificate nobody vouches for, have no keys', async () => {
  const { scene, server } = await start({ authority: await createTestCa() })
  expectUnavailable(await scene.present(scene.issuer.token()))
  expect(server.requestsStarted).toBe(0)
  expect(server.connectionsOpened).toBe(1)
  const gone = await start()
  await gone.server.close()
  cleanups.splice(-2, 1)
  expectUnavailable(await gone.scene.present(gone.scene.issuer.token()))
})

test('an issuer that hangs is waited for by all together, for five seconds, and the gate goes on', async () => {
  const { scene, server } = await start()
  server.on('GET', PATH, neverAnswers())
  const waiting = Promise.all(Array.from({ length: 5 }, () => scene.present(scene.issuer.token())))
  const other = await scene.ask(await DPoPKeyPair.generate(), {}, 'unix')
  expect(other.status).toBe(200)
  for (const answer of await waiting) expectUnavailable(answer)
  expect(server.requestsStarted).toBe(1)
})

test('whoever asks too often has no token verified, and no keys fetched', async () => {
  const { scene, server } = await start({ rates: '[rate_limits]\nlease_rps = 0' })
  const answer = await scene.present(scene.issuer.token())
  expect([answer.status, answer.json()['error']]).toEqual([429, 'rate_limit_exceeded'])
  expect(server.connectionsOpened).toBe(0)
})

test('a reload keeps what was fetched and when it may be asked for again', async () => {
  const { scene, server } = await start()
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
  expect((await scene.reload()).status).toBe(200)
  expect((await scene.present(scene.issuer.token())).status).toBe(200)
  expect(server.requestsStarted).toBe(1)
})

test('a gate starts while its issuer is away, and closes while one hangs', async () => {
  const { scene, server } = await start()
  server.on('GET', PATH, neverAnswers())
  // Answered or cut off, but never accepted.
  const waiting = scene.present(scene.issuer.token()).catch(() => null)
  while (server.requestsStarted === 0) await new Promise((resolve) => setImmediate(resolve))
  await scene.gate.close(100)
  expect((await waiting)?.status).not.toBe(200)
})
