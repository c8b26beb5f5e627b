import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { RawAnswer } from './gate-answer.js'

/** One request as Node's own HTTP client takes it. */
export interface PlainRequest {
  readonly url: URL
  /** Path of the Unix socket; null over TCP. */
  readonly socketPath: string | null
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly signal: AbortSignal
  /** Bytes of an answer's body; a longer one is an error. */
  readonly maxBytes: number
}

/**
 * Sends one request on a connection of its own with Node's HTTP client, for runtimes whose `undici`
 * is none (Bun's has no `Agent.request`). Follows no redirect. Rejects with the system's error;
 * an `AbortError` when `signal` ended it.
 */
export function sendPlain(request: PlainRequest): Promise<RawAnswer> {
  const { url, socketPath, method, headers, body, signal, maxBytes } = request
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const outgoing = send(url, {
      method,
      headers: {
        ...headers,
        ...(body === null ? {} : { 'content-length': Buffer.byteLength(body) }),
      },
      agent: false,
      signal,
      ...(socketPath === null ? {} : { socketPath }),
    })
    outgoing.on('error', (error) => reject(error))
    outgoing.on('response', (answer) => {
      const chunks: Uint8Array[] = []
      let bytes = 0
      answer.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length
        if (bytes <= maxBytes) {
          chunks.push(chunk)
          return
        }
        // First: what has arrived whole would end as an answer all the same.
        reject(new Error(`the answer is longer than ${maxBytes} bytes`))
        outgoing.destroy()
      })
      answer.on('error', (error) => reject(error))
      // A connection that ends early must not leave its caller waiting.
      answer.on('close', () => reject(new Error('the connection ended within the answer')))
      answer.on('end', () => {
        const text = new TextDecoder().decode(Buffer.concat(chunks))
        const retryAfter = answer.headers['retry-after']
        const { date } = answer.headers
        resolve({ statusCode: answer.statusCode ?? 0, retryAfter, date, text })
      })
    })
    outgoing.end(body ?? undefined)
  })
}
