import type { DPoPKeyPair } from '@latchgate/protocol/node'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { refusalCode } from './answer-error.js'
import { checkDefaultSocket, noGate, noGateAt, notAllowed } from './default-socket.js'
import { LatchGateTransportError } from './errors.js'
import type { GateAddress } from './gate-address.js'
import { dateOf, type GateAnswer, type RawAnswer, readAnswer } from './gate-answer.js'
import { GateClock } from './gate-clock.js'
import { PlainHttp } from './node-http.js'

/** One request to the gate. */
export interface GateRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** JSON text. */
  readonly body?: string
  readonly agentLabel: string | null
  /** With a token: `Authorization: DPoP` and a proof bound to it. Without: the proof alone. */
  readonly proof?: { readonly key: DPoPKeyPair; readonly token: string | null }
  /** A JWT of an issuer: as `Authorization: Bearer`, or beside a lease in a header of its own. */
  readonly identityToken?: string | null
  /** `ETag` of an answer that is known already: as long as it is the answer, it is a 304. */
  readonly ifNoneMatch?: string | undefined
  readonly timeoutMs: number
  /** The caller's: it ends the wait, not what the gate has begun. */
  readonly signal?: AbortSignal | undefined
}

/** Larger than any output that a gate lets through; more is not from a gate. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** Sends requests to one gate. Connects when the first request is sent; follows no redirect. */
export class GateChannel {
  readonly address: GateAddress
  readonly dispatcher: Dispatcher
  readonly clock: GateClock = new GateClock()
  readonly #ownsDispatcher: boolean
  #plain: PlainHttp | null = null
  #isClosed = false

  constructor(address: GateAddress, dispatcher: Dispatcher | undefined) {
    this.address = address
    this.dispatcher = dispatcher ?? createDispatcher(address)
    this.#ownsDispatcher = dispatcher === undefined
  }

