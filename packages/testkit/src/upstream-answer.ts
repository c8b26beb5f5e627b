import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { RecordedRequest } from './recorded-request.js'

/** A plain answer. An object body is sent as JSON with its content type. */
export interface Answer {
  /** Default 200. */
  readonly status?: number
  /** Values may be lists, which are sent as repeated headers. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array | object
}

/** For handlers that answer in their own way. */
export interface Wire {
  readonly response: ServerResponse
  /** The connection, beneath HTTP and above TLS: bytes written to it need not be HTTP. */
  readonly socket: Socket
  /** Ends the connection with a TCP reset. */
  reset(): void
}

/** Returns an answer, or nothing when it has used the wire itself. */
export type UpstreamHandler = (
  request: RecordedRequest,
  wire: Wire,
) => Answer | undefined | Promise<Answer | undefined>

/** Runs a handler and sends what it returns. A handler that throws answers 500 with its message. */
export async function writeAnswer(
  handler: UpstreamHandler,
  request: RecordedRequest,
  wire: Wire,
): Promise<void> {
  const answer = await Promise.resolve()
    .then(() => handler(request, wire))
    .catch(
      (error: unknown): Answer => ({ status: 500, body: `test handler failed: ${String(error)}` }),
    )
  if (answer === undefined) return
  const { body = '' } = answer
  const isJson = typeof body === 'object' && !(body instanceof Uint8Array)
  const bytes = isJson ? JSON.stringify(body) : body
  const { response } = wire
  response.statusCode = answer.status ?? 200
  if (isJson) response.setHeader('content-type', 'application/json')
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    response.setHeader(name, typeof value === 'string' ? value : [...value])
  }
  // Also the answer to HEAD, which has a length but no body.
  if (!response.hasHeader('content-length') && !response.hasHeader('transfer-encoding')) {
    response.setHeader('content-length', Buffer.byteLength(bytes))
  }
  response.end(bytes)
}
