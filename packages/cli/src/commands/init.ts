import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BUILTIN_PRESETS, loadPreset } from '@latchgate/catalogue'
import { loadConfig, unseparatedPrincipals } from '@latchgate/gate'
import { CommandFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { createProject, defaultChoices, FIRST_PRESET, needsRelaxedAcl } from '../project.js'
import { renewPolicyData } from '../renew-policy-data.js'

/** What `latchgate init` was asked for. */
export interface InitOptions {
  readonly preset?: string
  readonly listPresets?: boolean
  readonly force?: boolean
}

/**
 * `latchgate init`: sets a project up in this directory without starting its gate. With `--force` in
 * an existing one it writes the policy data of a preset anew, and nothing else.
 */
export async function initCommand(context: Context, options: InitOptions): Promise<number> {
  if (options.listPresets === true) return listPresets(context)
  const preset = loadPreset(options.preset ?? FIRST_PRESET).name
  const directory = join(context.cwd, '.latchgate')
  const isThere = [join(directory, 'latchgate.toml'), join(directory, 'policies', 'data.json')]
  if (!isThere.some((file) => existsSync(file))) return create(context, preset)
  if (options.force !== true) {
    throw new CommandFailure('project_exists', `there is a project in ${directory} already`, {
      hints: [
        `to write its policy data anew, with a backup: latchgate init --preset ${preset} --force`,
        'keys, operators, configuration and ledger stay as they are in any case',
      ],
    })
  }
  return renew(context, preset, directory)
}

async function create(context: Context, preset: string): Promise<number> {
  const { output } = context
  if (needsRelaxedAcl(preset) && context.streams.env['LATCHGATE_UNSAFE_DEV'] !== '1') {
    throw new CommandFailure(
      'preset_unusable',
      `preset '${preset}' gives everybody actions of high risk`,
      { hints: ['for an experiment on a machine of your own: set LATCHGATE_UNSAFE_DEV=1'] },
    )
  }
  const project = await createProject(context.cwd, { ...defaultChoices(), preset })
  const { principal, operator, configFile, dataFile, actions } = project
  output.document({
    ok: true,
    created: true,
    preset,
    config: configFile,
    policy_data: dataFile,
    principals: [principal],
    operator,
    backup: null,
  })
  output.success(`set up ${project.directory}`)
  output.field('preset', preset)
  output.field('agent', `${principal} (this user)`)
  output.field('may call', actions.join(', ') || 'nothing yet')
  output.field('operator', `${operator}, key in .latchgate/operators/`)
  const { config } = loadConfig(configFile, { env: context.streams.env, cwd: context.cwd })
  const together = unseparatedPrincipals(config, process.getuid?.() ?? -1)
  if (together.length > 0) {
    output.warn(`not separated: ${together.join(', ')} runs as the gate's own user`)
    output.hint('such an agent could read the keys; run the gate as a user of its own')
  }
  output.line()
  output.line('  Next:  latchgate up -d       start the gate')
  output.line('         latchgate doctor      what to mend before it is for real')
  return 0
}

async function renew(context: Context, preset: string, directory: string): Promise<number> {
  const { output } = context
  const file = join(directory, 'latchgate.toml')
  if (!existsSync(file)) {
    throw new CommandFailure('project_unusable', `${directory} has policy data, but no ${file}`, {
      hints: ['an earlier set-up died half-way: `latchgate up` finishes it'],
    })
  }
  const loaded = loadConfig(file, { env: context.streams.env, cwd: context.cwd })
  const renewed = await renewPolicyData(loaded, preset, new Date())
  output.document({
    ok: true,
    created: false,
    preset,
    config: file,
    policy_data: renewed.dataFile,
    principals: renewed.principals,
    operator: null,
    backup: renewed.backup,
  })
  output.success(`wrote the policy data of preset '${preset}' to ${renewed.dataFile}`)
  if (renewed.backup !== null) output.field('backup', renewed.backup)
  output.field('principals', renewed.principals.join(', ') || 'none: the configuration names none')
  output.field('kept', renewed.kept.join(', ') || 'nothing of the old data')
  if (renewed.dropped.length > 0) output.field('dropped', renewed.dropped.join(', '))
  for (const warning of renewed.warnings) output.warn(warning)
  output.line('  A running gate uses it after a restart: latchgate down, latchgate up -d')
  return 0
}

function listPresets({ output }: Context): number {
  output.document({
    presets: BUILTIN_PRESETS.map(({ name, description }) => ({ name, description })),
  })
  output.table(BUILTIN_PRESETS.map(({ name, description }) => [name, description]))
  return 0
}
