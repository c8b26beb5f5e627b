import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A server on a free loopback port that knows every TCP connection made to it. */
export interface ListeningServer {
  readonly port: number
  readonly connectionsOpened: number
  readonly connectionsOpen: number
  /** Ends a peer's connection with a TCP reset, also beneath TLS. */
  reset(remotePort: number | undefined): void
  /** Closes every connection from this side, as a server does with idle ones. */
  closeConnections(): void
  /** Resolves when no connection is open. */
  close(): Promise<void>
}

/** Starts listening on 127.0.0.1 (or another local address). */
export async function listen(server: Server, host = '127.0.0.1'): Promise<ListeningServer> {
  const sockets = new Map<number, Socket>()
  let opened = 0
  server.on('connection', (socket: Socket) => {
    const { remotePort } = socket
    opened += 1
    if (remotePort === undefined) return
    sockets.set(remotePort, socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => sockets.delete(remotePort))
  })
  server.listen(0, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get connectionsOpened(): number {
      return opened
    },
    get connectionsOpen(): number {
      return sockets.size
    },
    reset: (remotePort) => void sockets.get(remotePort ?? -1)?.resetAndDestroy(),
    closeConnections: () => {
      for (const socket of sockets.values()) socket.end()
    },
    close: async () => {
      const ended = [...sockets.values()].map((socket) => {
        const closed = once(socket, 'close')
        socket.destroy()
        return closed
      })
      const closed = once(server, 'close')
      server.close()
      await Promise.all([...ended, closed])
    },
  }
}
