import { setMaxListeners } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { uuidv7 } from '@latchgate/protocol/node'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Peer } from '../auth/identity.js'
import { readPeerCredentials } from '../auth/peer-credentials.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { ConnectionShares, connectionLimits } from './connection-shares.js'
import { MethodTable } from './method-table.js'
import { peerKey } from './peer-key.js'
import { answerBrokenRequests, hasOneHost } from './request-framing.js'
import { UnreadAnswers } from './unread-answers.js'

/** A request as a route sees it. */
export interface RouteRequest {
  readonly traceId: string
  readonly peer: Peer
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly raw: FastifyRequest['raw']
  /** Aborted when the client has gone, or the listener closes: for those who only wait. */
  readonly gone: () => AbortSignal
}

/** One endpoint: a method, a path with `:parameters`, and what answers it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly handle: (request: RouteRequest) => Promise<Answer>
}

/**
 * An HTTP server for one listener. Bodies are not touched before a handler asks for them: what
 * comes first is decided by the route, not by the framework.
 */
export function createListener(
  services: Services,
  transport: 'unix' | 'tcp',
  routes: readonly Route[],
): FastifyInstance {
  const peers = new WeakMap<Socket, Peer>()
  const methods = new MethodTable(routes)
  const unread = new UnreadAnswers()
  let isClosing = false
  const app = Fastify({
    logger: false,
    routerOptions: { maxParamLength: 1024 },
    exposeHeadRoutes: true,
    forceCloseConnections: 'idle',
    keepAliveTimeout: 72_000,
    requestTimeout: 60_000,
    // The routes say `draining` themselves, in the form of every other error.
    return503OnClosing: false,
    // Node would answer these two itself, without a body.
    http: { requireHostHeader: false, insecureHTTPParser: false },
    // An id of such a length names nothing; a path that does not decode is no path.
    frameworkErrors: (error, _request, reply) => {
      const isLong = error.code === 'FST_ERR_MAX_PARAM_LENGTH'
      const message = 'the path does not decode: percent-encode its UTF-8 form'
      const refusal = isLong ? refuse('not_found') : refuse('bad_request', { message })
      void send(reply, answerError(uuidv7(services.now()), refusal))
    },
  })
  answerBrokenRequests(app.server, services.now)
  const closing = new AbortController()
  // One listener for every request that waits; they are bounded elsewhere.
  setMaxListeners(0, closing.signal)
  app.addHook('preClose', async () => {
    isClosing = true
    closing.abort()
  })
  // A connection that is kept for a next request would keep the server from closing.
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close')
  })
  const shares = new ConnectionShares(connectionLimits())
  app.server.on('connection', (socket: Socket) => {
    try {
      const peer = peerOf(socket, transport)
      // Closed without an answer: one would cost more than the connection.
      if (shares.take(peer.key, socket)) peers.set(socket, peer)
      else socket.destroy()
    } catch (error) {
      // A peer that cannot be named is nobody: it must not be served as somebody.
      services.log.error({ err: error }, 'peer credentials cannot be read: connection closed')
      socket.destroy()
    }
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.addHook('onRequest', async (request, reply) => {
    if (hasOneHost(request.raw)) return
    const message = 'an HTTP/1.1 request has exactly one Host header'
    await send(reply, answerError(uuidv7(services.now()), refuse('bad_request', { message })))
  })
  // A malformed Content-Type would be answered by the framework, with 415, before the route.
  app.addHook('onRequest', async (request) => {
    const declared = request.raw.headers['content-type']
    if (declared === undefined) return
    contentTypes.set(request.raw, declared)
    request.raw.headers['content-type'] = 'application/octet-stream'
  })
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        const traceId = uuidv7(services.now())
        const declared = contentTypes.get(request.raw)
        if (declared !== undefined) request.raw.headers['content-type'] = declared
        const peer = peers.get(request.raw.socket)
        if (peer === undefined) return send(reply, answerError(traceId, refuse('internal_error')))
        const params = request.params as Record<string, string>
        const query = request.query as Record<string, unknown>
        const gone = (): AbortSignal => goneSignal(reply.raw, closing.signal)
        const answer = await guarded(services, traceId, () =>
          route.handle({ traceId, peer, params, query, raw: request.raw, gone }),
        )
        return send(reply, answer, (bytes) => unread.take(peer.key, bytes, reply.raw))
      },
    })
  }
  app.setNotFoundHandler((request, reply) => {
    const traceId = uuidv7(services.now())
    const allowed = methods.allowed(request.raw.url ?? '/')
    if (allowed.length === 0) return send(reply, answerError(traceId, refuse('not_found')))
    const answer = answerError(traceId, refuse('method_not_allowed'))
    return send(reply, { ...answer, headers: { ...answer.headers, allow: allowed.join(', ') } })
  })
  app.setErrorHandler((error, _request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500
    const traceId = uuidv7(services.now())
    if (status >= 500) services.log.error({ trace_id: traceId, err: error }, 'request failed')
    const code = status >= 500 ? 'internal_error' : status === 404 ? 'not_found' : 'bad_request'
    return send(reply, answerError(traceId, refuse(code)))
  })
  return app
}

// Asked for by the few routes that wait, which are not to do so for nobody.
function goneSignal(response: ServerResponse, closing: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  response.once('close', abort)
  closing.addEventListener('abort', abort)
  response.once('close', () => closing.removeEventListener('abort', abort))
  return controller.signal
}

const contentTypes = new WeakMap<object, string>()

async function guarded(
  services: Services,
  traceId: string,
  handle: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await handle()
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code
    services.log.error({ trace_id: traceId, err: error }, 'request failed')
    return answerError(traceId, refuse(isOutage(code) ? code : 'internal_error'))
  }
}

const OUTAGES = ['store_unavailable', 'clock_error', 'replay_cache_unavailable'] as const

// What is broken, where an operator can mend it; anything else is a bug and is not told apart.
function isOutage(code: unknown): code is (typeof OUTAGES)[number] {
  return OUTAGES.some((one) => one === code)
}

function peerOf(socket: Socket, transport: 'unix' | 'tcp'): Peer {
  if (transport === 'tcp') {
    return { transport, credentials: null, key: peerKey(socket.remoteAddress ?? 'unknown') }
  }
  const credentials = readPeerCredentials(socket)
  return { transport, credentials, key: `uid:${credentials.uid}` }
}

function send(
  reply: FastifyReply,
  answer: Answer,
  mayWait: (bytes: number) => boolean = () => true,
): FastifyReply {
  // What was asked about is known to the client already (RFC 9110, 15.4.5).
  const isKnown = answer.status === 304
  const bytes = isKnown ? Buffer.alloc(0) : Buffer.from(JSON.stringify(answer.body))
  // What the answer tells is evidence already, and can be asked for.
  if (!mayWait(bytes.length)) reply.raw.socket?.destroy()
  reply.code(answer.status)
  for (const [name, value] of Object.entries(answer.headers)) reply.header(name, value)
  if (!isWorthReading(reply.request.raw)) reply.header('connection', 'close')
  if (isKnown) return reply.send()
  return reply.header('content-type', 'application/json').send(bytes)
}

/** Bytes of an unread body for which a connection is kept: Node skips them before the next request. */
const MAX_SKIPPED_BYTES = 65_536

// A body that nobody wants must not hold a connection, nor be read to an end that never comes.
function isWorthReading(request: FastifyRequest['raw']): boolean {
  if (request.complete) return true
  const declared = request.headers['content-length']
  return declared !== undefined && Number(declared) <= MAX_SKIPPED_BYTES
}
