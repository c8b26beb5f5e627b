import { DPoPKeyPair } from '@latchgate/protocol/node'
import { ManualClock } from '@latchgate/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { payloadOf } from '../src/harness/compact-jws.js'
import { leavesOfSession } from '../src/harness/evidence.js'
import { credentials, type HeldLease, type RawAnswer } from '../src/harness/raw-client.js'
import { TokenIssuer } from '../src/harness/token-issuer.js'
import { held, LEASES, TokenScene } from '../src/harness/token-scene.js'

const clock = new ManualClock(Math.ceil(Date.now() / 1000) * 1000)
const seconds = (): number => Math.floor(clock.now() / 1000)
const TTL = 60
const LIFE = 300

let scene: TokenScene

beforeAll(async () => {
  scene = await TokenScene.start({
    now: clock.now,
    keys: `lease_ttl_seconds = ${TTL}`,
    tables: (issuer) =>
      [
        issuer.table('jwks_file = "issuer.jwks"'),
        new TokenIssuer(clock.now, { audience: 'second' }).table('jwks_file = "issuer.jwks"'),
        new TokenIssuer(clock.now, { issuer: 'https://other.example' }).table(
          'jwks_file = "issuer.jwks"',
        ),
      ].join('\n'),
  })
})

afterAll(() => scene.close())

function expectRefused(answer: RawAnswer, message: string): void {
  expect([answer.status, answer.json()['error']], answer.text).toEqual([
    401,
    'identity_unauthenticated',
  ])
  expect(answer.json()['message']).toBe(message)
}

const notAccepted = (why: string): string => `the identity token is not accepted: ${why}`
const NEEDED =
  'the token by which this session was opened or last renewed has expired: send a fresh one of the ' +
  'same issuer and principal in X-LatchGate-Identity-Token'

const idpExp = (lease: HeldLease): unknown =>
  (payloadOf(lease.jwt)['idp'] as Record<string, unknown>)['exp']

test('the key alone renews until the token has expired and the leeway is over, to the second', async () => {
  const end = seconds() + LIFE
  let lease = await scene.open(scene.issuer.token({ claims: { exp: end } }))
  clock.advance((LIFE + 4) * 1000)
  lease = held(await scene.renew(lease), lease.key)
  expect(payloadOf(lease.jwt)).toMatchObject({ exp: seconds() + TTL, idp: { exp: end } })
  clock.advance(1000)
  for (const transport of ['tcp', 'unix'] as const) {
    expectRefused(await scene.renew(lease, undefined, transport), NEEDED)
  }
  // The lease itself lasts as long as it says, which is at most its own time beyond the token's.
  expect((await scene.call(lease)).json()['error']).toBe('policy_denied')
  clock.advance(TTL * 1000)
  expect((await scene.call(lease)).json()['error']).toBe('lease_expired')
})

test('a fresh token renews an ended session, once, and for as long as it lasts itself', async () => {
  const lease = await scene.open()
  clock.advance(LIFE * 2 * 1000)
  const end = seconds() + LIFE
  const fresh = scene.issuer.token({ claims: { exp: end } })
  const again = held(await scene.renew(lease, fresh, 'unix'), lease.key)
  expect(again.sessionId).toBe(lease.sessionId)
  expect(idpExp(again)).toBe(end)
  expectRefused(
    await scene.renew(lease, fresh),
    notAccepted('it has been used; ask its issuer for a new one'),
  )
  expectRefused(
    await scene.present(fresh),
    notAccepted('it has been used; ask its issuer for a new one'),
  )
  clock.advance((LIFE - 1) * 1000)
  expect(held(await scene.renew(again), again.key).sessionId).toBe(lease.sessionId)
  const records = leavesOfSession(scene, lease.sessionId).map(({ body }) => body)
  expect(records.map((one) => [one['renewal'], one['identity_token'] !== undefined])).toEqual([
    [false, true],
    [true, true],
    [true, false],
  ])
})

