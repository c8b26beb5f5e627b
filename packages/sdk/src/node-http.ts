import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
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
 * Sends requests with Node's HTTP client, for runtimes whose `undici` is none (Bun's has no
 * `Agent.request`). Keeps connections open between requests; follows no redirect, repeats nothing.
 */
export class PlainHttp {
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({ keepAlive: true }),
  }
  readonly #underWay = new Set<Promise<RawAnswer>>()

  /** Rejects with the system's error; an `AbortError` when `signal` ended it. */
  async send(request: PlainRequest): Promise<RawAnswer> {
    const isTls = request.url.protocol === 'https:'
    const answer = isTls
      ? exchange(requestHttps, this.#agents['https:'], request)
      : exchange(requestHttp, this.#agents['http:'], request)
    this.#underWay.add(answer)
    try {
      return await answer
    } finally {
      this.#underWay.delete(answer)
    }
  }

  /** Waits for requests under way and ends the connections. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }
}

function exchange(
  send: typeof requestHttp,
  agent: HttpAgent,
  { url, socketPath, method, headers, body, signal, maxBytes }: PlainRequest,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = send(url, {
      method,
      headers: {
        ...headers,
        ...(body === null ? {} : { 'content-length': Buffer.byteLength(body) }),
      },
      agent,
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
        const { date, etag } = answer.headers
        resolve({ statusCode: answer.statusCode ?? 0, retryAfter, etag, date, text })
      })
    })
    outgoing.end(body ?? undefined)
  })
}
