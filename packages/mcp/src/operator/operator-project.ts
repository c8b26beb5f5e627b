import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { readPrivateFile, socketDirectory } from '@latchgate/protocol/node'
import { parse } from 'smol-toml'

/** An operator of a project; his key is beside its configuration unless he keeps it elsewhere. */
export interface ProjectOperator {
  readonly name: string
  readonly apiKey: string
  /** Thumbprint of the key that the credential is bound to; null: of none. */
  readonly jkt: string | null
  readonly keyFile: string
}

/** What the configuration of a gate says for an operator's session. */
export interface OperatorProject {
  readonly file: string
  /** Null: the default. */
  readonly adminSocket: string | null
  readonly gateName: string | null
  readonly operators: readonly ProjectOperator[]
}

/** Where the command is run. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/**
 * The project that `latchgate` would use here: `LATCHGATE_CONFIG`, `.latchgate/` in or above the working
 * directory, or the user's own. Null: there is none. Throws an `Error` where it cannot be read, or
 * others can: it holds the operators' credentials, and must be this user's or root's.
 */
export function findOperatorProject(at: Surroundings): OperatorProject | null {
  const file = configFileOf(at)
  if (file === null) return null
  const root = dirname(file)
  const document = parsed(file)
  // The environment goes before the file, as it does for the gate.
  const overridden = at.env['LATCHGATE_LISTEN_ADMIN_UDS_PATH']
  const adminSocket = textOf(overridden ?? document['listen_admin_uds_path'])
  return {
    file,
    adminSocket: adminSocket === null ? null : resolve(root, adminSocket),
    gateName: textOf(document['gate_name']),
    operators: Object.entries(membersOf(document['operator_credentials'])).flatMap(
      ([name, given]) => {
        const { api_key: apiKey, dpop_jkt: jkt } = membersOf(given)
        const key = textOf(apiKey)
        // The name is a part of a path: one that leads elsewhere is none that a gate would take.
        if (key === null || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) return []
        const keyFile = join(root, 'operators', `${name}.pem`)
        return [{ name, apiKey: key, jkt: textOf(jkt), keyFile }]
      },
    ),
  }
}

/** The admin socket of a gate of this user whose configuration names none. */
export function defaultAdminSocket({ env }: Surroundings): string {
  const uid = process.getuid?.()
  if (uid === undefined) {
    throw new Error('this platform has no default socket: give --admin-socket')
  }
  return join(socketDirectory(env, uid), 'gate-admin.sock')
}

function configFileOf({ env, cwd }: Surroundings): string | null {
  const named = env['LATCHGATE_CONFIG'] || null
  if (named !== null) return resolve(cwd, named)
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    const file = join(directory, '.latchgate', 'latchgate.toml')
    if (existsSync(file)) return file
    if (dirname(directory) === directory) break
  }
  const xdg = env['XDG_CONFIG_HOME'] ?? ''
  const base = isAbsolute(xdg) ? xdg : join(homedir(), '.config')
  const file = join(base, 'latchgate', 'latchgate.toml')
  return existsSync(file) ? file : null
}

function parsed(file: string): Readonly<Record<string, unknown>> {
  const text = readPrivateFile('the configuration', file)
  try {
    return parse(text)
  } catch {
    // The parser's complaint quotes the line, which may be that of an api_key.
    throw new Error(`${file} is not TOML: 'latchgate config validate' says where`)
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return value as Readonly<Record<string, unknown>>
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
