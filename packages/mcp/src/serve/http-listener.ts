import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { MAX_LINE_BYTES } from '../line-transport.js'
import { createAgentServer, type SessionLabels } from './agent-server.js'
import type { AgentSide } from './tool-call.js'

/** A listener of the HTTP transport. */
export interface HttpListener {
  /** Where clients post: `http://127.0.0.1:<port>/mcp`. */
  readonly url: string
  close(): Promise<void>
}

const ADDRESS = '127.0.0.1'
const PATH = '/mcp'
/** Sessions at a time; the one that has been silent for longest makes room for a new one. */
const MAX_SESSIONS = 64

/**
 * Serves Streamable HTTP on loopback alone. Every request carries the bearer token; one from a
 * page of a browser, or for a name that only seems to be this machine, is refused before it is read.
 */
export async function listenHttp(
  side: AgentSide,
  labels: SessionLabels,
  token: string,
  port: number,
): Promise<HttpListener> {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const listener = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      side.log('error', `http: ${String(error)}`)
      if (response.headersSent) response.destroy()
      else refuse(response, 500, 'the adapter failed; its log has the cause')
    })
  })
  await listening(listener, port)
  const bound = (listener.address() as AddressInfo).port
  const expected = digest(`Bearer ${token}`)

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refusalOf(request, bound, expected)
    if (refusal !== null) {
      refuse(response, ...refusal)
      return
    }
    const id = request.headers['mcp-session-id']
    const known = typeof id === 'string' ? sessions.get(id) : undefined
    if (id !== undefined && known === undefined) {
      refuse(response, 404, 'there is no such session: initialize a new one')
      return
    }
    if (known !== undefined && typeof id === 'string') {
      // The order of the map is that of use.
      sessions.delete(id)
      sessions.set(id, known)
    }
    await (known ?? (await begin())).handleRequest(request, response)
  }

  async function begin(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      maxRequestBodySize: MAX_LINE_BYTES,
      onsessioninitialized: async (sessionId) => {
        sessions.set(sessionId, transport)
        const [oldest] = sessions
        if (sessions.size > MAX_SESSIONS && oldest !== undefined) await oldest[1].close()
      },
    })
    transport.onclose = () => {
      if (transport.sessionId !== undefined) sessions.delete(transport.sessionId)
    }
    await createAgentServer(side, labels).connect(transport as Transport)
    return transport
  }

  return {
    url: `http://${ADDRESS}:${bound}${PATH}`,
    close: async () => {
      await Promise.all([...sessions.values()].map((transport) => transport.close()))
      const closed = new Promise((resolve) => listener.close(resolve))
      listener.closeAllConnections()
      await closed
    },
  }
}

// Host and origin first: against a page that has its own name resolve to this address, which could
// otherwise try tokens.
function refusalOf(
  { headers, url }: IncomingMessage,
  port: number,
  expected: Buffer,
): readonly [number, string] | null {
  const names = [ADDRESS, 'localhost']
  // Clients leave the port out where it is that of http.
  const hosts = [...names.map((name) => `${name}:${port}`), ...(port === 80 ? names : [])]
  if (headers.host === undefined || !hosts.includes(headers.host)) {
    return [403, `the Host must be one of ${hosts.join(', ')}`]
  }
  const { origin } = headers
  if (origin !== undefined && !hosts.some((host) => origin === `http://${host}`)) {
    return [403, 'requests of web pages of another origin are refused']
  }
  if (!timingSafeEqual(digest(headers.authorization ?? ''), expected)) {
    return [401, 'Authorization: Bearer with the token of this adapter is needed']
  }
  if (url?.split('?')[0] !== PATH) return [404, `the endpoint is ${PATH}`]
  return null
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message } })
  response.writeHead(status, {
    'content-type': 'application/json',
    // What was sent beside a refused request is not read.
    connection: 'close',
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  })
  response.end(body)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function listening(listener: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(port, ADDRESS, () => {
      listener.off('error', reject)
      resolve()
    })
  })
}
