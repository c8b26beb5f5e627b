import { DPoPKeyPair } from '@latchgate/protocol/node'
import { Pool } from 'undici'

/** An answer, with the exact bytes of its body. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The body as JSON; throws when it is not. */
  readonly json: () => Record<string, unknown>
}

/** A request with nothing added to it. */
export interface RawRequest {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** Where a raw client connects: a Unix socket, or a TCP base. */
export type Place = { readonly socket: string } | { readonly base: string }

/** The base that proofs are bound to by default. */
export const PUBLIC_BASE = 'http://localhost:3000'

/** HTTP without any help: what a hostile or a foreign client would send. */
export class RawClient {
  readonly #pool: Pool
  readonly #onAnswer: (request: RawRequest, answer: RawAnswer) => void

  /** @param onAnswer sees each answer before the caller of `send` does */
  constructor(
    place: Place,
    onAnswer: (request: RawRequest, answer: RawAnswer) => void = () => undefined,
  ) {
    this.#onAnswer = onAnswer
    this.#pool =
      'socket' in place
        ? new Pool('http://localhost', { socketPath: place.socket, connections: 64 })
        : new Pool(place.base, { connections: 64 })
  }

  async send(request: RawRequest): Promise<RawAnswer> {
    const { statusCode, headers, body } = await this.#pool.request({
      method: request.method as 'GET',
      path: request.path,
      headers: { ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
    })
    const text = await body.text()
    const answer = {
      status: statusCode,
      headers,
      text,
      json: () => JSON.parse(text) as Record<string, unknown>,
    }
    this.#onAnswer(request, answer)
    return answer
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  /** Ends without waiting for answers. */
  destroy(): Promise<void> {
    return this.#pool.destroy()
  }
}

/** A lease and its key, in the hands of a test. */
export interface HeldLease {
  readonly jwt: string
  readonly key: DPoPKeyPair
  readonly sessionId: string
}

/** Gets a lease as published clients do: no proof, a fresh key. */
export async function takeLease(
  client: RawClient,
  body: Readonly<Record<string, unknown>> = {},
): Promise<HeldLease> {
  const key = await DPoPKeyPair.generate()
  const answer = await client.send({
    method: 'POST',
    path: '/v1/leases',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ scopes: ['tools:call'], dpop_jwk: key.publicJwk, ...body }),
  })
  if (answer.status !== 200) throw new Error(`no lease: ${answer.status} ${answer.text}`)
  const { lease_jwt, session_id } = answer.json()
  return { jwt: String(lease_jwt), key, sessionId: String(session_id) }
}

/** What a test changes about a proof. */
export interface ProofChange {
  readonly method?: string
  readonly url?: string
  readonly token?: string
  readonly key?: DPoPKeyPair
  readonly nowSeconds?: number
  readonly jti?: string
}

/** Credential headers for one request. */
export function credentials(
  lease: HeldLease,
  method: string,
  path: string,
  change: ProofChange = {},
): Record<string, string> {
  const proof = (change.key ?? lease.key).signProof({
    method: change.method ?? method,
    url: change.url ?? `${PUBLIC_BASE}${path}`,
    accessToken: change.token ?? lease.jwt,
    ...(change.nowSeconds === undefined ? {} : { nowSeconds: change.nowSeconds }),
    ...(change.jti === undefined ? {} : { jti: change.jti }),
  })
  return { authorization: `DPoP ${lease.jwt}`, dpop: proof }
}

/** Executes an action with a correct proof. */
export function executeRaw(
  client: RawClient,
  lease: HeldLease,
  action: string,
  params: unknown,
  change: ProofChange = {},
): Promise<RawAnswer> {
  const path = `/v1/actions/${action}/execute`
  const body =
    typeof params === 'string' || params instanceof Uint8Array ? params : JSON.stringify(params)
  const headers = {
    ...credentials(lease, 'POST', path, change),
    'content-type': 'application/json',
  }
  return client.send({ method: 'POST', path, headers, body })
}

/** The time of a proof that is made by a clock of the test's own; nothing for the system's. */
export function secondsOf(now: (() => number) | undefined): { readonly nowSeconds?: number } {
  return now === undefined ? {} : { nowSeconds: Math.floor(now() / 1000) }
}