  /**
   * Sends one request and reads the whole answer; throws `LatchGateTransportError`. Sent once, and
   * once more only when its proof was refused while the gate's clock shows another time: whatever
   * the proof was for has not been looked at then.
   */
  async send(request: GateRequest): Promise<GateAnswer> {
    if (this.#isClosed) throw new LatchGateTransportError('this client is closed')
    // A signal of its own and not undici's timers: it also covers connecting and the body.
    const limit = AbortSignal.timeout(request.timeoutMs)
    const signal = request.signal === undefined ? limit : AbortSignal.any([limit, request.signal])
    try {
      const { answer, date } = await this.#sendOnce(request, signal)
      if (request.proof === undefined || refusalCode(answer) !== 'invalid_dpop') return answer
      if (!this.clock.correct(date)) return answer
      return (await this.#sendOnce(request, signal)).answer
    } catch (error) {
      throw this.#transportError(error, request, limit.aborted)
    }
  }

  /** Waits for requests under way; a dispatcher of the caller stays open. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#plain?.close()
    if (this.#ownsDispatcher && isDispatcher(this.dispatcher)) await this.dispatcher.close()
  }

  async #sendOnce(
    request: GateRequest,
    signal: AbortSignal,
  ): Promise<{ readonly answer: GateAnswer; readonly date: number | null }> {
    const raw = await this.#exchange(request, signal)
    const date = dateOf(raw.date)
    const ahead = Math.round(this.clock.differenceMs(date) / 1000)
    return { answer: readAnswer(raw, ahead), date }
  }

  async #exchange(request: GateRequest, signal: AbortSignal): Promise<RawAnswer> {
    const { baseUrl, socketPath, isDefaultSocket } = this.address
    const { origin } = new URL(baseUrl)
    const path = basePath(baseUrl) + request.path
    const { method } = request
    const headers = this.#headers(request)
    const body = request.body ?? null
    if (!isDispatcher(this.dispatcher)) {
      if (socketPath !== null && isDefaultSocket) checkDefaultSocket(socketPath)
      const url = new URL(origin + path)
      this.#plain ??= new PlainHttp()
      return this.#plain.send({
        url,
        socketPath,
        method,
        headers,
        body,
        signal,
        maxBytes: MAX_ANSWER_BYTES,
      })
    }
    const untimed = { headersTimeout: 0, bodyTimeout: 0 }
    const answer = await this.dispatcher.request({
      origin,
      path,
      method,
      headers,
      body,
      signal,
      ...untimed,
    })
    const text = await answer.body.text()
    const retryAfter = firstValue(answer.headers['retry-after'])
    const etag = firstValue(answer.headers['etag'])
    const date = firstValue(answer.headers['date'])
    return { statusCode: answer.statusCode, retryAfter, etag, date, text }
  }

  #headers(request: GateRequest): Record<string, string> {
    const url = this.address.publicBaseUrl + request.path
    return {
      accept: 'application/json',
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(request.agentLabel === null ? {} : { 'x-latchgate-agent': request.agentLabel }),
      ...(request.ifNoneMatch === undefined ? {} : { 'if-none-match': request.ifNoneMatch }),
      ...this.#credentials(request, url),
    }
  }

  #credentials({ method, proof, identityToken }: GateRequest, url: string): Record<string, string> {
    const headers: Record<string, string> = {}
    if (proof !== undefined) {
      const { key, token } = proof
      const nowSeconds = Math.floor(this.clock.now() / 1000)
      const bound = token === null ? {} : { accessToken: token }
      headers['dpop'] = key.signProof({ method, url, nowSeconds, ...bound })
      if (token !== null) headers['authorization'] = `DPoP ${token}`
    }
    if (typeof identityToken !== 'string') return headers
    // One `Authorization` at most: beside a lease the token has a header of its own.
    if (headers['authorization'] === undefined) headers['authorization'] = `Bearer ${identityToken}`
    else headers['x-latchgate-identity-token'] = identityToken
    return headers
  }

  #transportError(error: unknown, request: GateRequest, isLate: boolean): LatchGateTransportError {
    if (error instanceof LatchGateTransportError) return error
    const cause = error instanceof Error ? error : new Error(String(error))
    if (isLate) {
      const detail =
        `no answer within ${request.timeoutMs} ms; the gate finishes what it has begun: see ` +
        '`latchgate status`, or raise timeoutMs'
      return new LatchGateTransportError(detail, {}, { cause })
    }
    if (request.signal?.aborted === true) return abandoned(request.signal)
    const { socketPath } = this.address
    const code = (cause as NodeJS.ErrnoException).code
    if (socketPath !== null && (code === 'ENOENT' || code === 'ECONNREFUSED')) {
      return noGate(socketPath, code, cause)
    }
    if (socketPath !== null && code === 'EACCES') return notAllowed(socketPath, cause)
    if (socketPath === null && (code === 'ECONNREFUSED' || code === 'ENOTFOUND')) {
      return noGateAt(this.address.baseUrl, describe(cause), cause)
    }
    return new LatchGateTransportError(describe(cause), {}, { cause })
  }
}

/** Throws when the caller has given up, and says what that means for the gate. */
export function throwIfAbandoned(
  signal: AbortSignal | undefined,
  consequence = 'nothing was sent',
): void {
  if (signal?.aborted === true) throw abandoned(signal, consequence)
}

function abandoned(
  { reason }: AbortSignal,
  consequence = 'the gate finishes what it has begun',
): LatchGateTransportError {
  const detail = `aborted by the caller; ${consequence}`
  return new LatchGateTransportError(detail, {}, { cause: reason })
}

// Bun puts a module of its own in place of undici, whose agents cannot send anything.
function isDispatcher(dispatcher: Dispatcher): boolean {
  return typeof dispatcher.request === 'function'
}

function createDispatcher(address: GateAddress): Dispatcher {
  const { socketPath, isDefaultSocket } = address
  const options = { maxResponseSize: MAX_ANSWER_BYTES }
  if (socketPath === null) return new Agent(options)
  const connect = buildConnector({ socketPath })
  if (!isDefaultSocket) return new Agent({ ...options, connect })
  return new Agent({
    ...options,
    // Before every connection, not once: the directory can be swapped while the client lives.
    connect: (target, callback) => {
      try {
        checkDefaultSocket(socketPath)
      } catch (error) {
        callback(error instanceof Error ? error : new Error(String(error)), null)
        return
      }
      connect(target, callback)
    },
  })
}

function basePath(baseUrl: string): string {
  return new URL(baseUrl).pathname.replace(/\/+$/, '')
}

function firstValue(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0]
}

// A failed connect to a name with several addresses is an AggregateError without a message.
function describe(error: Error): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; ')
  }
  return error.message === '' ? error.name : error.message
}
