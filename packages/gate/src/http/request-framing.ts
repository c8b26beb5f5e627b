import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { uuidv7 } from '@latchgate/protocol/node'

const STATUS_LINES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Requests of one connection that wait for their answers; whoever sends more does not read them. */
const MAX_PIPELINED = 16

const waitingToContinue = new WeakMap<IncomingMessage, ServerResponse>()

/**
 * Asks a client that waits for it (`Expect: 100-continue`) for the body. Called when the body is
 * wanted and not before: who is refused without it need not send it.
 */
export function askForBody(request: IncomingMessage): void {
  waitingToContinue.get(request)?.writeContinue()
  waitingToContinue.delete(request)
}

/**
 * Answers what never becomes a request, with a JSON body as every other error, and closes the
 * connection: after bytes that do not parse nobody knows where the next request begins.
 */
export function answerBrokenRequests(server: Server, now: () => number): void {
  const running = new WeakMap<object, Set<IncomingMessage>>()
  const broken = new WeakSet<object>()
  const hasAnswersToCome = (socket: Socket): boolean =>
    [...(running.get(socket) ?? [])].some((request) => request.complete)
  const handle = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const requests = running.get(socket) ?? new Set()
    running.set(socket, requests)
    // Each would cost a hundred times the bytes that ask for it, for as long as nobody reads.
    if (requests.size >= MAX_PIPELINED) {
      socket.destroy()
      return
    }
    requests.add(request)
    response.once('close', () => {
      requests.delete(request)
      if (broken.has(socket) && !hasAnswersToCome(socket)) socket.destroySoon()
    })
    for (const listener of handle) listener.call(server, request, response)
  })
  // Nothing is promised about other expectations, so nothing is refused for them (RFC 9110 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waitingToContinue.set(request, response)
    server.emit('request', request, response)
  })
  server.removeAllListeners('clientError')
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // While an earlier request runs, an error would be taken for the answer to that one.
    if (socket.writable && hasAnswersToCome(socket)) {
      broken.add(socket)
      return
    }
    if (!socket.writable) {
      socket.destroy()
      return
    }
    const body = JSON.stringify({
      error: 'bad_request',
      message: 'the request is not valid HTTP/1.1',
      trace_id: uuidv7(now()),
    })
    const status = STATUS_LINES[error.code ?? ''] ?? '400 Bad Request'
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    )
  })
}

/** RFC 9112 3.2: exactly one Host, except in HTTP/1.0. Its value is never looked at. */
export function hasOneHost(request: IncomingMessage): boolean {
  let hosts = 0
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]?.toLowerCase() === 'host') hosts += 1
  }
  return hosts === 1 || (hosts === 0 && request.httpVersion === '1.0')
}
