import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { listen } from './listening-server.js'
import { createTestCa, type TestCa } from './test-ca.js'

/** What a raw upstream listens with, and what it does with bytes. */
export interface RawUpstreamOptions {
  /** `tcp` (default): no TLS on this side; `tls`: bytes above TLS. */
  readonly transport?: 'tcp' | 'tls'
  readonly ca?: TestCa
  readonly hosts?: readonly string[]
  /** Called for every chunk with everything this connection has sent so far. */
  readonly onBytes?: (received: Buffer, socket: Socket, reset: () => void) => void
  /** Called when a connection (with `tls`: a handshake) is complete. */
  readonly onConnection?: (socket: Socket, reset: () => void) => void
}

/** An upstream that need not speak HTTP, nor anything at all. */
export interface RawUpstream {
  readonly port: number
  readonly address: string
  readonly caPem: string
  /** What each connection has sent, in order of connections. */
  readonly received: readonly Buffer[]
  readonly connectionsOpened: number
  readonly connectionsOpen: number
  close(): Promise<void>
}

/** Starts a TCP or TLS server on a free loopback port. */
export async function startRawUpstream(options: RawUpstreamOptions = {}): Promise<RawUpstream> {
  const ca = options.ca ?? (await createTestCa())
  const received: Buffer[] = []
  const serve = (socket: Socket): void => {
    const index = received.push(Buffer.alloc(0)) - 1
    const { remotePort } = socket
    const reset = (): void => listening.reset(remotePort)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      const sofar = Buffer.concat([received[index] ?? Buffer.alloc(0), chunk])
      received[index] = sofar
      options.onBytes?.(sofar, socket, reset)
    })
    options.onConnection?.(socket, reset)
  }
  const server =
    options.transport === 'tls' ? await tlsServer(ca, options, serve) : createServer(serve)
  const listening = await listen(server)
  return {
    port: listening.port,
    address: `127.0.0.1:${listening.port}`,
    caPem: ca.caPem,
    received,
    get connectionsOpened(): number {
      return listening.connectionsOpened
    },
    get connectionsOpen(): number {
      return listening.connectionsOpen
    },
    close: () => listening.close(),
  }
}

async function tlsServer(
  ca: TestCa,
  options: RawUpstreamOptions,
  serve: (socket: Socket) => void,
): Promise<ReturnType<typeof createTlsServer>> {
  const leaf = await ca.issue(options.hosts ?? ['localhost', '127.0.0.1'])
  return createTlsServer({ key: leaf.keyPem, cert: leaf.certPem }, serve)
}
