import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { socketDirectory } from '@latchgate/protocol/node'
import { checkedBaseUrl } from '../base-url.js'
import { InstallError } from './install-error.js'
import type { Launch } from './server-entry.js'

/** What the command line says about how the adapter finds its gate. */
export interface LaunchOptions {
  readonly gateSocket?: string
  readonly gateUrl?: string
  readonly publicBaseUrl?: string
  readonly binaryPath?: string
  /** The agent's own key that the gate has registered; its path is written, never its content. */
  readonly keyFile?: string
  /** File of the agent's own identity token; its path is written, never its content. */
  readonly identityTokenFile?: string
}

/** Where the command is run. */
export interface LaunchSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Null where there are no uids. */
  readonly uid: number | null
}

/**
 * The command that a client starts (spec/mcp-webhooks-sandbox 2.2). The transport is written out:
 * the client's own environment is not that of this terminal. Nothing is taken from a project's
 * files, since the settings are the user's for every project: a project that was cloned could
 * otherwise have all agents of its user call a gate of its own.
 */
export function launchFor(
  agentId: string,
  options: LaunchOptions,
  around: LaunchSurroundings,
): Launch {
  const [command, ...before] = programOf(options.binaryPath, around.cwd)
  if (command === undefined) throw new TypeError('no program')
  return {
    command,
    args: [...before, 'serve', ...transportOf(options, around), ...identityOf(options, around.cwd)],
    env: { LATCHGATE_AGENT_ID: agentId, RUST_LOG: 'warn' },
  }
}

function programOf(binaryPath: string | undefined, cwd: string): readonly string[] {
  if (binaryPath === undefined) {
    const script = realpathSync(
      fileURLToPath(new URL('../../../bin/latchgate-mcp.js', import.meta.url)),
    )
    return [process.execPath, script]
  }
  const path = resolve(cwd, binaryPath)
  if (existsSync(path)) return [path]
  throw new InstallError(`--binary-path: there is no ${path}`)
}

function transportOf(options: LaunchOptions, around: LaunchSurroundings): readonly string[] {
  const { gateSocket, gateUrl, publicBaseUrl } = options
  if (gateSocket !== undefined && gateUrl !== undefined) {
    throw new InstallError('--gate-socket and --gate-url exclude each other: give one of them')
  }
  const base =
    publicBaseUrl === undefined
      ? []
      : ['--public-base-url', checkedBaseUrl('--public-base-url', publicBaseUrl)]
  if (gateUrl !== undefined) return ['--gate-url', checkedBaseUrl('--gate-url', gateUrl), ...base]
  const socket =
    gateSocket === undefined ? defaultSocket(around) : resolve(around.cwd, nonEmpty(gateSocket))
  return ['--gate-socket', socket, ...base]
}

function identityOf(options: LaunchOptions, cwd: string): readonly string[] {
  const { keyFile, identityTokenFile } = options
  return [
    ...fileOf('--key-file', keyFile, cwd),
    ...fileOf('--identity-token-file', identityTokenFile, cwd),
  ]
}

function fileOf(option: string, named: string | undefined, cwd: string): readonly string[] {
  if (named === undefined) return []
  const path = resolve(cwd, named)
  if (existsSync(path)) return [option, path]
  throw new InstallError(`${option}: there is no ${path}`)
}

function nonEmpty(path: string): string {
  if (path !== '') return path
  throw new InstallError('--gate-socket must be the path of a Unix socket, got an empty text')
}

// The socket a gate of this user has when nothing else is configured.
function defaultSocket({ env, uid, cwd }: LaunchSurroundings): string {
  if (uid === null) {
    throw new InstallError('this platform has no default socket: give --gate-url')
  }
  // Whole, as the client is started elsewhere.
  return resolve(cwd, socketDirectory(env, uid), 'gate.sock')
}
