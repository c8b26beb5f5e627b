import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { compactJws, type Signing } from './compact-jws.js'

/** What a test changes about a token; a claim that is undefined is left out. */
export interface TokenChange {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  readonly signing?: Partial<Signing>
}

interface IssuerKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** An issuer of JWTs with ES256, as an operator would configure one. */
export class TokenIssuer {
  readonly issuer: string
  readonly audience: string
  readonly #now: () => number
  #keys: readonly IssuerKey[]

  /** @param now Unix milliseconds */
  constructor(
    now: () => number = Date.now,
    {
      issuer = 'https://issuer.example',
      audience = 'latchgate',
    }: { readonly issuer?: string; readonly audience?: string } = {},
  ) {
    this.issuer = issuer
    this.audience = audience
    this.#now = now
    this.#keys = [newKey()]
  }

  /** The key that signs. */
  get key(): IssuerKey {
    const key = this.#keys.at(-1)
    if (key === undefined) throw new Error('the issuer has no key')
    return key
  }

  /** A new key signs from now on; former ones are published no more unless they are kept. */
  rotate(keep = false): void {
    this.#keys = keep ? [...this.#keys, newKey()] : [newKey()]
  }

  /** The JWK Set that it publishes. */
  jwks(): { readonly keys: readonly object[] } {
    const keys = this.#keys.map(({ kid, publicKey }) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      use: 'sig',
      alg: 'ES256',
    }))
    return { keys }
  }

  /** A token of `agent-7`, good for five minutes, with whatever the test wants different. */
  token({ claims = {}, header = {}, signing = {} }: TokenChange = {}): string {
    const now = Math.floor(this.#now() / 1000)
    const { kid, privateKey } = this.key
    const payload: Readonly<Record<string, unknown>> = {
      iss: this.issuer,
      aud: this.audience,
      sub: 'agent-7',
      iat: now,
      exp: now + 300,
      jti: randomUUID(),
      ...claims,
    }
    return compactJws({ typ: 'JWT', alg: 'ES256', kid, ...header }, payload, {
      key: privateKey,
      ...signing,
    })
  }

  /** The table of a configuration, with its keys in a file or behind a URL. */
  table(keys: `jwks_${'file' | 'url'} = "${string}"`, more = ''): string {
    return [
      '[[identity.jwt]]',
      `issuer = "${this.issuer}"`,
      `audience = "${this.audience}"`,
      keys,
      'algorithms = ["ES256"]',
      more,
    ].join('\n')
  }
}

function newKey(): IssuerKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { kid: randomUUID(), privateKey, publicKey }
}
