import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compactJws, payloadOf, type Signing } from '../src/harness/compact-jws.js'
import { credentials, executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const PARAMS = { url: 'https://api.github.com/zen' }
const RATES = [
  '[rate_limits]',
  'lease_rps = 1000',
  'execute_rps_anonymous = 1000',
  'execute_rps_per_session = 1000',
  'execute_rps_per_principal = 1000',
].join('\n')
const NOW = Math.floor(Date.now() / 1000)

let world: World
let good: HeldLease

beforeAll(async () => {
  world = await startWorld({ tables: RATES }, { now: () => NOW * 1000 })
  good = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

/** The gate's own key: what is wrong with these leases is not their signature. */
function ownKey(): Signing {
  const { privateKey } = world.gate.services.leaseKey
  if (privateKey === undefined) throw new Error('the gate has no lease key')
  return { key: privateKey }
}

interface Pieces {
  header: Record<string, unknown>
  claims: Record<string, unknown>
  signing: Signing
}

type Change = (pieces: Pieces) => void

function forge(change: Change): HeldLease {
  const pieces: Pieces = {
    header: { typ: 'JWT', alg: 'ES256', kid: world.gate.services.leaseKey.kid },
    claims: payloadOf(good.jwt),
    signing: ownKey(),
  }
  change(pieces)
  return { ...good, jwt: compactJws(pieces.header, pieces.claims, pieces.signing) }
}

const claims =
  (changed: Record<string, unknown>): Change =>
  (pieces) => {
    Object.assign(pieces.claims, changed)
  }
const header =
  (changed: Record<string, unknown>): Change =>
  (pieces) => {
    Object.assign(pieces.header, changed)
  }
const stranger = (): Signing => ({
  key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
})

const FORGERIES: readonly (readonly [string, Change])[] = [
  [
    'alg none and no signature',
    (p) => {
      header({ alg: 'none' })(p)
      p.signing = { ...p.signing, form: 'none' }
    },
  ],
  [
    'alg ES256 and no signature',
    (p) => {
      p.signing = { ...p.signing, form: 'none' }
    },
  ],
  [
    'a MAC keyed with the public key',
    (p) => {
      header({ alg: 'HS256' })(p)
      const pem = world.gate.services.leaseKey.publicKey.export({ type: 'spki', format: 'pem' })
      p.signing = { ...p.signing, mac: String(pem) }
    },
  ],
  [
    "another key's signature under this gate's kid",
    (p) => {
      p.signing = stranger()
    },
  ],
  [
    'the key of another gate',
    (p) => {
      header({ kid: '0123456789abcdef' })(p)
      p.signing = stranger()
    },
  ],
  [
    'a signature in DER',
    (p) => {
      p.signing = { ...p.signing, form: 'der' }
    },
  ],
  ['no kid', header({ kid: undefined })],
  ['the key in its header', header({ kid: undefined, jwk: { kty: 'EC', crv: 'P-256' } })],
  ['another type', header({ typ: 'dpop+jwt' })],
  ['an extension', header({ crit: ['x'], x: 1 })],
  ['another issuer', claims({ iss: 'evil' })],
  ['another audience', claims({ aud: 'evil' })],
  ['a list of audiences', claims({ aud: ['latchgate'] })],
  ['a beginning in the future', claims({ nbf: NOW + 1 })],
  ['no end', claims({ exp: undefined })],
  ['an end in text', claims({ exp: '9999999999' })],
  ['no key binding', claims({ cnf: undefined })],
  ['no session', claims({ session_id: undefined })],
  ['no principal', claims({ sub: '' })],
  ['scopes in one text', claims({ scope: 'tools:call' })],
  ['a negative budget', claims({ budgets: { max_calls: -1 } })],
  ['no epoch', claims({ epoch: undefined })],
  ['no identity method', claims({ idm: undefined })],
  ['an end in the past and another audience', claims({ exp: NOW - 1, aud: 'evil' })],
]

describe.each(['execute', 'renew', 'read a receipt'])('to %s', (use) => {
  test.each(FORGERIES)(
    'a lease with %s is refused, and nobody learns why',
    async (_name, change) => {
      const sent = world.upstream.requests.length
      const answer = await present(forge(change), use)
      expect([answer.status, answer.json()]).toEqual([
        401,
        {
          error: 'invalid_lease',
          message: 'The lease does not verify; request a new one.',
          trace_id: expect.any(String),
        },
      ])
      expect(world.upstream.requests.length).toBe(sent)
    },
  )
})

test('the lease that the forgeries are made from is good, and so is one in its last second', async () => {
  expect((await executeRaw(world.client, good, 'http_fetch', PARAMS)).status).toBe(200)
  const last = forge(claims({ exp: NOW }))
  expect((await executeRaw(world.client, last, 'http_fetch', PARAMS)).status).toBe(200)
})

test('a lease one second past its end is lease_expired, and good for renewal alone', async () => {
  const late = forge(claims({ exp: NOW - 1 }))
  const refused = await executeRaw(world.client, late, 'http_fetch', PARAMS)
  expect([refused.status, refused.json()]).toEqual([
    401,
    {
      error: 'lease_expired',
      message: 'The lease has expired; renew it and repeat the call.',
      trace_id: expect.any(String),
    },
  ])
  expect((await present(late, 'renew')).status).toBe(200)
})

function present(lease: HeldLease, use: string): ReturnType<typeof executeRaw> {
  if (use === 'execute') return executeRaw(world.client, lease, 'http_fetch', PARAMS)
  if (use === 'renew') {
    const path = '/v1/leases'
    const headers = {
      ...credentials(lease, 'POST', path, { nowSeconds: NOW }),
      'content-type': 'application/json',
    }
    const body = JSON.stringify({ scopes: ['tools:call'], dpop_jwk: lease.key.publicJwk })
    return world.client.send({ method: 'POST', path, headers, body })
  }
  const path = '/v1/receipts/0196a1b2-0000-7000-8000-000000000003'
  return world.client.send({ method: 'GET', path, headers: credentials(lease, 'GET', path) })
}
