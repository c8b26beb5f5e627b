import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { homeOf, type Surroundings } from './clients.js'
import { InstallError } from './install-error.js'
import { jsonSettings } from './json-settings.js'
import { type Launch, SERVER_NAME } from './server-entry.js'

/** A command that asks something of somebody who is not there must not wait for ever. */
const TIMEOUT_MS = 60_000

/** One call of the `claude` command. */
export type ClaudeCall = readonly string[]

/** The calls that register the adapter for this user (spec/mcp-webhooks-sandbox 2.5). */
export function claudeInstall(launch: Launch, around: Surroundings): readonly ClaudeCall[] {
  const current = registered(around, SERVER_NAME)
  if (current !== undefined && isOurs(current, launch)) return []
  const env = Object.entries(launch.env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  const add = [
    'mcp',
    'add',
    SERVER_NAME,
    '-s',
    'user',
    ...env,
    '--',
    launch.command,
    ...launch.args,
  ]
  return current === undefined ? [add] : [removal(SERVER_NAME), add]
}

/** The calls that take away what of the given names is registered. */
export function claudeUninstall(
  names: readonly string[],
  around: Surroundings,
): readonly ClaudeCall[] {
  return names.filter((name) => registered(around, name) !== undefined).map(removal)
}

/** Whether a name is registered for this user. */
export function isRegistered(name: string, around: Surroundings): boolean {
  return registered(around, name) !== undefined
}

/** Runs the calls, without a shell; an `InstallError` with what `claude` said when one fails. */
export function runClaude(calls: readonly ClaudeCall[], around: Surroundings): void {
  const program = findClaude(around)
  for (const call of calls) {
    const ended = spawnSync(program, call, {
      encoding: 'utf8',
      env: { ...around.env },
      timeout: TIMEOUT_MS,
    })
    if (ended.error !== undefined) {
      throw new InstallError(`cannot run ${program}: ${ended.error.message}`, {
        cause: ended.error,
      })
    }
    if (ended.status === 0) continue
    const said = ended.stderr.trim() || ended.stdout.trim()
    throw new InstallError(
      `'claude ${call.slice(0, 3).join(' ')}' failed (exit ${ended.status}): ${said}`,
    )
  }
}

function removal(name: string): ClaudeCall {
  return ['mcp', 'remove', name, '-s', 'user']
}

// Its own file is only read: what it holds besides is nobody else's to write.
function registered(around: Surroundings, name: string): unknown {
  const file = join(homeOf(around), '.claude.json')
  if (!existsSync(file)) return undefined
  try {
    return jsonSettings.read(readFileSync(file, 'utf8'), { serverMap: 'mcpServers', name })
  } catch (error) {
    if (!(error instanceof InstallError)) throw error
    throw new InstallError(`${file}: ${error.message}; nothing was changed`, { cause: error })
  }
}

function isOurs(current: unknown, { command, args, env }: Launch): boolean {
  if (typeof current !== 'object' || current === null) return false
  // The parser's objects have no prototype, which would make them differ from ours.
  const { type, ...others } = JSON.parse(JSON.stringify(current)) as Record<string, unknown>
  return (
    (type === undefined || type === 'stdio') && isDeepStrictEqual(others, { command, args, env })
  )
}

function findClaude(around: Surroundings): string {
  const home = homeOf(around)
  const name = around.platform === 'win32' ? 'claude.exe' : 'claude'
  const onPath = (around.env['PATH'] ?? '')
    .split(delimiter)
    // A relative entry would run a program of whatever directory this is.
    .filter((directory) => isAbsolute(directory))
  const places = [
    ...onPath.map((directory) => join(directory, name)),
    join(home, '.claude', 'local', name),
    join(home, '.local', 'bin', name),
    join('/usr/local/bin', name),
  ]
  const found = places.find(isExecutable)
  if (found !== undefined) return found
  throw new InstallError("there is no 'claude' command on PATH: install Claude Code first")
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not for this user: the next place is looked at.
    return false
  }
}
