import { type LoadedConfig, type ProcessFacts, unseparatedPrincipals } from '@latchgate/gate'
import { type Check, Section } from './check.js'

/** Whether agents and gate are different users: otherwise an agent could read the gate's files. */
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
  return section.checks
}
