import type { IncomingMessage } from 'node:http'

/** One request as it came over the wire. */
export interface RecordedRequest {
  readonly method: string
  /** Request target: path and query. */
  readonly url: string
  /** Lower-case names; repeated ones joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** Names and values exactly as sent, in order. */
  readonly rawHeaders: readonly (readonly [string, string])[]
  readonly body: Buffer
  /** Server name of the TLS handshake; null without TLS or without one. */
  readonly tlsServername: string | null
  /** The client's port: equal for requests on one connection. */
  readonly connection: number
  /** ms since the epoch, when the body was complete. */
  readonly time: number
}

/** Reads the whole body, then hands over the record. A request that breaks off is not one. */
export function readRequest(
  incoming: IncomingMessage,
  tlsServername: string | null,
  done: (request: RecordedRequest) => void,
): void {
  const connection = incoming.socket.remotePort ?? 0
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('error', () => incoming.socket.destroy())
  incoming.on('end', () => {
    const rawHeaders = pairs(incoming.rawHeaders)
    done({
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      headers: joined(rawHeaders),
      rawHeaders,
      body: Buffer.concat(chunks),
      tlsServername,
      connection,
      time: Date.now(),
    })
  })
}

function pairs(flat: readonly string[]): readonly (readonly [string, string])[] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as const] : []))
}

function joined(
  rawHeaders: readonly (readonly [string, string])[],
): Readonly<Record<string, string>> {
  const headers = new Map<string, string>()
  for (const [name, value] of rawHeaders) {
    const before = headers.get(name.toLowerCase())
    headers.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`)
  }
  return Object.fromEntries(headers)
}
