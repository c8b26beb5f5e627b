import type { SecureContext } from 'node:tls'
import { Agent, type Dispatcher } from 'undici'
import { JwksFault, MAX_JWKS_BYTES } from './jwks-document.js'

/** Milliseconds within which an issuer has to have answered, connection and body included. */
export const JWKS_TIMEOUT_MS = 5000

/** Gets sets of keys over HTTP: bounded in time and size, no redirects, TLS verified. */
export class JwksClient {
  readonly #secureContext: () => SecureContext
  #agent: Agent | null = null

  constructor(secureContext: () => SecureContext) {
    this.#secureContext = secureContext
  }

  /** The body of a 200. Throws `JwksFault`, or what the network says. */
  async get(url: string): Promise<Uint8Array> {
    const { origin, pathname, search } = new URL(url)
    const { statusCode, headers, body } = await this.#open().request({
      origin,
      path: `${pathname}${search}`,
      method: 'GET',
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(JWKS_TIMEOUT_MS),
    })
    try {
      // Where it leads is not what the operator has configured.
      if (statusCode !== 200) throw new JwksFault(`the answer is ${statusCode}, not 200`)
      if (headers['content-encoding'] !== undefined) {
        throw new JwksFault('the answer is compressed, which was not asked for')
      }
      return await read(body)
    } finally {
      // What is left of a refused body reports its end as an error.
      body.on('error', () => undefined)
      body.destroy()
    }
  }

  async close(): Promise<void> {
    // An answer that is still awaited is of no use to anybody.
    await this.#agent?.destroy()
  }

  // Parsing the trust roots takes tens of milliseconds.
  #open(): Agent {
    this.#agent ??= new Agent({
      connect: {
        secureContext: this.#secureContext(),
        rejectUnauthorized: true,
        timeout: JWKS_TIMEOUT_MS,
      },
      headersTimeout: JWKS_TIMEOUT_MS,
      bodyTimeout: JWKS_TIMEOUT_MS,
      connections: 2,
      pipelining: 0,
    })
    return this.#agent
  }
}

async function read(body: Dispatcher.ResponseData['body']): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > MAX_JWKS_BYTES) {
      throw new JwksFault(`the answer is larger than ${MAX_JWKS_BYTES} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
