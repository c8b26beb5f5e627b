import { createHash, createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { ManualClock } from '@latchgate/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compactJws, payloadOf } from '../src/harness/compact-jws.js'
import { leaksOf, leavesOfSession } from '../src/harness/evidence.js'
import type { RawAnswer } from '../src/harness/raw-client.js'
import { TokenIssuer } from '../src/harness/token-issuer.js'
import { held, TokenScene } from '../src/harness/token-scene.js'

const clock = new ManualClock(Math.ceil(Date.now() / 1000) * 1000)
const seconds = (): number => Math.floor(clock.now() / 1000)

let scene: TokenScene
/** Every token that was sent, to search for it afterwards. */
const sent: string[] = []
const answers: RawAnswer[] = []

beforeAll(async () => {
  scene = await TokenScene.start({
    now: clock.now,
    tables: (issuer) =>
      [
        issuer.table('jwks_file = "issuer.jwks"', 'owner = "alice"'),
        new TokenIssuer(clock.now, { audience: 'second' }).table('jwks_file = "issuer.jwks"'),
        new TokenIssuer(clock.now, { issuer: 'https://mail.example' }).table(
          'jwks_file = "issuer.jwks"',
          'principal_claim = "email"\nscopes = ["audit:read"]',
        ),
      ].join('\n'),
  })
})

afterAll(() => scene.close())

const token = (change?: Parameters<TokenIssuer['token']>[0]): string => {
  const made = scene.issuer.token(change)
  sent.push(made)
  return made
}

function expectRefused(answer: RawAnswer, why: string): void {
  answers.push(answer)
  expect([answer.status, answer.json()['error']], answer.text).toEqual([
    401,
    'identity_unauthenticated',
  ])
  expect(answer.json()['message']).toBe(`the identity token is not accepted: ${why}`)
}

describe.each(['tcp', 'unix'] as const)('over %s', (transport) => {
  test('a token opens a session of its principal, which acts and renews with its key', async () => {
    const exp = seconds() + 120
    const key = await DPoPKeyPair.generate()
    const bearer = { authorization: `Bearer ${token({ claims: { exp } })}` }
    const lease = held(await scene.ask(key, bearer, transport), key)
    const idp = {
      iss: 'https://issuer.example',
      aud: 'latchgate',
      exp,
      principal_claim: 'sub',
    }
    expect(payloadOf(lease.jwt)).toMatchObject({
      sub: 'agent-7',
      idm: 'jwt',
      idp,
      owner: 'alice',
      scope: ['tools:call'],
      cnf: { jkt: key.thumbprint },
    })
    const called = await scene.call(lease, transport)
    expect([called.status, called.json()['error']]).toEqual([403, 'policy_denied'])
    expect(called.json()['deny_reason']).toMatch(/^egress_denied: /)
    const renewed = held(await scene.renew(lease, undefined, transport), key)
    expect(payloadOf(renewed.jwt)).toMatchObject({
      sub: 'agent-7',
      idp,
      session_id: lease.sessionId,
    })
  })

  test('a proof beside the token is used up with it; one of another key is refused', async () => {
    const key = await DPoPKeyPair.generate()
    const other = await DPoPKeyPair.generate()
    const dpop = scene.proof(key)
    const bearer = (): string => `Bearer ${token()}`
    const opened = await scene.ask(key, { authorization: bearer(), dpop }, transport)
    expect(opened.status, opened.text).toBe(200)
    const again = await scene.ask(key, { authorization: bearer(), dpop }, transport)
    expect(again.json()['error']).toBe('replay_detected')
    for (const wrong of [scene.proof(other), scene.proof(key, token()), 'nonsense', '', 'é']) {
      const answer = await scene.ask(key, { authorization: bearer(), dpop: wrong }, transport)
      expect([answer.status, answer.json()['error']], wrong).toEqual([401, 'invalid_dpop'])
    }
  })

  test('a token that is bound to a key works with that key and a proof by it, and not else', async () => {
    const key = await DPoPKeyPair.generate()
    const other = await DPoPKeyPair.generate()
    const bound = token({ claims: { cnf: { jkt: key.thumbprint } } })
    const authorization = `Bearer ${bound}`
    expectRefused(
      await scene.ask(key, { authorization }, transport),
      'it is bound to a key (cnf): send a DPoP proof by that key with it',
    )
    expectRefused(
      await scene.ask(other, { authorization, dpop: scene.proof(other) }, transport),
      'it is bound (cnf) to another key than the one of this request',
    )
    const stolen = await scene.ask(key, { authorization, dpop: scene.proof(other) }, transport)
    expect(stolen.json()['error']).toBe('invalid_dpop')
    const opened = await scene.ask(key, { authorization, dpop: scene.proof(key) }, transport)
    expect(opened.status, opened.text).toBe(200)
  })
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** What is wrong with a token, how it is made, and why it is refused. */
const REFUSED: readonly (readonly [string, () => string, string])[] = [
  [
    'of another issuer',
    () => token({ claims: { iss: 'https://evil.example' } }),
    "its issuer 'https://evil.example' is not one of this gate's",
  ],
  [
    'of an issuer with a very long name',
    () => token({ claims: { iss: `x${'y'.repeat(3000)}` } }),
    `its issuer 'x${'y'.repeat(99)}' is not one of this gate's`,
  ],
  [
    'of an issuer that differs by a slash',
    () => token({ claims: { iss: 'https://issuer.example/' } }),
    "its issuer 'https://issuer.example/' is not one of this gate's",
  ],
  ['without an issuer', () => token({ claims: { iss: undefined } }), 'it has no iss'],
  ['whose issuer is a list', () => token({ claims: { iss: ['a'] } }), 'it has no iss'],
  [
    'for another audience',
    () => token({ claims: { aud: 'https://other.example' } }),
    'its audience is not this gate',
  ],
  ['for no audience', () => token({ claims: { aud: undefined } }), 'its audience is not this gate'],
  [
    'for two audiences of this gate',
    () => token({ claims: { aud: ['latchgate', 'second'] } }),
    'it is for several audiences of this gate at once',
  ],
  [
    'with alg none',
    () => token({ header: { alg: 'none' }, signing: { form: 'none' } }),
    'its algorithm is not one of ES256',
  ],
  [
    'with HS256 and the public key as the secret',
    () => {
      const pem = scene.issuer.key.publicKey.export({ type: 'spki', format: 'pem' }).toString()
      return token({ header: { alg: 'HS256' }, signing: { mac: pem } })
    },
    'its algorithm is not one of ES256',
  ],
  [
    'with an HMAC that calls itself ES256',
    () => {
      const pem = scene.issuer.key.publicKey.export({ type: 'spki', format: 'pem' }).toString()
      return token({ signing: { mac: pem } })
    },
    'its signature does not verify',
  ],
  [
    'with an algorithm that is not allowed',
    () => token({ header: { alg: 'RS256' }, signing: { key: rsa.privateKey } }),
    'its algorithm is not one of ES256',
  ],
  [
    'with EdDSA that is not allowed',
    () => token({ header: { alg: 'EdDSA' }, signing: { key: foreign } }),
    'its algorithm is not one of ES256',
  ],
  [
    'without an algorithm',
    () => token({ header: { alg: undefined } }),
    'its algorithm is not one of ES256',
  ],
  [
    'signed by another key',
    () => token({ signing: { key: foreign } }),
    'its signature does not verify',
  ],
  [
    'that brings its own key',
    () =>
      token({
        header: {
          jwk: createPrivateKey(foreign.export({ type: 'pkcs8', format: 'pem' })).export({
            format: 'jwk',
          }),
        },
        signing: { key: foreign },
      }),
    'its signature does not verify',
  ],
  [
    'with an unknown kid',
    () => token({ header: { kid: 'elsewhere' } }),
    'its issuer has no key of that kid and algorithm',
  ],
  ['whose kid is no text', () => token({ header: { kid: 7 } }), 'its kid is not a text'],
  [
    'with an extension that must be known',
    () => token({ header: { crit: ['x'], x: 1 } }),
    'it cannot be verified',
  ],
  [
    'with an unencoded payload',
    () => token({ header: { b64: false, crit: ['b64'] } }),
    'it cannot be verified',
  ],
  ['without exp', () => token({ claims: { exp: undefined } }), 'it has no exp'],
  [
    'whose exp is a text',
    () => token({ claims: { exp: '9999999999' } }),
    'its exp is not what it must be',
  ],
  [
    'that expired beyond the leeway',
    () => token({ claims: { exp: seconds() - 5 } }),
    'it has expired',
  ],
  [
    'whose time comes beyond the leeway',
    () => token({ claims: { nbf: seconds() + 6 } }),
    'it is not valid yet',
  ],
  [
    'issued beyond the leeway',
    () => token({ claims: { iat: seconds() + 6 } }),
    'it was issued in the future',
  ],
  [
    'that is valid for days',
    () => token({ claims: { exp: seconds() + 86_406 } }),
    'it is valid for more than 24 hours: have its issuer make shorter ones',
  ],
  ['without jti', () => token({ claims: { jti: undefined } }), 'it has no jti'],
  [
    'with an empty jti',
    () => token({ claims: { jti: '' } }),
    'its jti is not a text of 1 to 512 characters',
  ],
  [
    'with a jti that is a number',
    () => token({ claims: { jti: 7 } }),
    'its jti is not a text of 1 to 512 characters',
  ],
  [
    'with a very long jti',
    () => token({ claims: { jti: 'j'.repeat(513) } }),
    'its jti is not a text of 1 to 512 characters',
  ],
  [
    'without a principal',
    () => token({ claims: { sub: undefined } }),
    "it has no claim 'sub' to name the agent",
  ],
  [
    'with a principal of root',
    () => token({ claims: { sub: 'uid:0' } }),
    "its claim 'sub' names nobody that a token can name",
  ],
  [
    'with a principal of root in capitals',
    () => token({ claims: { sub: 'UID:0' } }),
    "its claim 'sub' names nobody that a token can name",
  ],
  [
    'that is anonymous',
    () => token({ claims: { sub: 'dev:anonymous' } }),
    "its claim 'sub' names nobody that a token can name",
  ],
  [
    'that is everybody',
    () => token({ claims: { sub: '*' } }),
    "its claim 'sub' names nobody that a token can name",
  ],
  [
    'whose principal is a comment',
    () => token({ claims: { sub: '__proto__' } }),
    "its claim 'sub' names nobody that a token can name",
  ],
  ...(['', 'a b', 'é', 'a\n', 'a\u0000', 'a'.repeat(129), 7, null, ['agent-7']] as const).map(
    (sub): readonly [string, () => string, string] => [
      `with the principal ${JSON.stringify(sub)}`.slice(0, 60),
      () => token({ claims: { sub } }),
      "its claim 'sub' is not 1 to 128 visible ASCII characters",
    ],
  ),
  ...([null, 'x', [], {}, { jkt: 7 }, { 'x5t#S256': 'x' }, { jkt: 'x', jwk: {} }] as const).map(
    (cnf): readonly [string, () => string, string] => [
      `with the confirmation ${JSON.stringify(cnf)}`,
      () => token({ claims: { cnf } }),
      'it is bound (cnf) to something else than the thumbprint of a key',
    ],
  ),
  [
    'of which a member stands there twice',
    () => {
      const { kid, privateKey } = scene.issuer.key
      const payload = `{"iss":"https://issuer.example","aud":"latchgate","sub":"agent-7","sub":"agent-8","jti":"j","exp":${seconds() + 60}}`
      const twice = compactJws({ alg: 'ES256', kid }, payload, { key: privateKey })
      sent.push(twice)
      return twice
    },
    'it is not a signed JWT in compact form',
  ],
  [
    'that is longer than 8 KiB',
    () => token({ claims: { x: 'y'.repeat(8000) } }),
    'it is longer than 8192 characters',
  ],
  ['that is none', () => 'nonsense', 'it is not a signed JWT in compact form'],
  ['that is empty', () => '', 'it is not a signed JWT in compact form'],
  ['with a further part', () => `${token()}.x`, 'it is not a signed JWT in compact form'],
  ['with a space in it', () => `${token()} x`, 'it is not a signed JWT in compact form'],
]

test.each(REFUSED)('a token %s is refused, and says why', async (_name, make, why) => {
  for (const transport of ['tcp', 'unix'] as const) {
    expectRefused(await scene.present(make(), transport), why)
  }
})

test.each([
  ['that expired within the leeway', () => ({ exp: seconds() - 4 })],
  ['whose time comes within the leeway', () => ({ nbf: seconds() + 5, iat: seconds() + 5 })],
  ['that is valid for a day', () => ({ exp: seconds() + 86_405 })],
  ['with a fraction of a second', () => ({ exp: seconds() + 60.5 })],
  ['for this audience among others', () => ({ aud: ['https://other.example', 'latchgate'] })],
  ['without iat', () => ({ iat: undefined })],
  ['with a principal like a URL', () => ({ sub: 'spiffe://example.org/agent/7?x#y' })],
])('a token %s is accepted', async (_name, claims) => {
  const answer = await scene.present(token({ claims: claims() }))
  expect(answer.status, answer.text).toBe(200)
})

test('typ is not looked at, and a token without a kid is verified by the only key that fits', async () => {
  for (const header of [{ typ: undefined }, { typ: 'at+jwt' }, { kid: undefined }]) {
    const answer = await scene.present(token({ header }))
    expect(answer.status, answer.text).toBe(200)
  }
})

test('each entry has its own claim, scopes and audience', async () => {
  const claims = { iss: 'https://mail.example', email: 'bot@mail.example' }
  const narrow = await scene.present(token({ claims }))
  expect([narrow.status, narrow.json()['error']]).toEqual([403, 'scope_not_permitted'])
  const key = await DPoPKeyPair.generate()
  const headers = { authorization: `bearer ${token({ claims })}` }
  const opened = await scene.ask(key, headers, 'tcp', { scopes: ['tools:call', 'audit:read'] })
  expect(payloadOf(held(opened, key).jwt)).toMatchObject({
    sub: 'bot@mail.example',
    scope: ['audit:read'],
    idp: { iss: 'https://mail.example', principal_claim: 'email' },
  })
  const second = await scene.present(token({ claims: { aud: 'second' } }))
  expect(payloadOf(String(second.json()['lease_jwt']))).toMatchObject({ idp: { aud: 'second' } })
  expectRefused(
    await scene.present(token({ claims: { iss: 'https://mail.example' } })),
    "it has no claim 'email' to name the agent",
  )
})

test('a token that is sent twice is none', async () => {
  const key = await DPoPKeyPair.generate()
  const bearer = `Bearer ${token()}`
  const twice = { authorization: [bearer, bearer] as unknown as string }
  for (const transport of ['tcp', 'unix'] as const) {
    expectRefused(await scene.ask(key, twice, transport), 'a credential header was sent twice')
  }
})

test('a credential that fails is never a fall-back to the uid of the socket', async () => {
  const key = await DPoPKeyPair.generate()
  const headers = { authorization: `Bearer ${token({ claims: { exp: seconds() - 60 } })}` }
  expectRefused(await scene.ask(key, headers, 'unix'), 'it has expired')
  const nothing = held(await scene.ask(key, {}, 'unix'), key)
  expect(payloadOf(nothing.jwt)).toMatchObject({ sub: 'agent-test', idm: 'peercred' })
})

test('a fresh token without a renewal is refused, whatever stands beside it', async () => {
  const key = await DPoPKeyPair.generate()
  const fresh = { 'x-latchgate-identity-token': token() }
  const why =
    'X-LatchGate-Identity-Token belongs to a renewal; for a new session send `Authorization: Bearer <jwt>`'
  for (const beside of [{}, { authorization: `Bearer ${token()}` }, { dpop: scene.proof(key) }]) {
    expectRefused(await scene.ask(key, { ...fresh, ...beside }, 'unix'), why)
  }
})

test('a token is used up by the session that it opens, and by nothing that fails', async () => {
  const key = await DPoPKeyPair.generate()
  const bearer = { authorization: `Bearer ${token()}` }
  const failures = [
    await scene.ask(key, bearer, 'tcp', { scopes: ['other:scope'] }),
    await scene.ask(key, bearer, 'tcp', { fs_root: '/' }),
    await scene.ask(key, bearer, 'tcp', { dpop_jwk: { ...key.publicJwk, crv: 'P-384' } }),
  ]
  expect(failures.map(({ status }) => status)).toEqual([403, 403, 400])
  expect((await scene.ask(key, bearer)).status).toBe(200)
  expectRefused(await scene.ask(key, bearer), 'it has been used; ask its issuer for a new one')
})

test('the record of a session says who vouched for it, and holds no token', async () => {
  const exp = seconds() + 60
  const lease = await scene.open(token({ claims: { exp, jti: 'known-jti' } }))
  const [record] = leavesOfSession(scene, lease.sessionId)
  expect(record?.type).toBe('lease')
  expect(record?.body).toMatchObject({
    event_type: 'lease_issued',
    principal: 'agent-7',
    identity_method: 'jwt',
    identity_issuer: 'https://issuer.example',
    identity_audience: 'latchgate',
    identity_expires_at: new Date(exp * 1000).toISOString(),
    identity_token: {
      hash: createHash('sha256').update('["https://issuer.example","known-jti"]').digest('hex'),
      expires_at: new Date(exp * 1000).toISOString(),
    },
  })
  expect(JSON.stringify(record)).not.toContain('known-jti')
})

test('no token is in the log of the gate, in its ledger, or in an answer', () => {
  expect(sent.length).toBeGreaterThan(60)
  const secrets = sent.flatMap((one) => one.split('.').slice(1)).filter((part) => part.length > 20)
  expect(leaksOf(scene, [...new Set(secrets)], answers)).toEqual([])
})
