import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { Client, type Dispatcher } from 'undici'
import type { OpenSocket } from './open-socket.js'

/** Longest header block that is read, names and values together. */
export const MAX_HEADER_BYTES = 32_768

/** What a connection is for, and how long it is kept. */
export interface PinnedConnectionOptions {
  /** `scheme://host:port` with the original name: it becomes the Host header. */
  readonly origin: string
  /** Where the connection may be reused; see `poolKey`. */
  readonly poolKey: string
  /** `ip:port`. */
  readonly address: string
  /** How long after the last request the connection is kept. */
  readonly idleMs: number
}

/**
 * One HTTP/1.1 client on one socket that is already connected and verified. It cannot connect
 * again: a client that could would resend, or leave the vetted address.
 */
export class PinnedConnection {
  readonly poolKey: string
  readonly address: string
  /** SHA-256 of the peer's certificate, hex; null without TLS. */
  readonly certificateSha256: string | null
  readonly #socket: Socket
  readonly #client: Client
  #handedOver = false
  #ended = false

  constructor(open: OpenSocket, options: PinnedConnectionOptions) {
    this.poolKey = options.poolKey
    this.address = options.address
    this.certificateSha256 =
      open.certificate === null ? null : createHash('sha256').update(open.certificate).digest('hex')
    this.#socket = open.socket
    this.#client = new Client(options.origin, {
      connect: (_options, callback) => this.#handOver(callback),
      pipelining: 1,
      maxHeaderSize: MAX_HEADER_BYTES,
      // The call's own cutoff covers both.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: options.idleMs,
      keepAliveMaxTimeout: options.idleMs,
      keepAliveTimeoutThreshold: 1_000,
    })
  }

  /** False once the socket has ended: nothing can be sent any more. */
  get usable(): boolean {
    return !this.#ended && !this.#socket.destroyed
  }

  /** Why the connection broke; null when it stands or ended in order. */
  get fault(): Error | null {
    return this.#socket.errored
  }

  /** Calls once when the socket has closed, whoever closed it. */
  onEnd(ended: () => void): void {
    this.#socket.once('close', ended)
  }

  /** Starts a request; the handler hears of every outcome, also of one before any byte was sent. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(options, handler)
  }

  /** Closes the socket now. A running request fails. Resolves when the socket has closed. */
  async destroy(): Promise<void> {
    this.#ended = true
    if (!this.#handedOver) this.#socket.destroy()
    await this.#client.destroy()
  }

  #handOver(callback: (...args: [Error, null] | [null, Socket]) => void): void {
    // The client expects the answer after its own call has returned.
    queueMicrotask(() => {
      if (this.#handedOver || this.#socket.destroyed) {
        const ended = new Error('the pinned connection has ended')
        return callback(this.#socket.errored ?? Object.assign(ended, { code: 'ECONNRESET' }), null)
      }
      this.#handedOver = true
      callback(null, this.#socket)
    })
  }
}

/**
 * Connections are reused only for the same principal, origin and address: what one principal's
 * connection carried (client state at the upstream, a half-read answer) stays its own.
 */
export function poolKey(principal: string, origin: string, address: string): string {
  return JSON.stringify([principal, origin, address])
}
