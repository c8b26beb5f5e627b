import { connect as connectTcp, isIP, type Socket } from 'node:net'
import {
  checkServerIdentity,
  connect as connectTls,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { err, ok, type Result } from '@latchgate/protocol'
import type { Cutoff } from './cutoff.js'
import type { Endpoint } from './endpoint.js'
import type { Route } from './port.js'

/** A connection that stands: for https, with a verified peer. */
export interface OpenSocket {
  readonly socket: Socket
  /** DER of the peer's certificate; null without TLS. */
  readonly certificate: Buffer | null
}

/** Why no connection stands: an error of `node:net` or `node:tls`, too slow, or cut. */
export type OpenProblem =
  | { readonly kind: 'error'; readonly error: Error }
  | { readonly kind: 'slow' }
  | { readonly kind: 'cut' }

/**
 * Connects to exactly this address. Server name and certificate check are those of the original
 * host, whatever the address is (design 8).
 *
 * @param secureContext null for plain HTTP
 * @param withinMs for TCP and TLS together
 * @param route see `EgressOptions`
 */
export function openSocket(
  host: string,
  endpoint: Endpoint,
  secureContext: SecureContext | null,
  withinMs: number,
  cutoff: Cutoff,
  route: Route,
): Promise<Result<OpenSocket, OpenProblem>> {
  return new Promise((resolve) => {
    const { ip, port } = route(endpoint)
    const { socket, ready } =
      secureContext === null
        ? { socket: connectTcp({ host: ip, port }), ready: 'connect' }
        : { socket: startTls(host, { ip, port }, secureContext), ready: 'secureConnect' }
    const fail = (problem: OpenProblem): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(err(problem))
    }
    const timer = setTimeout(() => fail({ kind: 'slow' }), withinMs)
    // Stays for the socket's life: an error between two owners must not end the process.
    socket.on('error', (error: Error) => fail({ kind: 'error', error }))
    socket.once('close', () => fail({ kind: 'error', error: new Error('closed') }))
    socket.setNoDelay(true)
    socket.once(ready, () => {
      clearTimeout(timer)
      cutoff.whenCut(() => undefined)
      resolve(ok({ socket, certificate: peerCertificate(socket) }))
    })
    cutoff.whenCut(() => fail({ kind: 'cut' }))
  })
}

function startTls(host: string, { ip, port }: Endpoint, secureContext: SecureContext): TLSSocket {
  return connectTls({
    host: ip,
    port,
    secureContext,
    // Explicit: NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise switch verification off.
    rejectUnauthorized: true,
    checkServerIdentity: (_address, certificate) => checkServerIdentity(host, certificate),
    ALPNProtocols: ['http/1.1'],
    // RFC 6066 3: an address is not a server name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
  })
}

function peerCertificate(socket: Socket): Buffer | null {
  if (!('getPeerX509Certificate' in socket)) return null
  return (socket as TLSSocket).getPeerX509Certificate()?.raw ?? null
}
