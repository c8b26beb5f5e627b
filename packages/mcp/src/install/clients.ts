import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { InstallError } from './install-error.js'
import type { EntryShape } from './server-entry.js'

/** What decides where a client keeps its settings. */
export interface Surroundings {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
}

/** How a settings file is written. */
export type SettingsFormat = 'json' | 'toml' | 'yaml'

/** One MCP client that keeps its servers in a settings file (spec/mcp-webhooks-sandbox 2.1, 2.3). */
export interface FileClient {
  readonly kind: 'file'
  readonly agentId: string
  readonly title: string
  readonly format: SettingsFormat
  /** Member of the root that maps names to servers. */
  readonly serverMap: string
  readonly shape: EntryShape
  readonly file: (around: Surroundings) => string
}

/** A client that is set up through its own command (spec 2.5). */
export interface CommandClient {
  readonly kind: 'command'
  readonly agentId: string
  readonly title: string
}

const VSCODE_CLINE = 'globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json'

const CLIENTS: Readonly<Record<string, FileClient | CommandClient>> = {
  claude: json('claude-desktop', 'Claude Desktop', 'mcpServers', (around) =>
    perSystem(around, 'Claude/claude_desktop_config.json'),
  ),
  'claude-code': { kind: 'command', agentId: 'claude-code', title: 'Claude Code' },
  cursor: json('cursor', 'Cursor', 'mcpServers', (around) => inHome(around, '.cursor/mcp.json')),
  cline: json('cline', 'Cline (VS Code)', 'mcpServers', (around) =>
    // The extension itself does not look at XDG_CONFIG_HOME.
    perSystem(
      { ...around, env: { ...around.env, XDG_CONFIG_HOME: '' } },
      `Code/User/${VSCODE_CLINE}`,
    ),
  ),
  windsurf: json('windsurf', 'Windsurf', 'mcpServers', (around) =>
    inHome(around, '.codeium/windsurf/mcp_config.json'),
  ),
  codex: {
    ...json('codex', 'Codex CLI', 'mcp_servers', (around) =>
      join(absolute(around, 'CODEX_HOME') ?? inHome(around, '.codex'), 'config.toml'),
    ),
    format: 'toml',
  },
  opencode: { ...json('opencode', 'OpenCode', 'mcp', openCodeFile), shape: 'opencode' },
  openclaw: json('openclaw', 'OpenClaw', 'mcpServers', (around) =>
    inHome(around, '.openclaw/workspace/config/mcporter.json'),
  ),
  copilot: json('copilot', 'GitHub Copilot (VS Code)', 'servers', (around) =>
    perSystem(around, 'Code/User/mcp.json'),
  ),
  'hermes-agent': {
    ...json('hermes-agent', 'Hermes Agent', 'mcp_servers', (around) =>
      inHome(around, '.hermes/config.yaml'),
    ),
    format: 'yaml',
    shape: 'no-cwd',
  },
  antigravity: json('antigravity', 'Antigravity CLI', 'mcpServers', (around) =>
    inHome(around, '.gemini/config/mcp_config.json'),
  ),
}

const OTHER_SPELLINGS: Readonly<Record<string, string>> = {
  'open-code': 'opencode',
  'open-claw': 'openclaw',
}

/** Names that `--client` takes. */
export const CLIENT_NAMES: readonly string[] = Object.keys(CLIENTS)

/** The client of a name; an `InstallError` that lists the names otherwise. */
export function findClient(given: string): FileClient | CommandClient {
  const name = Object.hasOwn(OTHER_SPELLINGS, given) ? OTHER_SPELLINGS[given] : given
  const found = name !== undefined && Object.hasOwn(CLIENTS, name) ? CLIENTS[name] : undefined
  if (found !== undefined) return found
  throw new InstallError(`unknown client '${given}': choose one of ${CLIENT_NAMES.join(', ')}`)
}

/** The user's home directory; an `InstallError` when the environment names none. */
export function homeOf({ platform, env }: Surroundings): string {
  const named = platform === 'win32' ? env['USERPROFILE'] || env['HOME'] : env['HOME']
  if (named !== undefined && isAbsolute(named)) return named
  const variable = platform === 'win32' ? 'USERPROFILE' : 'HOME'
  throw new InstallError(
    `${variable} must be the absolute path of your home directory, got '${named ?? ''}'`,
  )
}

function json(
  agentId: string,
  title: string,
  serverMap: string,
  file: FileClient['file'],
): FileClient {
  return { kind: 'file', agentId, title, format: 'json', serverMap, shape: 'standard', file }
}

function inHome(around: Surroundings, path: string): string {
  return join(homeOf(around), path)
}

function perSystem(around: Surroundings, path: string): string {
  if (around.platform === 'darwin') return inHome(around, `Library/Application Support/${path}`)
  if (around.platform === 'win32') {
    return join(absolute(around, 'APPDATA') ?? inHome(around, 'AppData/Roaming'), path)
  }
  return join(configHome(around), path)
}

// OpenCode reads both names; the one that is there is the one its user edits.
function openCodeFile(around: Surroundings): string {
  const plain = join(configHome(around), 'opencode', 'opencode.json')
  return !existsSync(plain) && existsSync(`${plain}c`) ? `${plain}c` : plain
}

function configHome(around: Surroundings): string {
  return absolute(around, 'XDG_CONFIG_HOME') ?? inHome(around, '.config')
}

// A relative path would mean another file in every directory.
function absolute({ env }: Surroundings, name: string): string | null {
  const value = env[name] ?? ''
  if (value === '') return null
  if (isAbsolute(value)) return value
  throw new InstallError(`${name} must be an absolute path, got '${value}'`)
}
