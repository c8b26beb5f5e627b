import type { Socket } from 'node:net'
import koffi from 'koffi'

/** Who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED). */
export interface PeerCredentials {
  readonly uid: number
  readonly gid: number
  readonly pid: number
}

const SOL_SOCKET = 1
const SO_PEERCRED = 17

type GetSockOpt = (
  fd: number,
  level: number,
  option: number,
  value: Buffer,
  length: Buffer,
) => number

let getsockopt: GetSockOpt | undefined

/** True where peer credentials can be had; elsewhere `identity.provider = "peercred"` must not start. */
export function peerCredentialsSupported(): boolean {
  return process.platform === 'linux'
}

/**
 * Reads the credentials of a connected Unix socket. Throws when the kernel refuses or the runtime
 * hides the descriptor: an unknown peer is never taken for a known one.
 */
export function readPeerCredentials(socket: Socket): PeerCredentials {
  if (!peerCredentialsSupported()) throw new Error('peer credentials need Linux')
  getsockopt ??= koffi
    .load(null)
    .func('int getsockopt(int fd, int level, int option, void *value, void *length)') as GetSockOpt
  const value = Buffer.alloc(12)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(12)
  if (getsockopt(descriptorOf(socket), SOL_SOCKET, SO_PEERCRED, value, length) !== 0) {
    throw new Error('getsockopt(SO_PEERCRED) failed')
  }
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) }
}

// Node has no public way to a socket's descriptor; the assertion keeps a changed internal from
// being read as descriptor 0.
function descriptorOf(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { fd?: unknown } })._handle
  const fd = handle?.fd
  if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < 0) {
    throw new Error('the socket has no file descriptor')
  }
  return fd
}
