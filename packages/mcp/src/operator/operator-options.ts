import { existsSync, statSync } from 'node:fs'
import { DPoPKeyPair } from '@latchgate/protocol/node'

/** How `latchgate-mcp operator` reaches the gate, and as whom. */
export interface OperatorOptions {
  readonly adminSocket: string
  /** Base of the proofs' `htu`. */
  readonly publicBaseUrl: string
  readonly key: DPoPKeyPair
  /** The operator's `api_key`; never in a message, a log or an answer. */
  readonly token: string
}

/** What the command line said. */
export interface OperatorFlags {
  readonly adminSocket?: string
  readonly operatorKey?: string
  readonly publicBaseUrl?: string
}

/**
 * Flags, then the environment (spec/mcp-webhooks-sandbox 1.2). The token comes from the environment
 * alone: arguments are in every list of processes. `LATCHGATE_OPERATOR_KEY` is a path for some
 * programs and the token for others (W-M14): what names a file is a path.
 */
export function operatorOptions(
  flags: OperatorFlags,
  env: Readonly<Record<string, string | undefined>>,
): OperatorOptions {
  const said = (name: string): string | undefined => env[name] || undefined
  const either = said('LATCHGATE_OPERATOR_KEY')
  const isPath = either !== undefined && existsSync(either)
  const keyFile =
    flags.operatorKey ?? said('LATCHGATE_OPERATOR_PRIVATE_KEY') ?? (isPath ? either : undefined)
  const token = said('LATCHGATE_OPERATOR_TOKEN') ?? (isPath ? undefined : either)
  const adminSocket = flags.adminSocket ?? said('LATCHGATE_ADMIN_SOCKET')
  if (adminSocket === undefined) {
    throw new Error('the admin socket is missing: give --admin-socket or LATCHGATE_ADMIN_SOCKET')
  }
  if (keyFile === undefined) {
    throw new Error(
      "the operator's private key is missing: give --operator-key or LATCHGATE_OPERATOR_PRIVATE_KEY",
    )
  }
  if (token === undefined) {
    throw new Error("the operator's api_key is missing: give it in LATCHGATE_OPERATOR_TOKEN")
  }
  return {
    adminSocket,
    publicBaseUrl: base(flags.publicBaseUrl ?? said('LATCHGATE_PUBLIC_URL') ?? 'http://localhost'),
    key: readKey(keyFile),
    token,
  }
}

// As ssh does: a key that others can read is no key of this operator alone.
function readKey(file: string): DPoPKeyPair {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats?.isFile() !== true) throw new Error(`there is no key file ${file}`)
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
    const mode = `0${(stats.mode & 0o777).toString(8)}`
    throw new Error(`${file} has mode ${mode}, others could use it: chmod 600 ${file}`)
  }
  return DPoPKeyPair.fromPemFile(file)
}

function base(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) {
    return value.replace(/\/+$/, '')
  }
  throw new Error(`--public-base-url must be an http:// or https:// URL, got '${value}'`)
}
