import { readFileSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { type LoadedConfig, type PeerCredentials, readPeerCredentials } from '@latchgate/gate'
import { CommandFailure } from './command-failure.js'
import { askGate, notPermitted } from './gate-connection.js'

/**
 * Who listens on the admin socket. `another_gate`: one that does not sign with this project's keys,
 * usually that of another directory, since the default socket is one per user.
 */
export type Listener =
  | { readonly kind: 'nobody' }
  | {
      readonly kind: 'this_gate' | 'another_gate' | 'not_a_gate'
      readonly pid: number
      /** Its working directory, where that can be read. */
      readonly directory: string | null
    }

const IDENTIFY_WITHIN_MS = 3000

/**
 * Asks the kernel which process listens, and that process for its receipt keys: a pid file or a
 * socket's existence would say nothing of who answers there now.
 */
export async function findListener(loaded: LoadedConfig): Promise<Listener> {
  const peer = await peerOf(loaded.config.listen_admin_uds_path)
  if (peer === null) return { kind: 'nobody' }
  const kind = await identify(loaded)
  return { kind, pid: peer.pid, directory: directoryOf(peer.pid) }
}

/** The failure for a socket that somebody else has; `verb` says what was not done to him. */
export function occupied(
  loaded: LoadedConfig,
  listener: Exclude<Listener, { readonly kind: 'nobody' }>,
): CommandFailure {
  const path = loaded.config.listen_admin_uds_path
  const at = listener.directory === null ? '' : ` in ${listener.directory}`
  const fields = { pid: listener.pid }
  const ownSockets =
    'or give this project sockets of its own: `listen_uds_path` and `listen_admin_uds_path` in ' +
    (loaded.file ?? 'its configuration')
  if (listener.kind === 'not_a_gate') {
    return new CommandFailure(
      'not_a_gate',
      `pid ${listener.pid}${at} listens on ${path} and does not answer as a gate`,
      { fields, hints: [`if it is a gate that hangs: kill ${listener.pid}`, ownSockets] },
    )
  }
  return new CommandFailure(
    'another_gate',
    `the gate on ${path} is not this project's: pid ${listener.pid}${at}`,
    { fields, hints: ['stop it with `latchgate down` in its directory,', ownSockets] },
  )
}

async function identify(
  loaded: LoadedConfig,
): Promise<'this_gate' | 'another_gate' | 'not_a_gate'> {
  const theirs = await askGate(loaded, {
    method: 'GET',
    path: '/v1/receipt-keys',
    timeoutMs: IDENTIFY_WITHIN_MS,
  }).then(
    (answer) => (answer.status === 200 ? keyIds(answer.body) : null),
    (error: unknown) => {
      if (error instanceof CommandFailure) return null
      throw error
    },
  )
  if (theirs === null) return 'not_a_gate'
  const path = loaded.config.receipt_keys_jwks_path
  // Without kept keys there is nothing to tell two gates apart by: the configured socket decides.
  if (path === undefined) return loaded.file === null ? 'another_gate' : 'this_gate'
  const ours = readKeyIds(path)
  if (ours === 'unreadable') return 'this_gate'
  return theirs.some((kid) => ours.includes(kid)) ? 'this_gate' : 'another_gate'
}

// A member of the admin group may talk to the gate without being able to read its files.
function readKeyIds(path: string): readonly string[] | 'unreadable' {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    if (code === 'EACCES') return 'unreadable'
    throw error
  }
  try {
    return keyIds(JSON.parse(text)) ?? []
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

function keyIds(body: unknown): readonly string[] | null {
  const keys = (body as { readonly keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) return null
  return keys.map((key: { readonly x_hex?: unknown } | null) => String(key?.x_hex))
}

function peerOf(path: string): Promise<PeerCredentials | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      try {
        resolve(readPeerCredentials(socket))
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      } finally {
        socket.destroy()
      }
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null)
      else if (error.code === 'EACCES' || error.code === 'EPERM') reject(notPermitted(path))
      else reject(error)
    })
  })
}

function directoryOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch (error) {
    // Another user's process, another pid namespace, no /proc: it is only for the message.
    if (error instanceof Error) return null
    throw error
  }
}
