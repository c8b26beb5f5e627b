import { createPrivateKey, createPublicKey } from 'node:crypto'
import { computeAth, DPoPKeyPair } from '@latchgate/protocol/node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compactJws, type Part, type Signing } from '../src/harness/compact-jws.js'
import {
  executeRaw,
  type HeldLease,
  PUBLIC_BASE,
  type RawAnswer,
  takeLease,
} from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const EXECUTE = '/v1/actions/http_fetch/execute'
const RECEIPT = '/v1/receipts/0196a1b2-0000-7000-8000-000000000003'
const PARAMS = { url: 'https://api.github.com/zen' }
const RATES = [
  '[rate_limits]',
  'lease_rps = 1000',
  'execute_rps_anonymous = 1000',
  'execute_rps_per_session = 1000',
  'execute_rps_per_principal = 1000',
].join('\n')

// Whole seconds, held still: the window of `iat` is tested to the second.
const NOW = Math.floor(Date.now() / 1000)

let world: World
let stranger: DPoPKeyPair

beforeAll(async () => {
  stranger = await DPoPKeyPair.generate()
  world = await startWorld({ tables: RATES }, { now: () => NOW * 1000 })
})

afterAll(async () => {
  await world.close()
})

/** A proof in pieces, each of which a case can change. */
interface Pieces {
  header: Record<string, unknown>
  claims: Record<string, unknown>
  headerText?: Part
  claimsText?: Part
  signing: Signing
  finish: (token: string) => string
}

type Change = (pieces: Pieces, lease: HeldLease) => void

const privateKey = (key: DPoPKeyPair): ReturnType<typeof createPrivateKey> =>
  createPrivateKey(key.exportPem())

function forge(lease: HeldLease, method: string, path: string, change: Change): string {
  const pieces: Pieces = {
    header: { typ: 'dpop+jwt', alg: 'ES256', jwk: { ...lease.key.publicJwk } },
    claims: {
      jti: crypto.randomUUID(),
      htm: method,
      htu: `${PUBLIC_BASE}${path}`,
      iat: NOW,
      ath: computeAth(lease.jwt),
    },
    signing: { key: privateKey(lease.key) },
    finish: (token) => token,
  }
  change(pieces, lease)
  const { header, claims, headerText, claimsText, signing, finish } = pieces
  return finish(compactJws(headerText ?? header, claimsText ?? claims, signing))
}

