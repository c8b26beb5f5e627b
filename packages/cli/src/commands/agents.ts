import { resolve } from 'node:path'
import { didYouMean } from '@latchgate/catalogue'
import { addAgentTable, removeAgentTable } from '@latchgate/gate'
import { assertAgentName, editConfigFile } from '../agent-file.js'
import { CommandFailure, usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { describeKeyFile, inspectKeyFile } from '../operator-key-file.js'

/** Options of `latchgate agents add`. */
export interface AddOptions {
  readonly jkt?: string
  readonly key?: string
  readonly principal?: string
  readonly scopes?: string
  readonly owner?: string
}

/** `latchgate agents add NAME`. */
export async function agentsAddCommand(
  context: Context,
  name: string,
  options: AddOptions,
): Promise<number> {
  assertAgentName(name)
  const jkt = thumbprintOf(context, options)
  const loaded = context.load()
  const principal = options.principal ?? name
  const file = editConfigFile(loaded, (text) =>
    addAgentTable(
      text,
      name,
      {
        principal,
        dpop_jkt: jkt,
        ...(options.scopes === undefined ? {} : { scopes: listOf(options.scopes) }),
        ...(options.owner === undefined ? {} : { owner: options.owner }),
      },
      loaded,
    ),
  )
  const { output } = context
  output.document({ ok: true, name, principal, dpop_jkt: jkt, config_file: file })
  output.success(`registered the key of agent '${name}' in ${file}`)
  output.field('principal', principal)
  output.field('thumbprint', jkt)
  output.hint('a running gate takes it up with: latchgate policy reload')
  output.hint(`what it may call: latchgate policy grant ${principal} ACTION`)
  return 0
}

/** `latchgate agents list`. */
export async function agentsListCommand(context: Context): Promise<number> {
  const { output } = context
  const loaded = context.load()
  const agents = Object.entries(loaded.config.agents).map(([name, agent]) => ({
    name,
    principal: agent.principal,
    dpop_jkt: agent.dpop_jkt,
    scopes: agent.scopes,
    owner: agent.owner ?? null,
  }))
  output.document({ agents })
  if (agents.length === 0) {
    output.info(`no registered agents in ${loaded.source}`)
    output.line('  Register one with: latchgate agents add NAME --jkt THUMBPRINT')
    return 0
  }
  output.table([
    ['name', 'principal', 'dpop_jkt', 'scopes', 'owner'],
    ...agents.map((one) => [
      one.name,
      one.principal,
      one.dpop_jkt,
      one.scopes.join(', ') || 'none',
      one.owner ?? '-',
    ]),
  ])
  return 0
}

/** `latchgate agents remove NAME`. */
export async function agentsRemoveCommand(context: Context, name: string): Promise<number> {
  const loaded = context.load()
  const names = Object.keys(loaded.config.agents)
  if (!names.includes(name)) {
    throw new CommandFailure('not_found', `there is no agent '${name}'${didYouMean(name, names)}`, {
      hints: ['list them with: latchgate agents list'],
    })
  }
  const file = editConfigFile(loaded, (text) => removeAgentTable(text, name))
  const { output } = context
  output.document({ ok: true, name, config_file: file })
  output.success(`took agent '${name}' out of ${file}`)
  output.hint('its leases stop when the gate has taken it up: latchgate policy reload')
  return 0
}

function thumbprintOf(context: Context, { jkt, key }: AddOptions): string {
  if ((jkt === undefined) === (key === undefined)) {
    throw usageFailure('name the key by --jkt THUMBPRINT or by --key PATH, one of them')
  }
  if (key === undefined) {
    const given = jkt ?? ''
    if (/^[A-Za-z0-9_-]{43}$/.test(given)) return given
    throw usageFailure(`--jkt '${given}' is no thumbprint`, [
      '43 characters of base64url, as `latchgate agents keygen` prints it',
    ])
  }
  const path = resolve(context.cwd, key)
  const file = inspectKeyFile(path, undefined)
  if (file.state === 'unbound') return file.key.thumbprint
  if (file.state === 'absent') {
    throw usageFailure(`--key: there is no file ${path}`, [
      '`latchgate agents keygen NAME -o PATH` makes a key',
    ])
  }
  throw usageFailure(`--key: ${path} ${describeKeyFile(file)}`)
}

function listOf(text: string): readonly string[] {
  return [...new Set(text.split(',').map((one) => one.trim()))].filter((one) => one !== '')
}
