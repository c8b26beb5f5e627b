import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import type { Message } from './mcp-lines.js'
import { type HttpAdapter, MCP_TOKEN } from './mcp-session.js'

/** An answer of the HTTP transport. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Its messages, from JSON or from an event stream. */
  readonly messages: readonly Message[]
}

/** A request of the HTTP transport; a body that is no text is sent as JSON. */
export interface HttpRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: unknown
  /** Null: none is sent. */
  readonly token?: string | null
}

/** Headers that a client of the protocol sends with a message. */
export const MESSAGE_HEADERS: OutgoingHttpHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

/** Sends one request without a protocol library between, and reads the answer to its end. */
export function sendHttp({ url }: HttpAdapter, given: HttpRequest = {}): Promise<HttpAnswer> {
  const { method = 'POST', path = url.pathname, headers = {}, body, token = MCP_TOKEN } = given
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: url.hostname, port: url.port, path, method, headers: all(headers, token) },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', reject)
        response.on('end', () => {
          const { statusCode = 0, headers: got } = response
          resolve({ status: statusCode, headers: got, text, messages: messagesIn(text, got) })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body))
  })
}

/** An `initialize` of that version. */
export function initializeBody(protocolVersion: unknown = '2025-11-25'): object {
  const clientInfo = { name: 'raw', version: '1' }
  const params = { protocolVersion, capabilities: {}, clientInfo }
  return { jsonrpc: '2.0', id: 'init', method: 'initialize', params }
}

/** Opens a session; the headers that its messages carry. */
export async function openHttpSession(
  adapter: HttpAdapter,
  version = '2025-11-25',
): Promise<OutgoingHttpHeaders> {
  const answer = await sendHttp(adapter, { body: initializeBody(version) })
  const id = answer.headers['mcp-session-id']
  if (typeof id !== 'string') throw new Error(`no session: ${answer.status} ${answer.text}`)
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': version }
  const body = { jsonrpc: '2.0', method: 'notifications/initialized' }
  await sendHttp(adapter, { headers, body })
  return headers
}

function all(headers: OutgoingHttpHeaders, token: string | null): OutgoingHttpHeaders {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
  return { ...MESSAGE_HEADERS, ...authorization, ...headers }
}

function messagesIn(text: string, headers: IncomingHttpHeaders): readonly Message[] {
  const type = headers['content-type'] ?? ''
  if (type.startsWith('application/json')) return [JSON.parse(text) as Message]
  if (!type.startsWith('text/event-stream')) return []
  const lines = text.split('\n').filter((line) => line.startsWith('data: '))
  return lines.map((line) => JSON.parse(line.slice('data: '.length)) as Message)
}
