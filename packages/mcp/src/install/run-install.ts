import { printable, shellWord } from '@latchgate/protocol'
import { changeLines } from './change-lines.js'
import { claudeInstall, claudeUninstall, isRegistered, runClaude } from './claude-code.js'
import { type CommandClient, type FileClient, findClient } from './clients.js'
import { type LaunchOptions, launchFor } from './launch.js'
import { gateFault } from './reachability.js'
import { type Launch, OPERATOR_NAME, SERVER_NAME, serverEntry } from './server-entry.js'
import { installChange, type SettingsChange, uninstallChange } from './settings-change.js'
import {
  backUp,
  readSettingsFile,
  removeSettingsFile,
  replaceSettingsFile,
} from './settings-file.js'

/** The process as these commands see it. */
export interface InstallSurroundings {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly uid: number | null
  /** Each gets one line, safe to print. */
  readonly say: (line: string) => void
  readonly warn: (line: string) => void
}

/** Options of `install`. */
export interface InstallOptions extends LaunchOptions {
  readonly client: string
  readonly dryRun?: boolean
}

/** Options of `uninstall`. */
export interface UninstallOptions {
  readonly client: string
  readonly dryRun?: boolean
}

/** `latchgate-mcp install`: puts the agent's entry into the client's settings. */
export async function install(options: InstallOptions, around: InstallSurroundings): Promise<void> {
  const client = findClient(options.client)
  const launch = launchFor(client.agentId, options, around)
  putIn(client, launch, options, around)
  if (options.dryRun === true) return
  const fault = await gateFault(launch)
  if (fault !== null) around.warn(printable(fault))
}

function putIn(
  client: FileClient | CommandClient,
  launch: Launch,
  options: InstallOptions,
  around: InstallSurroundings,
): void {
  if (client.kind === 'command') {
    if (isRegistered(OPERATOR_NAME, around)) warnOfOperator(client, options.client, around)
    callClaude(claudeInstall(launch, around), options.dryRun === true, client, around)
    return
  }
  const read = readSettingsFile(client.file(around))
  const change = installChange(client, read, serverEntry(client.shape, launch))
  if (change.hasOperator) warnOfOperator(client, options.client, around)
  if (change.before === change.after) {
    around.say(`nothing to do: ${printable(read.path)} has this entry already`)
    return
  }
  if (change.replaces) around.warn(`another entry '${SERVER_NAME}' is replaced`)
  write(change, options.dryRun === true, around)
  if (options.dryRun !== true) around.say(`restart ${client.title} to use it`)
}

/** `latchgate-mcp uninstall`: takes it out again, and an operator's entry of an earlier version. */
export function uninstall(options: UninstallOptions, around: InstallSurroundings): void {
  const client = findClient(options.client)
  if (client.kind === 'command') {
    const calls = claudeUninstall([SERVER_NAME, OPERATOR_NAME], around)
    callClaude(calls, options.dryRun === true, client, around)
    return
  }
  const read = readSettingsFile(client.file(around))
  const change = uninstallChange(client, read)
  if (change.before === change.after || read.bytes === null) {
    around.say(`nothing to do: ${printable(read.path)} has no entry '${SERVER_NAME}'`)
    return
  }
  write(change, options.dryRun === true, around)
  if (options.dryRun !== true) around.say(`restart ${client.title} to let go of it`)
}

function write(change: SettingsChange, isDryRun: boolean, around: InstallSurroundings): void {
  const { read, before, after, restores } = change
  const path = printable(read.path)
  around.say(`${isDryRun ? 'would change' : 'changing'} ${path}`)
  for (const line of changeLines(before, after ?? '')) around.say(line)
  if (isDryRun) return
  if (after === null) {
    removeSettingsFile(read)
    around.say(`removed ${path}, which held nothing else`)
    return
  }
  // An operator's credential in it is for nobody else to read.
  const kept = change.hasOperator ? { ...read, mode: 0o600 } : read
  const backup = restores === null ? backUp(kept) : null
  replaceSettingsFile(read, Buffer.from(after))
  around.say(`wrote ${path}`)
  if (backup !== null) around.say(`what it was before is in ${printable(backup)}`)
  if (restores !== null) around.say(`it is again what ${printable(restores)} holds`)
}

function callClaude(
  calls: readonly (readonly string[])[],
  isDryRun: boolean,
  client: CommandClient,
  around: InstallSurroundings,
): void {
  if (calls.length === 0) {
    around.say(`nothing to do: ${client.title} is that way already`)
    return
  }
  for (const call of calls) {
    around.say(
      `${isDryRun ? 'would run' : 'running'}: claude ${call.map((word) => shellWord(printable(word))).join(' ')}`,
    )
  }
  if (isDryRun) return
  runClaude(calls, around)
  around.say(`restart ${client.title} to see the difference`)
}

// With both entries in one agent its model could approve its own calls.
function warnOfOperator(
  client: FileClient | CommandClient,
  name: string,
  around: InstallSurroundings,
): void {
  around.warn(
    `${client.title} also has the entry '${OPERATOR_NAME}', which gives the agent an operator's ` +
      `credential: take both away with 'latchgate-mcp uninstall --client ${printable(name)}', ` +
      'install again, and give that operator a new key',
  )
}
