import {
  EnvironmentSecrets,
  type InspectedActions,
  type LoadedConfig,
  type PolicyData,
} from '@latchgate/gate'
import { type Check, Section } from './check.js'
import { principalsOf } from './policy.js'
import { mayCall } from './reachable-actions.js'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Secrets that the callable actions need. They are looked for in the environment of this command: a
 * running gate has its own, read when it started.
 */
export async function checkSecrets(
  loaded: LoadedConfig,
  given: {
    readonly env: Environment
    readonly data: PolicyData | null
    readonly actions: InspectedActions | null
  },
): Promise<readonly Check[]> {
  const { env_prefix: prefix, hosts } = loaded.config.secrets
  const section = new Section('secrets')
  const secrets = section.attempt(
    'environment',
    'mend the value of that variable',
    () => new EnvironmentSecrets(given.env, prefix),
    () => `variables that begin with ${prefix}`,
  )
  const { data, actions } = given
  if (secrets === undefined || data === null || actions === null) {
    section.skip('needed', 'cannot be told without policy data, actions and environment')
    return section.checks
  }
  const callable = callableActions(loaded, data, actions)
  for (const [name, users] of needed(actions, callable)) {
    const { required, unbound } = users
    if ((await secrets.get(name)) !== undefined) section.ok(name, `${prefix}${name} is set`)
    else if (required.length === 0) {
      section.skip(name, `${prefix}${name} is not set; it is optional`)
    } else {
      section.warn(
        name,
        `${prefix}${name} is not set in this environment: ${required.join(', ')} would be denied`,
        `set ${prefix}${name} in the environment of the gate, or revoke those actions`,
      )
    }
    if (unbound.length > 0 && !Object.hasOwn(hosts, name)) {
      section.warn(
        `${name} hosts`,
        `${name} is bound to no host: ${unbound.join(', ')} would be denied with it`,
        `bind it: \`[secrets.hosts] ${name} = ["api.example.com"]\``,
      )
    }
  }
  for (const [name, list] of Object.entries(hosts)) {
    const used = [...actions.snapshot.actions.values()].some(({ manifest }) =>
      manifest.secrets.some((one) => one.name === name && one.to === null),
    )
    if (used) section.ok(`${name} hosts`, list.join(', '))
    else {
      section.warn(
        `${name} hosts`,
        `\`secrets.hosts.${name}\` binds a secret that no action takes with a caller's host`,
        `correct or remove \`secrets.hosts.${name}\``,
      )
    }
  }
  return section.checks
}

function callableActions(
  { config }: LoadedConfig,
  data: PolicyData,
  { snapshot }: InspectedActions,
): readonly string[] {
  const named = [...principalsOf(config), ...Object.keys(data.acl)]
  return [...new Set(named.flatMap((principal) => mayCall(data, snapshot, principal)))].sort()
}

interface Users {
  readonly required: string[]
  /** Actions whose host comes from the caller. */
  readonly unbound: string[]
}

function needed(
  { snapshot }: InspectedActions,
  callable: readonly string[],
): ReadonlyMap<string, Users> {
  const users = new Map<string, Users>()
  for (const id of callable) {
    for (const { name, required, to } of snapshot.actions.get(id)?.manifest.secrets ?? []) {
      const known = users.get(name) ?? { required: [], unbound: [] }
      users.set(name, known)
      if (required) known.required.push(id)
      if (to === null) known.unbound.push(id)
    }
  }
  return users
}