async function call(lease: HeldLease, change: Change): Promise<RawAnswer> {
  const dpop = forge(lease, 'POST', EXECUTE, change)
  const headers = { authorization: `DPoP ${lease.jwt}`, dpop }
  const body = JSON.stringify(PARAMS)
  return world.client.send({ method: 'POST', path: EXECUTE, headers, body })
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
const jwk =
  (changed: Record<string, unknown>): Change =>
  (pieces, lease) => {
    pieces.header['jwk'] = { ...lease.key.publicJwk, ...changed }
  }

const FORGERIES: readonly (readonly [string, Change, RegExp])[] = [
  ['another type', header({ typ: 'JWT' }), /^typ must be 'dpop\+jwt', got 'JWT'$/],
  ['no type', header({ typ: undefined }), /^typ must be /],
  [
    'alg none and no signature',
    (p, lease) => {
      header({ alg: 'none' })(p, lease)
      p.signing = { ...p.signing, form: 'none' }
    },
    /^alg must be 'ES256', got 'none'$/,
  ],
  [
    'a MAC keyed with the public key',
    (p, lease) => {
      header({ alg: 'HS256' })(p, lease)
      const pem = createPublicKey(lease.key.exportPem()).export({ type: 'spki', format: 'pem' })
      p.signing = { ...p.signing, mac: String(pem) }
    },
    /^alg must be 'ES256', got 'HS256'$/,
  ],
  ['an extension', header({ crit: ['b64'], b64: false }), /^crit names extensions/],
  ['no key', header({ jwk: undefined }), /^jwk is missing/],
  ['a private key', jwk({ d: 'AAAA' }), /^jwk must not contain a private key$/],
  ['an RSA key', jwk({ kty: 'RSA' }), /^jwk\.kty must be 'EC', got 'RSA'$/],
  ['another curve', jwk({ crv: 'P-384' }), /^jwk\.crv must be 'P-256', got 'P-384'$/],
  ['half a key', jwk({ y: undefined }), /^jwk\.y is required$/],
  ['a short coordinate', jwk({ x: 'AAAA' }), /^jwk\.x must be 32 bytes/],
  [
    "a stranger's key, signed by it",
    (p) => {
      p.header['jwk'] = stranger.publicJwk
      p.signing = { key: privateKey(stranger) }
    },
    /cnf\.jkt \(key binding failure\)$/,
  ],
  [
    "a stranger's signature under the right key",
    (p) => {
      p.signing = { key: privateKey(stranger) }
    },
    /^signature verification failed$/,
  ],
  [
    'a signature in DER',
    (p) => {
      p.signing = { ...p.signing, form: 'der' }
    },
    /^an ES256 signature is 64 bytes/,
  ],
  [
    'padding',
    (p) => {
      p.finish = (token) => `${token}=`
    },
    /^invalid base64url encoding in JWT signature$/,
  ],
  [
    'a fourth part',
    (p) => {
      p.finish = (token) => `${token}.x`
    },
    /./,
  ],
  [
    'a doubled claim',
    (p) => {
      p.claimsText = JSON.stringify(p.claims).replace('{', '{"htm":"GET",')
    },
    /^JWT payload is not a valid JSON object$/,
  ],
  [
    'a header that is no object',
    (p) => {
      p.headerText = '[]'
    },
    /^JWT header is not valid JSON$/,
  ],
  ['no jti', claims({ jti: undefined }), /^claim jti must be/],
  ['an empty jti', claims({ jti: '' }), /^claim jti must be/],
  ['a jti of 129 characters', claims({ jti: 'x'.repeat(129) }), /^claim jti must be/],
  ['another method', claims({ htm: 'GET' }), /^htm mismatch: expected 'POST', got 'GET'$/],
  ['the method in lower case', claims({ htm: 'post' }), /^htm mismatch/],
  [
    'another path',
    claims({ htu: `${PUBLIC_BASE}/v1/actions/http_post/execute` }),
    /^htu mismatch: expected 'http:\/\/localhost:3000\/v1\/actions\/http_fetch\/execute', got /,
  ],
  ['a trailing slash', claims({ htu: `${PUBLIC_BASE}${EXECUTE}/` }), /^htu mismatch/],
  ['another scheme', claims({ htu: `https://localhost:3000${EXECUTE}` }), /^htu mismatch/],
  ['another host', claims({ htu: `http://evil.example${EXECUTE}` }), /^htu mismatch/],
  ['a path alone', claims({ htu: EXECUTE }), /^htu mismatch/],
  ['61 s of age', claims({ iat: NOW - 61 }), /^iat too old: 61 s, at most 60 s$/],
  ['6 s ahead', claims({ iat: NOW + 6 }), /^iat too far in future: 6 s, at most 5 s$/],
  ['an iat with a fraction', claims({ iat: NOW + 0.5 }), /./],
  ['an iat in text', claims({ iat: String(NOW) }), /^claim iat must be an integer$/],
  ['no ath', claims({ ath: undefined }), /^claim ath must be a string$/],
  ['the ath of another lease', claims({ ath: computeAth('x.y.z') }), /^ath does not match/],
]

describe.each(['first', 'later'])('on the %s request of a session', (which) => {
  test.each(FORGERIES)('a proof with %s is refused', async (_name, change, reason) => {
    const lease = await takeLease(world.client)
    if (which === 'later') {
      const first = await executeRaw(world.client, lease, 'http_fetch', PARAMS, {
        nowSeconds: NOW,
      })
      expect(first.status, first.text).toBe(200)
    }
    const sent = world.upstream.requests.length
    const answer = await call(lease, change)
    expect([answer.status, answer.json()]).toEqual([
      401,
      {
        error: 'invalid_dpop',
        deny_reason: expect.stringMatching(reason),
        message: 'The DPoP proof does not verify.',
        trace_id: expect.any(String),
      },
    ])
    expect(world.upstream.requests.length).toBe(sent)
  })
})

test.each([
  ['60 s of age', claims({ iat: NOW - 60 })],
  ['5 s ahead', claims({ iat: NOW + 5 })],
  ['a jti of 128 characters', claims({ jti: 'x'.repeat(128) })],
  ['further members of the key', jwk({ use: 'sig', kid: 'x' })],
  ['a query and a fragment in its URL', claims({ htu: `${PUBLIC_BASE}${EXECUTE}?a=1#b` })],
  ['scheme and host in capitals', claims({ htu: `HTTP://LOCALHOST:3000${EXECUTE}` })],
])('a proof with %s is good', async (_name, change) => {
  const answer = await call(await takeLease(world.client), change)
  expect(answer.status, answer.text).toBe(200)
})

test.each(FORGERIES.filter(([name]) => name !== 'another method'))(
  'reading a receipt with a proof with %s is refused',
  async (_name, change) => {
    const lease = await takeLease(world.client)
    const read = (made: Change): Promise<RawAnswer> => {
      const dpop = forge(lease, 'GET', RECEIPT, made)
      const headers = { authorization: `DPoP ${lease.jwt}`, dpop }
      return world.client.send({ method: 'GET', path: RECEIPT, headers })
    }
    const unchanged = await read(() => undefined)
    expect([unchanged.status, unchanged.json()['error']]).toEqual([404, 'not_found'])
    const answer = await read(change)
    expect([answer.status, answer.json()['error']]).toEqual([401, 'invalid_dpop'])
  },
)
