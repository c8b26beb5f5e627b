import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { LeaseClaims } from '@latchgate/protocol'
import {
  generateLeaseKeyPem,
  importP256Jwk,
  type LeaseKey,
  loadLeaseKey,
  ProofKeyCache,
  signLease,
  uuidv7,
  verifyDpopProof,
  verifyLease,
} from '@latchgate/protocol/node'

/** A request as the double saw it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly text: string
  /** Session of the lease, when the request carried a good one. */
  readonly sessionId: string | null
}

/** What the double answers; `raw` replaces the JSON. `hang`: never. `reset`: cuts the connection. */
export interface DoubleAnswer {
  readonly status: number
  readonly json?: unknown
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly delayMs?: number
  readonly end?: 'hang' | 'reset'
}

type Handler = (request: SeenRequest) => DoubleAnswer

/** Seconds after expiry during which a lease can be renewed (design 10). */
const RENEWAL_GRACE_SECONDS = 3600

/**
 * Stands for the gate: issues and renews real leases, checks every proof in full, answers with what
 * a test prepared.
 */
export class GateDouble {
  readonly seen: SeenRequest[] = []
  readonly proofKeys: ProofKeyCache = new ProofKeyCache()
  ttlSeconds = 300
  leaseHandler: Handler | null = null
  /** Milliseconds that the next answers to requests for leases are held back. */
  readonly leaseDelaysMs: number[] = []
  /** Only what the gate of a test configures: the public URL, and the alias on a Unix socket. */
  htuBases: readonly string[] = []
  isReference = false
  /** Seconds that the gate's clock is ahead of this machine's: proofs are judged, answers dated by it. */
  clockAheadSeconds = 0
  /** Without `Date` in its answers, as behind some proxies. */
  hasDate = true
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #news = new EventEmitter()
  readonly #handlers = new Map<string, Handler>()
  readonly #usedJtis = new Set<string>()
  readonly #usedTokens = new Set<string>()
  #leaseKey: LeaseKey = loadLeaseKey(generateLeaseKeyPem())
  #aheadSeconds = 0
  readonly #socketPath: string | null

