import {
  createHash,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'

/** The P-256 key of one connect, and the proofs it signs (spec/http-api 5.1). */
export class ProofKey {
  readonly jwk: {
    readonly kty: 'EC'
    readonly crv: 'P-256'
    readonly x: string
    readonly y: string
  }
  readonly #privateKey: KeyObject

  constructor() {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { x, y }: JsonWebKey = pair.publicKey.export({ format: 'jwk' })
    if (x === undefined || y === undefined) throw new Error('a P-256 key without coordinates')
    this.jwk = { kty: 'EC', crv: 'P-256', x, y }
    this.#privateKey = pair.privateKey
  }

  /** A proof for one request: method, URL and token. */
  sign(method: string, url: string, token: string): string {
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: this.jwk }
    const claims = {
      jti: randomUUID(),
      htm: method.toUpperCase(),
      htu: normalizedUrl(url),
      iat: Math.floor(Date.now() / 1000),
      ath: createHash('sha256').update(token, 'ascii').digest('base64url'),
    }
    const input = `${encode(header)}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(input), {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    return `${input}.${signature.toString('base64url')}`
  }
}

/** `htu` normalisation of spec/http-api 5.1. */
export function normalizedUrl(url: string): string {
  const bare = (url.split('#')[0] ?? '').split('?')[0] ?? ''
  const mark = bare.indexOf('://')
  if (mark < 0) throw new Error(`not a URL: ${url}`)
  const scheme = bare.slice(0, mark).toLowerCase()
  const rest = bare.slice(mark + 3)
  const slash = rest.indexOf('/')
  const path = slash < 0 ? '/' : rest.slice(slash)
  let authority = (slash < 0 ? rest : rest.slice(0, slash)).toLowerCase()
  const defaultPort = scheme === 'https' ? ':443' : scheme === 'http' ? ':80' : undefined
  if (defaultPort !== undefined && authority.endsWith(defaultPort)) {
    authority = authority.slice(0, -defaultPort.length)
  }
  return `${scheme}://${authority}${path}`
}

function encode(json: unknown): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url')
}
