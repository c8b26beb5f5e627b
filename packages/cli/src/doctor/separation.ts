import { type LoadedConfig, type ProcessFacts, unseparatedPrincipals } from '@latchgate/gate'
import { type Check, Section } from './check.js'

/**
 * Whether agents and gate are different users, as otherwise an agent could read the gate's files, and
 * whether the others can reach it at all.
 */
export function checkSeparation({ config }: LoadedConfig, { uid }: ProcessFacts): readonly Check[] {
  const section = new Section('separation')
  const together = unseparatedPrincipals(config, uid)
  for (const principal of together) {
    section.warn(
      'same_user',
      `not separated: '${principal}' runs as the gate's own user and could read its keys`,
      "run the gate as a user of its own and map the agent's uid: " +
        '`[identity.peercred.principals.<uid>]`',
    )
  }
  if (together.length === 0) section.ok('same_user', `no agent has the gate's uid ${uid}`)
  checkReachable(section, config, uid)
  return section.checks
}

// Without a group the socket and its directory are the gate's own user's: the map alone lets nobody in.
function checkReachable(section: Section, config: LoadedConfig['config'], uid: number): void {
  const { identity, listen_uds_group: group, listen_http_addr: tcp } = config
  if (identity.provider !== 'peercred' || group !== undefined || tcp !== undefined) return
  const others = Object.entries(identity.peercred.principals)
    .filter(([agentUid]) => agentUid !== '0' && agentUid !== String(uid))
    .map(([agentUid, { principal }]) => `'${principal}' (uid ${agentUid})`)
  if (others.length === 0) return
  section.warn(
    'reachable',
    `only the gate's own user may connect to ${config.listen_uds_path}: not ${others.join(', ')}`,
    'set `listen_uds_group` to a group with the gate and the agents in it, and ' +
      '`listen_admin_uds_path` to a path in another directory',
  )
}
