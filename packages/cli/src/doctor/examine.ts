import { ConfigError, type LoadedConfig, processFacts } from '@latchgate/gate'
import type { Context } from '../context.js'
import { checkActions } from './actions.js'
import { type Check, Section } from './check.js'
import { checkConfiguration } from './configuration.js'
import { checkKeys } from './keys.js'
import { checkLedger } from './ledger.js'
import { checkPermissions } from './permissions.js'
import { checkPolicy } from './policy.js'
import { checkProcess } from './process.js'
import { checkSecrets } from './secrets.js'
import { checkSeparation } from './separation.js'
import { checkSockets } from './sockets.js'

/**
 * Everything that a start would refuse, found with the gate's own checks and without starting,
 * making or changing anything; and what is worth knowing besides.
 */
export async function examine(context: Context): Promise<readonly Check[]> {
  const facts = processFacts()
  const process = checkProcess(facts)
  const loaded = load(context)
  if (!('config' in loaded)) return [...loaded, ...process]
  const { checks: sockets } = await checkSockets(loaded, facts)
  const { checks: registry, actions } = await checkActions(loaded)
  const { checks: policy, data } = checkPolicy(loaded, actions)
  return [
    ...(await checkConfiguration(loaded, facts)),
    ...checkKeys(loaded, facts),
    ...sockets,
    ...checkPermissions(loaded, facts),
    ...checkSeparation(loaded, facts),
    ...policy,
    ...registry,
    ...(await checkSecrets(loaded, { env: context.streams.env, data, actions })),
    ...checkLedger(loaded, facts, Date.now()),
    ...process,
  ]
}

function load(context: Context): LoadedConfig | readonly Check[] {
  const section = new Section('configuration')
  try {
    const loaded = context.load()
    if (loaded.file !== null) return loaded
    section.error('loads', `there is no configuration in or above ${context.cwd}`, 'latchgate up')
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) {
      section.problem('loads', problem, `change it in ${error.source}`)
    }
  }
  return section.checks
}
