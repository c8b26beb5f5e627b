import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureVersion, TLSSocket } from 'node:tls'
import { type ListeningServer, listen } from './listening-server.js'
import { type RecordedRequest, readRequest } from './recorded-request.js'
import { createTestCa, type TestCa } from './test-ca.js'
import { type UpstreamHandler, writeAnswer } from './upstream-answer.js'

/** What a recording upstream listens with. */
export interface UpstreamOptions {
  /** Default `https`. */
  readonly scheme?: 'http' | 'https'
  /** Signs the certificate; without one the upstream makes its own. */
  readonly ca?: TestCa
  /** Names and addresses in the certificate. Default `localhost` and `127.0.0.1`. */
  readonly hosts?: readonly string[]
  /** The certificate's last moment, ms since the epoch. Default: tomorrow. */
  readonly notAfter?: number
  /** Highest TLS version offered. */
  readonly maxTlsVersion?: SecureVersion
  /** Answers what no `on` route matches. Default: 200 with `{}`. */
  readonly handler?: UpstreamHandler
  /** Local address. Default 127.0.0.1. */
  readonly listenOn?: string
}

/** An upstream that writes down everything it receives. */
export interface Upstream {
  readonly scheme: 'http' | 'https'
  /** `https://localhost:<port>`, no trailing slash. */
  readonly url: string
  readonly port: number
  /** `ip:port`, the right-hand side of `[egress.unsafe_resolve]`. */
  readonly address: string
  /** The trust root; for plain HTTP of a CA that signed nothing here. */
  readonly caPem: string
  /** SHA-256 of the server certificate's DER form in hex; null for plain HTTP. */
  readonly certificateSha256: string | null
  /** In order of arrival; complete ones only. */
  readonly requests: readonly RecordedRequest[]
  /** Header blocks received: also those of requests whose body never came. */
  readonly requestsStarted: number
  /** TCP connections ever accepted, whether or not TLS succeeded. */
  readonly connectionsOpened: number
  readonly connectionsOpen: number
  /** Answers a method (or `*`) and exact path, without the query. The last registration wins. */
  on(method: string, path: string, handler: UpstreamHandler): void
  /** Forgets the recorded requests. */
  clear(): void
  /** Closes all connections from the upstream's side but goes on listening. */
  closeConnections(): void
  close(): Promise<void>
}

/** Starts an upstream on a free loopback port. Close it at the end of the test. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const scheme = options.scheme ?? 'https'
  const ca = options.ca ?? (await createTestCa())
  const leaf =
    scheme === 'http'
      ? null
      : await ca.issue(
          options.hosts ?? ['localhost', '127.0.0.1'],
          options.notAfter === undefined ? {} : { notAfter: options.notAfter },
        )
  const recorder = new Recorder(options.handler ?? (() => ({ body: {} })))
  const limits = { keepAliveTimeout: 60_000, requestTimeout: 0, maxHeaderSize: 262_144 }
  const server: Server =
    leaf === null
      ? createHttpServer(limits, recorder.listener)
      : createHttpsServer(
          {
            ...limits,
            key: leaf.keyPem,
            cert: leaf.certPem,
            ...(options.maxTlsVersion === undefined ? {} : oldTls(options.maxTlsVersion)),
          },
          recorder.listener,
        )
  const host = options.listenOn ?? '127.0.0.1'
  const listening = await listen(server, host)
  recorder.attach(listening)
  const authority = host.includes(':') ? `[${host}]` : host
  return {
    scheme,
    url: `${scheme}://localhost:${listening.port}`,
    port: listening.port,
    address: `${authority}:${listening.port}`,
    caPem: ca.caPem,
    certificateSha256: leaf?.sha256 ?? null,
    requests: recorder.requests,
    get requestsStarted(): number {
      return recorder.started
    },
    get connectionsOpened(): number {
      return listening.connectionsOpened
    },
    get connectionsOpen(): number {
      return listening.connectionsOpen
    },
    on: (method, path, handler) => recorder.routes.set(`${method} ${path}`, handler),
    clear: () => recorder.requests.splice(0),
    closeConnections: () => listening.closeConnections(),
    close: () => listening.close(),
  }
}

// Versions before 1.2 need weaker ciphers than the library offers by default.
function oldTls(maxVersion: SecureVersion): object {
  return { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' }
}

class Recorder {
  readonly routes = new Map<string, UpstreamHandler>()
  readonly requests: RecordedRequest[] = []
  started = 0
  readonly #fallback: UpstreamHandler
  #server: ListeningServer | null = null

  constructor(fallback: UpstreamHandler) {
    this.#fallback = fallback
  }

  attach(server: ListeningServer): void {
    this.#server = server
  }

  readonly listener: RequestListener = (incoming, response) => {
    this.started += 1
    const { socket } = incoming
    // A client that hangs up is a test's business, not this server's.
    response.on('error', () => socket.destroy())
    readRequest(incoming, serverName(socket), (request) => {
      this.requests.push(request)
      const path = request.url.split('?')[0] ?? ''
      const handler =
        this.routes.get(`${request.method} ${path}`) ??
        this.routes.get(`* ${path}`) ??
        this.#fallback
      void writeAnswer(handler, request, {
        response,
        socket,
        reset: () => this.#server?.reset(socket.remotePort),
      })
    })
  }
}

function serverName(socket: Socket): string | null {
  const { servername } = socket as Partial<TLSSocket> & { readonly servername?: string | false }
  return typeof servername === 'string' && servername !== '' ? servername : null
}
