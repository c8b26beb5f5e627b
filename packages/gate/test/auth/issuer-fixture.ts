import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { ManualClock } from '@latchgate/testkit'
import { type JWTPayload, SignJWT } from 'jose'
import { FileKeys } from '../../src/auth/issuer-keys.js'
import { parseJwks } from '../../src/auth/jwks-document.js'
import type { TokenIssuer } from '../../src/auth/token-issuers.js'
import type { Services } from '../../src/services.js'

export type Algorithm =
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'

type Pair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
const ec = (namedCurve: string) => (): Pair => generateKeyPairSync('ec', { namedCurve })
const ed25519 = (): Pair => generateKeyPairSync('ed25519')
const rsa = (): Pair => generateKeyPairSync('rsa', { modulusLength: 2048 })

/** How keys of an algorithm are made. */
const KINDS: Readonly<Record<Algorithm, () => Pair>> = {
  ES256: ec('P-256'),
  ES384: ec('P-384'),
  ES512: ec('P-521'),
  EdDSA: ed25519,
  Ed25519: ed25519,
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  PS512: rsa,
}

export const ALGORITHMS: readonly Algorithm[] = Object.keys(KINDS) as Algorithm[]

export interface SigningKey {
  readonly alg: Algorithm
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>
}

export function signingKey(alg: Algorithm, kid: string = randomUUID()): SigningKey {
  const { privateKey, publicKey } = KINDS[alg]()
  return { alg, kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } }
}

export function jwksBytes(...keys: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ keys }))
}

export const clock: ManualClock = new ManualClock()
export const nowSeconds = (): number => Math.floor(clock.now() / 1000)

/** A token of the issuer below, signed with jose: an implementation that is not the gate's own text. */
export function sign(key: SigningKey, claims: JWTPayload = {}): Promise<string> {
  return new SignJWT({
    iss: 'https://issuer.example',
    aud: 'gate',
    sub: 'agent-7',
    jti: randomUUID(),
    exp: nowSeconds() + 60,
    ...claims,
  })
    .setProtectedHeader({ alg: key.alg, kid: key.kid })
    .sign(key.privateKey)
}

/** What the verifier of tokens uses, with one issuer. */
export function verifying(
  keys: readonly SigningKey[],
  change: Partial<TokenIssuer> = {},
): Pick<Services, 'now' | 'tokenIssuers'> {
  const entry: TokenIssuer = {
    issuer: 'https://issuer.example',
    audience: 'gate',
    algorithms: keys.map(({ alg }) => alg),
    principalClaim: 'sub',
    scopes: ['tools:call'],
    owner: null,
    keys: new FileKeys(parseJwks(jwksBytes(...keys.map(({ jwk }) => jwk)))),
    keySource: 'sha256:test',
    ...change,
  }
  const of = (issuer: string): readonly TokenIssuer[] => (issuer === entry.issuer ? [entry] : [])
  return {
    now: clock.now,
    tokenIssuers: { of, isEmpty: false } as unknown as Services['tokenIssuers'],
  }
}