  private constructor(socketPath: string | null) {
    this.#socketPath = socketPath
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.statusCode = 599
        response.end(String(error))
      })
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        this.#news.emit('news')
      })
    })
  }

  static async onTcp(): Promise<GateDouble> {
    const double = new GateDouble(null)
    await new Promise<void>((resolve) => double.#server.listen(0, '127.0.0.1', resolve))
    double.htuBases = [double.url]
    return double
  }

  static async onSocket(path: string): Promise<GateDouble> {
    const double = new GateDouble(path)
    await new Promise<void>((resolve) => double.#server.listen(path, resolve))
    double.htuBases = ['http://localhost:3000', 'http://localhost']
    return double
  }

  get url(): string {
    if (this.#socketPath !== null) return 'http://localhost'
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** Resolves once this holds; it is looked at whenever a request has come or a connection has ended. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this.#news, 'news')
  }

  /** What `POST …/execute` answers, for every action. */
  onExecute(handler: Handler | DoubleAnswer): void {
    this.#handlers.set('execute', typeof handler === 'function' ? handler : () => handler)
  }

  /** What a GET of this path answers, with any query unless the path names one. */
  onGet(path: string, handler: Handler | DoubleAnswer): void {
    this.#handlers.set(path, typeof handler === 'function' ? handler : () => handler)
  }

  requests(path: string): readonly SeenRequest[] {
    return this.seen.filter((request) => request.path === path)
  }

  /** A restart with a new lease key: every lease becomes `invalid_lease`. */
  forgetLeases(): void {
    this.#leaseKey = loadLeaseKey(generateLeaseKeyPem())
  }

  /** Lets time pass for the gate alone; proofs are still judged by the real clock. */
  advance(seconds: number): void {
    this.#aheadSeconds += seconds
  }

  /** Ends idle connections, as a restart would. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.dropConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const method = incoming.method ?? ''
    const path = incoming.url ?? ''
    const needsLease =
      path.endsWith('/execute') || /^\/v1\/(receipts|approvals)(\/|\?|$)/.test(path)
    const auth = this.#authenticate(incoming, method, path)
    const request: SeenRequest = {
      method,
      path,
      headers: incoming.headers,
      text: Buffer.concat(chunks).toString(),
      sessionId: 'claims' in auth ? auth.claims.session_id : null,
    }
    this.seen.push(request)
    this.#news.emit('news')
    const refused = needsLease && 'code' in auth ? error(401, auth.code) : null
    response.sendDate = false
    if (this.hasDate) {
      const now = new Date(Date.now() + this.clockAheadSeconds * 1000)
      response.setHeader('date', now.toUTCString())
    }
    send(response, refused ?? this.#route(request))
  }

  #route(request: SeenRequest): DoubleAnswer {
    if (request.path === '/v1/leases') {
      const answer = this.leaseHandler?.(request) ?? this.#lease(request)
      const delayMs = this.leaseDelaysMs.shift()
      return delayMs === undefined ? answer : { ...answer, delayMs }
    }
    const key = request.path.endsWith('/execute') ? 'execute' : request.path
    const handler = this.#handlers.get(key) ?? this.#handlers.get(key.replace(/\?.*/, ''))
    return handler?.(request) ?? { status: 404, raw: '' }
  }

  #lease(request: SeenRequest): DoubleAnswer {
    const body = JSON.parse(request.text) as {
      dpop_jwk: unknown
      scopes: string[]
      budgets?: object
    }
    const key = importP256Jwk(body.dpop_jwk)
    if (!key.ok) return error(400, 'invalid_request')
    const { authorization = '', dpop } = request.headers
    const bearer = /^Bearer (.*)$/.exec(authorization)?.[1]
    const renewalToken = request.headers['x-latchgate-identity-token']
    const token = bearer ?? (typeof renewalToken === 'string' ? renewalToken : undefined)
    if (token !== undefined && this.#usedTokens.has(token)) {
      return error(401, 'identity_unauthenticated', { message: 'this token was used before' })
    }
    let old: LeaseClaims | null = null
    if (dpop !== undefined && !authorization.startsWith('DPoP ')) {
      const code = this.#checkProof(dpop, 'POST', request.path, null, key.value.jkt)
      if (code !== null) return error(401, code, { deny_reason: 'the proof does not fit' })
    } else if (authorization !== '' && !this.isReference) {
      const renewed = this.#checkLease(authorization, request.headers['dpop'], 'POST', request.path)
      if ('code' in renewed) return error(401, renewed.code)
      old = renewed.claims
      if (old.cnf.jkt !== key.value.jkt) return error(400, 'invalid_request')
    }
    if (token !== undefined) this.#usedTokens.add(token)
    const now = this.#now()
    const claims: LeaseClaims = {
      iss: 'latchgate',
      sub: 'agent',
      aud: 'latchgate',
      exp: now + this.ttlSeconds,
      nbf: now,
      iat: now,
      jti: uuidv7(),
      session_id: old?.session_id ?? uuidv7(),
      scope: old?.scope ?? body.scopes,
      cnf: { jkt: key.value.jkt },
      epoch: 0,
      idm: 'none',
    }
    return {
      status: 200,
      json: {
        lease_jwt: signLease(claims, this.#leaseKey),
        session_id: claims.session_id,
        lease_jti: claims.jti,
        expires_at: new Date((claims.exp - this.#aheadSeconds) * 1000).toISOString(),
      },
    }
  }

  #now(): number {
    return Math.floor(Date.now() / 1000) + this.clockAheadSeconds + this.#aheadSeconds
  }

  #authenticate(
    incoming: IncomingMessage,
    method: string,
    path: string,
  ): { readonly claims: LeaseClaims } | { readonly code: string } {
    const { authorization, dpop } = incoming.headers
    if (path === '/v1/leases' || authorization === undefined) return { code: 'missing_auth_header' }
    const lease = this.#checkLease(authorization, dpop, method, path)
    if ('code' in lease) return lease
    const isOld = lease.claims.exp < this.#now()
    return isOld ? { code: 'lease_expired' } : lease
  }

  #checkLease(
    authorization: string,
    dpop: string | string[] | undefined,
    method: string,
    path: string,
  ): { readonly claims: LeaseClaims } | { readonly code: string } {
    const now = this.#now()
    const token = authorization.replace(/^DPoP /, '')
    const lease = verifyLease(token, new Map([[this.#leaseKey.kid, this.#leaseKey]]), now)
    const { claims } = lease
    if (claims === undefined) return { code: lease.ok ? 'invalid_lease' : lease.code }
    if (claims.exp + RENEWAL_GRACE_SECONDS < now) return { code: 'lease_expired' }
    const code = this.#checkProof(dpop, method, path, token, claims.cnf.jkt)
    return code === null ? { claims } : { code }
  }

  #checkProof(
    dpop: string | string[] | undefined,
    method: string,
    path: string,
    token: string | null,
    jkt: string,
  ): string | null {
    const verdict = verifyDpopProof(
      typeof dpop === 'string' ? dpop : '',
      {
        method,
        // RFC 9449 4.2: without the query.
        urls: this.htuBases.map((base) => base + path.replace(/\?.*/, '')),
        token,
        jkt,
        nowSeconds: Math.floor(Date.now() / 1000) + this.clockAheadSeconds,
      },
      this.proofKeys,
    )
    if (!verdict.ok) return 'invalid_dpop'
    if (this.#usedJtis.has(verdict.jti)) return 'replay_detected'
    this.#usedJtis.add(verdict.jti)
    return null
  }
}

/** An error body of the gate. */
export function error(status: number, code: string, members: object = {}): DoubleAnswer {
  return { status, json: { error: code, ...members } }
}

/** A 200 of execute. */
export function executed(members: object = {}): DoubleAnswer {
  return {
    status: 200,
    json: {
      decision: 'executed',
      trace_id: 'trace-1',
      action_id: 'http_fetch',
      grant_id: 'grant-1',
      receipt_id: 'receipt-1',
      output: { ok: true, data: { status_code: 200 } },
      verification_outcome: 'verified',
      verification: { outcome: 'verified', is_fully_successful: true },
      runtime: { duration_ms: 3, exit_code: 0, fuel_consumed: 10 },
      ...members,
    },
  }
}

function send(response: ServerResponse, answer: DoubleAnswer): void {
  if (answer.end === 'hang') return
  if (answer.end === 'reset') {
    response.socket?.resetAndDestroy()
    return
  }
  const finish = (): void => {
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(answer.raw ?? (answer.json === undefined ? '' : JSON.stringify(answer.json)))
  }
  if (answer.delayMs === undefined) finish()
  else setTimeout(finish, answer.delayMs)
}
