import type { DPoPKeyPair } from '@latchgate/protocol/node'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { checkDefaultSocket, noGate, notAllowed } from './default-socket.js'
import { LatchGateTransportError } from './errors.js'
import type { GateAddress } from './gate-address.js'
import { type GateAnswer, readAnswer } from './gate-answer.js'
import { type PlainAnswer, sendPlain } from './node-http.js'

/** One request to the gate. */
export interface GateRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** JSON text. */
  readonly body?: string
  readonly agentLabel: string | null
  /** With a token: `Authorization: DPoP` and a proof bound to it. Without: the proof alone. */
  readonly proof?: { readonly key: DPoPKeyPair; readonly token: string | null }
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
  readonly #ownsDispatcher: boolean
  #isClosed = false

  constructor(address: GateAddress, dispatcher: Dispatcher | undefined) {
    this.address = address
    this.dispatcher = dispatcher ?? createDispatcher(address)
    this.#ownsDispatcher = dispatcher === undefined
  }

  /** Sends one request once and reads the whole answer; throws `LatchGateTransportError`. */
  async send(request: GateRequest): Promise<GateAnswer> {
    if (this.#isClosed) throw new LatchGateTransportError('this client is closed')
    // A signal of its own and not undici's timers: it also covers connecting and the body.
    const limit = AbortSignal.timeout(request.timeoutMs)
    const signal = request.signal === undefined ? limit : AbortSignal.any([limit, request.signal])
    try {
      const { statusCode, retryAfter, text } = await this.#exchange(request, signal)
      return readAnswer(statusCode, retryAfter, text)
    } catch (error) {
      throw this.#transportError(error, request, limit.aborted)
    }
  }

  /** Waits for requests under way; a dispatcher of the caller stays open. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#ownsDispatcher && isDispatcher(this.dispatcher)) await this.dispatcher.close()
  }

  async #exchange(request: GateRequest, signal: AbortSignal): Promise<PlainAnswer> {
    const { baseUrl, socketPath, isDefaultSocket } = this.address
    const { origin } = new URL(baseUrl)
    const path = basePath(baseUrl) + request.path
    const { method } = request
    const headers = this.#headers(request)
    const body = request.body ?? null
    if (!isDispatcher(this.dispatcher)) {
      if (socketPath !== null && isDefaultSocket) checkDefaultSocket(socketPath)
      const url = new URL(origin + path)
      return sendPlain({
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
    return { statusCode: answer.statusCode, retryAfter, text }
  }

  #headers(request: GateRequest): Record<string, string> {
    const { proof } = request
    const url = this.address.publicBaseUrl + request.path
    return {
      accept: 'application/json',
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(request.agentLabel === null ? {} : { 'x-latchgate-agent': request.agentLabel }),
      ...(proof === undefined ? {} : proofHeaders(request.method, url, proof)),
    }
  }

  #transportError(error: unknown, request: GateRequest, isLate: boolean): LatchGateTransportError {
    if (error instanceof LatchGateTransportError) return error
    const cause = error instanceof Error ? error : new Error(String(error))
    if (isLate) {
      const detail = `no answer within ${request.timeoutMs} ms; the gate finishes what it has begun`
      return new LatchGateTransportError(detail, {}, { cause })
    }
    if (request.signal?.aborted === true) return abandoned(request.signal)
    const { socketPath } = this.address
    const code = (cause as NodeJS.ErrnoException).code
    if (socketPath !== null && (code === 'ENOENT' || code === 'ECONNREFUSED')) {
      return noGate(socketPath, code, cause)
    }
    if (socketPath !== null && code === 'EACCES') return notAllowed(socketPath, cause)
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

function proofHeaders(
  method: string,
  url: string,
  proof: NonNullable<GateRequest['proof']>,
): Record<string, string> {
  const { key, token } = proof
  if (token === null) return { dpop: key.signProof({ method, url }) }
  return {
    authorization: `DPoP ${token}`,
    dpop: key.signProof({ method, url, accessToken: token }),
  }
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
