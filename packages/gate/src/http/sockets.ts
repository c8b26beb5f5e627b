import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { shellWord } from '@latchgate/protocol'
import { StartupError } from '../config/posture.js'

/** Longest path of a Unix socket that the kernel takes. */
const MAX_SOCKET_PATH_BYTES = 107

/**
 * Makes the directory of a socket safe to use: ours, no symbolic link, 0700 (0750 for a named
 * group). An existing directory that is not is refused: somebody else could swap the socket.
 */
export function prepareSocketDirectory(path: string, uid: number, group: string | undefined): void {
  assertSocketPath(path)
  const directory = dirname(path)
  makeDirectory(directory)
  assertOwnDirectory(directory, uid)
  if (group !== undefined) {
    chownSync(directory, uid, groupId(group))
    chmodSync(directory, 0o750)
    return
  }
  assertClosed(directory)
}

/**
 * What `prepareSocketDirectory` and the binding would refuse, found without making or changing
 * anything. Throws `StartupError`. Whether somebody listens there is another question.
 */
export function inspectSocket(path: string, uid: number, group: string | undefined): void {
  assertSocketPath(path)
  if (group !== undefined) groupId(group)
  const directory = dirname(path)
  if (!isThere(directory)) {
    assertCanBeMade(directory)
    return
  }
  assertOwnDirectory(directory, uid)
  if (group === undefined) assertClosed(directory)
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats !== undefined && !stats.isSocket()) throw refused(`${path} exists and is not a socket`)
}

// Also a link that leads nowhere: nothing can be made in its place.
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false
    throw error
  }
}

function assertSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return
  throw refused(`the socket path ${path} is longer than ${MAX_SOCKET_PATH_BYTES} bytes`)
}

function assertOwnDirectory(directory: string, uid: number): void {
  const stats = lstatSync(directory)
  if (!stats.isDirectory()) throw refused(`${directory} is not a directory (a symbolic link?)`)
  if (stats.uid === uid) return
  throw refused(`${directory} belongs to uid ${stats.uid}, not to the gate's uid ${uid}`)
}

function assertClosed(directory: string): void {
  const { mode } = lstatSync(directory)
  if ((mode & 0o077) === 0) return
  const shown = (mode & 0o777).toString(8)
  throw refused(`${directory} has mode 0${shown}: run \`chmod 700 ${shellWord(directory)}\``)
}

function assertCanBeMade(directory: string): void {
  let parent = dirname(directory)
  while (!existsSync(parent) && dirname(parent) !== parent) parent = dirname(parent)
  try {
    if (!statSync(parent).isDirectory()) throw new Error(`${parent} is not a directory`)
    accessSync(parent, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw cannotBeMade(directory, cause)
  }
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw cannotBeMade(directory, cause)
  }
}

function cannotBeMade(directory: string, cause: unknown): StartupError {
  const why = cause instanceof Error ? cause.message : String(cause)
  // After su or sudo the variable still names the runtime directory of the other user.
  return refused(
    `the socket's directory ${directory} cannot be made (${why}): if XDG_RUNTIME_DIR is another ` +
      "user's, unset it; otherwise set `listen_uds_path` and `listen_admin_uds_path`",
  )
}

/** Removes a stale socket. A live one is never stolen: somebody answers on it. */
export async function removeStaleSocket(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (!stats.isSocket()) throw refused(`${path} exists and is not a socket`)
  if (await isLive(path)) {
    throw refused(
      `a gate already answers on ${path}: stop it first (latchgate down) or set another path`,
    )
  }
  unlinkSync(path)
}

/** Mode of a bound socket: 0600, or 0660 for the named group. */
export function protectSocket(path: string, uid: number, group: string | undefined): void {
  if (group === undefined) {
    chmodSync(path, 0o600)
    return
  }
  chownSync(path, uid, groupId(group))
  chmodSync(path, 0o660)
}

function isLive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      else reject(refused(`cannot tell whether ${path} is in use: ${error.message}`))
    })
  })
}

function groupId(name: string): number {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((row) => row.startsWith(`${name}:`))
  const id = Number(line?.split(':')[2])
  if (line === undefined || !Number.isInteger(id)) throw refused(`no group named '${name}'`)
  return id
}

function refused(message: string): StartupError {
  return new StartupError('client_uds_failed', message)
}