test('of renewals with one token at once exactly one wins', async () => {
  const lease = await scene.open()
  const fresh = scene.issuer.token()
  const answers = await Promise.all(Array.from({ length: 8 }, () => scene.renew(lease, fresh)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(7)
})

test('a token that is sent with a renewal is checked, though the key alone would do', async () => {
  const lease = await scene.open()
  const cases: readonly (readonly [string, string])[] = [
    [scene.issuer.token({ claims: { exp: seconds() - 60 } }), 'it has expired'],
    [
      scene.issuer.token({ claims: { sub: 'agent-8' } }),
      'it names another principal than the one of this session',
    ],
    [
      scene.issuer.token({ claims: { iss: 'https://other.example' } }),
      'it is of another issuer or audience than the one that opened this session',
    ],
    [
      scene.issuer.token({ claims: { aud: 'second' } }),
      'it is of another issuer or audience than the one that opened this session',
    ],
    [
      scene.issuer.token({ claims: { iss: 'https://evil.example' } }),
      "its issuer 'https://evil.example' is not one of this gate's",
    ],
    [
      scene.issuer.token({ claims: { cnf: { jkt: (await DPoPKeyPair.generate()).thumbprint } } }),
      'it is bound (cnf) to another key than the one of this request',
    ],
    ['nonsense', 'it is not a signed JWT in compact form'],
    ['', 'X-LatchGate-Identity-Token must be sent once, in visible ASCII'],
    ['é', 'X-LatchGate-Identity-Token must be sent once, in visible ASCII'],
  ]
  for (const [token, why] of cases) {
    for (const transport of ['tcp', 'unix'] as const) {
      expectRefused(await scene.renew(lease, token, transport), notAccepted(why))
    }
  }
  const bound = scene.issuer.token({ claims: { cnf: { jkt: lease.key.thumbprint } } })
  expect((await scene.renew(lease, bound)).status).toBe(200)
})

test('two fresh tokens at once are none', async () => {
  const lease = await scene.open()
  const { authorization, dpop } = credentials(lease, 'POST', LEASES, { nowSeconds: seconds() })
  const token = scene.issuer.token()
  const answer = await scene.client('tcp').send({
    method: 'POST',
    path: LEASES,
    headers: {
      'content-type': 'application/json',
      authorization: authorization ?? '',
      dpop: dpop ?? '',
      'x-latchgate-identity-token': [token, token] as unknown as string,
    },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: lease.key.publicJwk }),
  })
  expectRefused(
    answer,
    notAccepted('X-LatchGate-Identity-Token must be sent once, in visible ASCII'),
  )
})

test('a session of a uid takes no token with its renewal', async () => {
  const key = await DPoPKeyPair.generate()
  const lease = held(await scene.ask(key, {}, 'unix'), key)
  expectRefused(
    await scene.renew(lease, scene.issuer.token(), 'unix'),
    notAccepted('this session was not opened by a token; renew it without'),
  )
  expect((await scene.renew(lease, undefined, 'unix')).status).toBe(200)
})

test('a token without a proof by the key of the session renews nothing', async () => {
  const lease = await scene.open()
  const fresh = { 'x-latchgate-identity-token': scene.issuer.token() }
  const stolen = await scene.ask(lease.key, { authorization: `DPoP ${lease.jwt}`, ...fresh })
  expect(stolen.json()['error']).toBe('missing_auth_header')
  const other = await DPoPKeyPair.generate()
  const { authorization, dpop } = credentials(lease, 'POST', LEASES, {
    nowSeconds: seconds(),
    key: other,
  })
  const forged = await scene.ask(lease.key, {
    authorization: authorization ?? '',
    dpop: dpop ?? '',
    ...fresh,
  })
  expect(forged.json()['error']).toBe('invalid_dpop')
  // The refusals have not used it up.
  const token = fresh['x-latchgate-identity-token']
  expect((await scene.renew(lease, token)).status).toBe(200)
})
