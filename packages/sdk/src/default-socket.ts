import { lstatSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import { socketDirectory } from '@latchgate/protocol/node'
import { LatchGateTransportError } from './errors.js'

/** The client socket when nobody names one (spec/http-api 2.2). */
export function defaultSocketPath(
  env: Readonly<Record<string, string | undefined>>,
  uid: number = ownUid(),
): string {
  return join(socketDirectory(env, uid), 'gate.sock')
}

/**
 * Refuses a default socket in a directory that somebody else could have made or could write to:
 * whoever owns that directory can put his own gate there and read every call of this agent
 * (design 10). The mode may be 0700, or 0750 where the operator shares the socket with a group.
 */
export function checkDefaultSocket(socketPath: string, uid: number = ownUid()): void {
  const directory = dirname(socketPath)
  const stats = lstatOrNull(directory)
  if (stats === null) throw noDefaultGate(socketPath, `${directory} does not exist`)
  const fault = directoryFault(stats, uid)
  if (fault !== null) {
    throw new LatchGateTransportError(
      `refusing the gate socket ${socketPath}: ${directory} ${fault}; somebody else could pose as ` +
        'the gate. Remove that directory and start the gate again, or name the socket you trust ' +
        "with the option 'socket'",
    )
  }
  const socket = lstatOrNull(socketPath)
  if (socket === null) throw noDefaultGate(socketPath, 'there is no socket')
  if (!socket.isSocket()) {
    throw new LatchGateTransportError(`refusing ${socketPath}: it is not a socket`)
  }
}

/** What a missing gate means, and what to do about it; `hint` goes on after that. */
export function noGate(
  socketPath: string,
  why: string,
  cause?: unknown,
  hint = '',
): LatchGateTransportError {
  return new LatchGateTransportError(
    `no gate answers on ${socketPath} (${why}): start one with \`latchgate up\`, set LATCHGATE_URL, ` +
      `or name its socket with the option 'socket'${hint}`,
    {},
    cause === undefined ? undefined : { cause },
  )
}

// A gate of a login session has XDG_RUNTIME_DIR; a program that it was not handed on to looks elsewhere.
function noDefaultGate(socketPath: string, why: string): LatchGateTransportError {
  const isFallback = dirname(socketPath).startsWith('/tmp/latchgate-')
  const hint = isFallback
    ? '. XDG_RUNTIME_DIR is not set here: a gate that was started with it listens on ' +
      '$XDG_RUNTIME_DIR/latchgate/gate.sock; hand the variable on to this program'
    : ''
  return noGate(socketPath, why, undefined, hint)
}

/** What it means that a gate cannot be reached over TCP, and what to do about it. */
export function noGateAt(baseUrl: string, why: string, cause: unknown): LatchGateTransportError {
  return new LatchGateTransportError(
    `no gate answers on ${baseUrl} (${why}): start one, or say where it is with LATCHGATE_URL or the ` +
      "option 'baseUrl'",
    {},
    { cause },
  )
}

/** What it means that the system keeps this user from the socket, and what to do about it. */
export function notAllowed(socketPath: string, cause: unknown): LatchGateTransportError {
  return new LatchGateTransportError(
    `this user may not connect to ${socketPath} (EACCES): the gate's configuration lets a group in ` +
      'with `listen_uds_group`, to which this user has to belong',
    {},
    { cause },
  )
}

function directoryFault(stats: Stats, uid: number): string | null {
  if (stats.isSymbolicLink()) return 'is a symbolic link'
  if (!stats.isDirectory()) return 'is not a directory'
  if (stats.uid !== uid) return `belongs to uid ${stats.uid}, not to uid ${uid}`
  // Group may enter and read (0750); nobody but the owner may write, others may do nothing.
  if ((stats.mode & 0o027) !== 0) return `has mode 0${(stats.mode & 0o777).toString(8)}, not 0700`
  return null
}

function lstatOrNull(path: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null
  } catch (cause) {
    throw new LatchGateTransportError(`cannot look at ${path}: ${String(cause)}`, {}, { cause })
  }
}

function ownUid(): number {
  const uid = process.getuid?.()
  if (uid === undefined) {
    throw new LatchGateTransportError(
      'this platform has no Unix sockets with owners: set LATCHGATE_URL or the option baseUrl',
    )
  }
  return uid
}
