/** What an agent's settings say about one MCP server; JSON values only. */
export type EntryValue = string | boolean | readonly string[] | Readonly<Record<string, string>>

/** One entry of a server map, in the order in which it is written. */
export type ServerEntry = Readonly<Record<string, EntryValue>>

/** The key of the entry (spec/mcp-webhooks-sandbox 2.4). */
export const SERVER_NAME = 'latchgate'

/**
 * The key under which an earlier version put an operator's credential into the same file. Never
 * written; an installation warns of it and an uninstallation takes it away.
 */
export const OPERATOR_NAME = 'latchgate-operator'

/** How the adapter is started. */
export interface Launch {
  /** Absolute path of a program that needs no shell. */
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Shapes of an entry; they differ by client (spec 2.4, W-M13). */
export type EntryShape = 'standard' | 'no-cwd' | 'opencode'

/** The entry of one client. `cwd` makes the client start the adapter in the workspace. */
export function serverEntry(shape: EntryShape, { command, args, env }: Launch): ServerEntry {
  if (shape === 'opencode') {
    return { type: 'local', command: [command, ...args], environment: env, enabled: true }
  }
  return shape === 'no-cwd' ? { command, args, env } : { command, args, env, cwd: '.' }
}
