import { userInfo } from 'node:os'
import { Agent, type Dispatcher, fetch, type RequestInit } from 'undici'
import type { Answer } from './error-mapping.js'
import { LatchGateTransportError } from './errors.js'

/** What decides the transport (spec/http-api 15.1). */
export interface TransportOptions {
  readonly socket?: string
  readonly baseUrl?: string
  readonly dispatcher?: Dispatcher
}

/** One request of the client. */
export interface OutgoingRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Where requests go, and through what. */
export interface Transport {
  readonly baseUrl: string
  readonly dispatcher: Dispatcher
  readonly ownsDispatcher: boolean
}

/** The client socket of spec/http-api 2.2. */
export function defaultSocket(env: Readonly<Record<string, string | undefined>>): string {
  const runtime = env['XDG_RUNTIME_DIR']
  return runtime === undefined || runtime === ''
    ? `/tmp/latchgate-${userInfo().uid}/gate.sock`
    : `${runtime}/latchgate/gate.sock`
}

/** `baseUrl`, else `LATCHGATE_URL`, else the socket: the variable wins over an explicit socket. */
export function resolveTransport(options: TransportOptions): Transport {
  const url = options.baseUrl ?? process.env['LATCHGATE_URL'] ?? ''
  const baseUrl = url === '' ? 'http://localhost' : url.replace(/\/$/, '')
  if (options.dispatcher !== undefined) {
    return { baseUrl, dispatcher: options.dispatcher, ownsDispatcher: false }
  }
  const socketPath = url === '' ? (options.socket ?? defaultSocket(process.env)) : undefined
  const dispatcher = socketPath === undefined ? new Agent() : new Agent({ connect: { socketPath } })
  return { baseUrl, dispatcher, ownsDispatcher: true }
}

/** Sends one request, follows redirects, reads the whole answer; `timeoutMs` covers all of it. */
export async function send(
  transport: Transport,
  request: OutgoingRequest,
  timeoutMs: number,
): Promise<Answer> {
  const init: RequestInit = {
    method: request.method,
    headers: request.headers,
    dispatcher: transport.dispatcher,
    redirect: 'follow',
    signal: AbortSignal.timeout(timeoutMs),
    ...(request.body === undefined ? {} : { body: request.body }),
  }
  try {
    const response = await fetch(request.url, init)
    return { status: response.status, text: await response.text() }
  } catch (error) {
    throw new LatchGateTransportError(describe(error))
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
