import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { encodeBase64url } from '../base64url.js'
import type { DpopClaims } from '../dpop-claims.js'
import { normalizeHtu } from '../htu.js'
import type { P256Jwk } from '../p256-jwk.js'
import { signEs256 } from './jws.js'
import { publicP256Jwk } from './p256-pem.js'
import { computeAth, jwkThumbprint } from './thumbprint.js'
import { uuidv4 } from './uuid.js'

const generate = promisify(generateKeyPair)
const encoder = new TextEncoder()

/** What a proof is made for. */
export interface ProofRequest {
  readonly method: string
  /** Absolute; query and fragment do not enter the proof. */
  readonly url: string
  /** The lease or API key sent beside the proof. */
  readonly accessToken?: string
  /** Unix seconds; the current time when not given. */
  readonly nowSeconds?: number
  /** A random UUID when not given. */
  readonly jti?: string
}

/** A P-256 key that signs proofs of possession (RFC 9449 4.2, auth spec 7.3). */
export class DPoPKeyPair {
  readonly publicJwk: P256Jwk
  /** RFC 7638 thumbprint, base64url. */
  readonly thumbprint: string
  readonly #privateKey: KeyObject
  readonly #header: string

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey
    this.publicJwk = publicP256Jwk(createPublicKey(privateKey))
    this.thumbprint = jwkThumbprint(this.publicJwk)
    this.#header = encodeJson({ typ: 'dpop+jwt', alg: 'ES256', jwk: this.publicJwk })
  }

  /** A new key. */
  static async generate(): Promise<DPoPKeyPair> {
    const pair = await generate('ec', { namedCurve: 'P-256' })
    return new DPoPKeyPair(pair.privateKey)
  }

  /** The key of a PEM text, PKCS#8 or SEC 1. Throws `TypeError` when it is not a P-256 key. */
  static fromPem(pem: string): DPoPKeyPair {
    return new DPoPKeyPair(createPrivateKey(pem))
  }

  /** The key of a PEM file. */
  static fromPemFile(path: string): DPoPKeyPair {
    return DPoPKeyPair.fromPem(readFileSync(path, 'utf8'))
  }

  /** The private key as PKCS#8 PEM. */
  exportPem(): string {
    return this.#privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  }

  /** Signs a proof for one request. Throws `TypeError` when `url` is not absolute. */
  signProof(request: ProofRequest): string {
    const htu = normalizeHtu(request.url)
    if (htu === null) throw new TypeError(`not an absolute URL: ${request.url}`)
    const claims: DpopClaims = {
      jti: request.jti ?? uuidv4(),
      htm: request.method.toUpperCase(),
      htu,
      iat: request.nowSeconds ?? Math.floor(Date.now() / 1000),
      ...(request.accessToken === undefined ? {} : { ath: computeAth(request.accessToken) }),
    }
    const signed = `${this.#header}.${encodeJson(claims)}`
    return `${signed}.${signEs256(signed, this.#privateKey)}`
  }

  /** Signs another statement of this key: a compact JWS of that `typ`, with the key in its header. */
  signJws(typ: string, payload: object): string {
    const header = encodeJson({ typ, alg: 'ES256', jwk: this.publicJwk })
    const signed = `${header}.${encodeJson(payload)}`
    return `${signed}.${signEs256(signed, this.#privateKey)}`
  }
}

function encodeJson(value: object): string {
  return encodeBase64url(encoder.encode(JSON.stringify(value)))
}
