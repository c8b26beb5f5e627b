import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import type { Answer, UpstreamHandler } from './upstream-answer.js'

const TEN_GIB = 10 * 2 ** 30

/** Answers, but not before `ms` have passed. */
export function slowHeaders(ms: number, answer: Answer = { body: {} }): UpstreamHandler {
  return async () => {
    await sleep(ms)
    return answer
  }
}

/** Sends headers at once and the body in pieces, each `everyMs` after the other. */
export function drip(pieces: readonly string[], everyMs: number): UpstreamHandler {
  return async (_request, { response }) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.flushHeaders()
    for (const piece of pieces) {
      await sleep(everyMs)
      if (response.destroyed) return
      response.write(piece)
    }
    response.end()
  }
}

/** Reads the request and says nothing. */
export function neverAnswers(): UpstreamHandler {
  return () => undefined
}

/** Resets the connection before any byte of an answer. */
export function resetBeforeAnswer(): UpstreamHandler {
  return (_request, { reset }) => {
    reset()
  }
}

/** Sends status and headers that promise a body, then resets. */
export function resetAfterHeaders(): UpstreamHandler {
  return resetMidBody('', 100)
}

/**
 * Sends the beginning of a body, then resets. With `promised` bytes of Content-Length, or, when
 * that is null, with a body that lasts until the connection closes.
 */
export function resetMidBody(begun: string, promised: number | null): UpstreamHandler {
  return async (_request, { socket, reset }) => {
    const framing = promised === null ? 'connection: close' : `content-length: ${promised}`
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n${framing}\r\n\r\n${begun}`)
    // The reset would overtake bytes that the peer has not read yet.
    await sleep(50)
    reset()
  }
}

/** Sends a body without an end (or of `totalBytes`) as fast as the client reads it. */
export function endlessBody(totalBytes: number = TEN_GIB): UpstreamHandler {
  return async (_request, { response }) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    const chunk = Buffer.alloc(65_536, 'a')
    for (let sent = 0; sent < totalBytes && !response.destroyed; sent += chunk.length) {
      if (!response.write(chunk)) await drainedOrGone(response)
    }
    response.end()
  }
}

/** Content codings that an answer can be sent in. */
export type Coding = 'gzip' | 'deflate' | 'br'

/** Sends a body compressed by each coding in turn, and says so in Content-Encoding. */
export function compressed(
  body: string | Uint8Array,
  codings: readonly Coding[],
  headers: Readonly<Record<string, string>> = {},
): UpstreamHandler {
  return () => ({
    headers: { ...headers, 'content-encoding': codings.join(', ') },
    body: codings.reduce<Buffer>((bytes, coding) => compress(bytes, coding), Buffer.from(body)),
  })
}

/** A small body that decodes to `decodedBytes` zeros. */
export function bomb(decodedBytes: number, coding: Coding = 'gzip'): UpstreamHandler {
  const body = compress(Buffer.alloc(decodedBytes), coding)
  return () => ({ headers: { 'content-encoding': coding }, body })
}

/** Announces another length than it sends; the connection closes after a body that is too short. */
export function wrongContentLength(declared: number, body: string): UpstreamHandler {
  return (_request, { socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${declared}\r\n\r\n${body}`)
    if (Buffer.byteLength(body) < declared) socket.end()
  }
}

/** Sends these bytes instead of an HTTP answer and leaves the connection open. */
export function rawAnswer(bytes: string | Uint8Array): UpstreamHandler {
  return (_request, { socket }) => {
    socket.write(bytes)
  }
}

/** Sends a header block of about this size. */
export function giantHeaders(bytes: number): UpstreamHandler {
  const lines = Array.from({ length: Math.ceil(bytes / 1_000) }, (_, n) => {
    return `x-giant-${n}: ${'a'.repeat(980)}\r\n`
  })
  return rawAnswer(`HTTP/1.1 200 OK\r\n${lines.join('')}content-length: 0\r\n\r\n`)
}

/** Points elsewhere. */
export function redirect(location: string, status = 302): UpstreamHandler {
  return () => ({ status, headers: { location } })
}

/** Answers once, promising keep-alive, and closes the connection behind the answer. */
export function closeAfterAnswer(body = '{}'): UpstreamHandler {
  return (_request, { socket }) => {
    const head = `HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: ${body.length}`
    socket.end(`${head}\r\n\r\n${body}`)
  }
}

/** How a request is written into the answer that echoes it. */
export type EchoForm = 'text' | 'base64' | 'url'

/**
 * Sends the request's headers and body back, as an upstream does that would leak an injected
 * secret: in a header of the answer or in its body, plain, in base64 or percent-encoded.
 */
export function echo(place: 'header' | 'body', form: EchoForm = 'text'): UpstreamHandler {
  return (request) => {
    const lines = request.rawHeaders.map(([name, value]) => `${name}: ${value}`)
    const seen = [`${request.method} ${request.url}`, ...lines, request.body.toString()].join('\n')
    const encoded = encode(seen, form)
    if (place === 'body') return { headers: { 'content-type': 'text/plain' }, body: encoded }
    return { headers: { 'x-echo': encoded.replaceAll('\n', ' ') }, body: {} }
  }
}

function encode(text: string, form: EchoForm): string {
  if (form === 'base64') return Buffer.from(text).toString('base64')
  return form === 'url' ? encodeURIComponent(text) : text
}

function compress(bytes: Uint8Array, coding: Coding): Buffer {
  if (coding === 'gzip') return gzipSync(bytes)
  if (coding === 'deflate') return deflateSync(bytes)
  // The best quality takes seconds for the size of a bomb.
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })
}

function drainedOrGone(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go)
      resolve()
    }
    response.on('drain', go).on('close', go)
  })
}
