import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A request as it arrived. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** What to answer. */
export interface Scripted {
  readonly status: number
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A server that answers what a test says, and leases of a set lifetime. */
export interface RecordingGate {
  readonly url: string
  readonly socket: string
  readonly seen: readonly Seen[]
  leaseSeconds: number
  answer: (request: Seen) => Scripted
  requests(path: string): readonly Seen[]
  stop(): Promise<void>
}

/** Starts one on loopback and on a Unix socket. */
export async function startRecordingGate(): Promise<RecordingGate> {
  const seen: Seen[] = []
  const directory = mkdtempSync(join(tmpdir(), 'lgo-'))
  const socket = join(directory, 'gate.sock')
  const listener = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const { method = '', url: path = '', headers } = request
      const one: Seen = { method, path, headers, text }
      seen.push(one)
      const scripted = path === '/v1/leases' && gate.leaseSeconds > 0 ? lease() : gate.answer(one)
      response.writeHead(scripted.status, scripted.headers)
      response.end(scripted.text)
    })
  })
  const overSocket = createServer((request, response) =>
    listener.emit('request', request, response),
  )
  const lease = (): Scripted => ({
    status: 200,
    text: JSON.stringify({
      lease_jwt: `lease-${seen.length}`,
      session_id: `session-${seen.length}`,
      lease_jti: `jti-${seen.length}`,
      expires_at: new Date(Date.now() + gate.leaseSeconds * 1000).toISOString(),
    }),
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  await new Promise<void>((resolve) => overSocket.listen(socket, resolve))
  const gate: RecordingGate = {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    socket,
    seen,
    leaseSeconds: 300,
    answer: () => ({ status: 404, text: '' }),
    requests: (path) => seen.filter((one) => one.path === path),
    stop: async () => {
      for (const server of [listener, overSocket]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return gate
}
