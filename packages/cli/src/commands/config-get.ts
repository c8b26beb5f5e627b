import { closestName } from '@latchgate/catalogue'
import { printable } from '@latchgate/protocol'
import { stringify } from 'smol-toml'
import { CommandFailure } from '../command-failure.js'
import { type ConfigValue, knownKeys, lookUp, parseKey, withoutSecrets } from '../config-view.js'
import type { Context } from '../context.js'

/** `latchgate config get [KEY]`: the values in effect; a secret's is never shown. */
export async function configGetCommand(context: Context, key: string | undefined): Promise<number> {
  const { output } = context
  const { config, file } = context.load()
  const shown = withoutSecrets(config) as Readonly<Record<string, ConfigValue>>
  if (key === undefined) {
    output.document({ ok: true, path: file, config: shown })
    output.line(stringify(shown).trimEnd())
    return 0
  }
  const parts = parseKey(key)
  const value = parts === null ? undefined : lookUp(shown, parts)
  if (value === undefined) throw notFound(key, parts, shown)
  output.document({ ok: true, key, value })
  for (const line of linesOf(value)) output.line(line)
  return 0
}

function linesOf(value: ConfigValue): readonly string[] {
  // A list of tables is shown table by table, a blank line after each.
  if (Array.isArray(value)) return value.flatMap(itemLines)
  if (typeof value === 'object') return [stringify(value).trimEnd()]
  return [printable(String(value))]
}

function itemLines(item: ConfigValue): readonly string[] {
  return typeof item === 'object' ? [stringify(item)] : [printable(String(item))]
}

function notFound(
  key: string,
  parts: readonly string[] | null,
  config: Readonly<Record<string, ConfigValue>>,
): CommandFailure {
  const { keys, isKnown, missing } = knownKeys(config, parts ?? [])
  const near = closestName(
    missing,
    keys.map((one) => one.split('.').at(-1) ?? one),
  )
  const meant = keys.find((one) => one === near || one.endsWith(`.${near ?? ''}`))
  const hint =
    meant !== undefined && !isKnown ? `did you mean ${meant}?` : `there are: ${keys.join(', ')}`
  return new CommandFailure(
    'not_found',
    isKnown ? `\`${key}\` is not set` : `there is no key \`${key}\``,
    {
      exitCode: 2,
      hints: isKnown ? ['docs/configuration.md says what happens without it'] : [hint],
      fields: { key, available_keys: keys },
    },
  )
}
