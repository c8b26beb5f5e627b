import { isDeepStrictEqual } from 'node:util'
import { parse } from 'smol-toml'
import { parseConfig } from './load.js'
import { agentProblems } from './registered-agents.js'
import type { LoadedConfig, RegisteredAgent } from './schema.js'

/** What is to be written into `[agents.<name>]`; an absent member gets its default. */
export type NewAgent = Pick<RegisteredAgent, 'principal' | 'dpop_jkt' | 'owner'> &
  Partial<Pick<RegisteredAgent, 'scopes'>>

/** The edit cannot be made; the message says why and what to do. */
export class AgentEditRefused extends Error {
  override readonly name = 'AgentEditRefused'
}

/**
 * The text of a configuration with `[agents.<name>]` added at its end, all else as it is. Throws
 * `AgentEditRefused`, and `ConfigError` for values that the schema refuses.
 */
export function addAgentTable(
  text: string,
  name: string,
  agent: NewAgent,
  at: LoadedConfig,
): string {
  if (Object.hasOwn(at.config.agents, name)) {
    throw new AgentEditRefused(`there is an agent '${name}' already: remove it first`)
  }
  const lines = [
    `[agents.${JSON.stringify(name)}]`,
    ...Object.entries(agent).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
  ]
  const end = text === '' || text.endsWith('\n') ? text : `${text}\n`
  const edited = `${end}\n${lines.join('\n')}\n`
  const before = tables(text)
  assertEdited(edited, { ...before, agents: { ...agentsOf(before), [name]: agent } })
  const config = parseConfig(tables(edited), { root: at.root, env: {}, label: at.source })
  const problems = agentProblems(config)
  if (problems.length > 0) throw new AgentEditRefused(problems.join('; '))
  return edited
}

/** The text of a configuration without `[agents.<name>]`, all else as it is. Throws `AgentEditRefused`. */
export function removeAgentTable(text: string, name: string): string {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => headerOf(line) === name)
  if (start < 0) throw notPlain()
  let end = lines.findIndex((line, index) => index > start && /^\s*\[/.test(line))
  if (end < 0) end = lines.length
  // Comments above the next table are that table's.
  while (end > start + 1 && /^\s*(#.*)?$/.test(lines[end - 1] ?? '')) end -= 1
  const edited = [...lines.slice(0, start), ...lines.slice(end)].join('\n')
  const before = tables(text)
  const { [name]: _removed, ...others } = agentsOf(before)
  assertEdited(edited, { ...before, agents: others })
  return edited
}

function headerOf(line: string): string | undefined {
  const match =
    /^\s*\[\s*agents\s*\.\s*(?:([A-Za-z0-9_-]+)|"([A-Za-z0-9_-]+)"|'([A-Za-z0-9_-]+)')\s*\]/.exec(
      line,
    )
  return match?.[1] ?? match?.[2] ?? match?.[3]
}

// Read back, so that no way of writing TOML makes an edit change more than it names.
function assertEdited(edited: string, expected: Readonly<Record<string, unknown>>): void {
  let actual: Readonly<Record<string, unknown>>
  try {
    actual = tables(edited)
  } catch (cause) {
    throw new AgentEditRefused(notPlain().message, { cause })
  }
  const compared = { ...actual, agents: agentsOf(actual) }
  if (!isDeepStrictEqual(plain(compared), plain(expected))) throw notPlain()
}

function notPlain(): AgentEditRefused {
  return new AgentEditRefused(
    'the agents are not written as plain tables `[agents.<name>]`: edit the file by hand',
  )
}

function tables(text: string): Record<string, unknown> {
  return structuredClone(parse(text)) as Record<string, unknown>
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function agentsOf(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return (document['agents'] ?? {}) as Readonly<Record<string, unknown>>
}
