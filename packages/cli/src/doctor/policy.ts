import {
  assertWildcardAcl,
  createRegoEngine,
  type InspectedActions,
  type LoadedConfig,
  loadPolicyData,
  type PolicyData,
  policyDataPath,
  riskyActions,
} from '@latchgate/gate'
import { type Check, Section } from './check.js'
import { mayCall } from './reachable-actions.js'

/** The policy data as a start reads it; null when it would refuse it or there is none. */
export function checkPolicy(
  loaded: LoadedConfig,
  actions: InspectedActions | null,
): { readonly checks: readonly Check[]; readonly data: PolicyData | null } {
  const section = new Section('policy')
  const path = policyDataPath(loaded.root)
  const data = section.attempt(
    'data',
    `mend ${path}, or \`latchgate init --force\` (keeps a backup)`,
    () => loadPolicyData(path),
    (found) => (found === null ? null : `${path}, version ${found.policy_version}`),
  )
  if (data === null) {
    section.warn('data', `there is no ${path}: every call is denied`, 'latchgate init --force')
  }
  if (data === undefined || data === null) return { checks: section.checks, data: null }
  section.attempt(
    'rules',
    'install @latchgate/policy again',
    () => engineOf(data),
    () => 'load',
  )
  checkAcl(section, path, data)
  if (actions !== null) {
    checkWildcard(section, loaded, data, actions)
    checkGrants(section, path, data, actions)
    checkEffects(section, path, data, actions)
    checkReach(section, loaded, data, actions)
  }
  return { checks: section.checks, data }
}

function engineOf(data: PolicyData): void {
  void createRegoEngine(data).close()
}

function checkAcl(section: Section, path: string, { acl }: PolicyData): void {
  const granting = Object.entries(acl).filter(([, entry]) => entry.allowed_actions.length > 0)
  if (granting.length > 0) section.ok('acl', `${granting.length} entries grant something`)
  else {
    section.warn(
      'acl',
      'it grants nothing: every call is denied',
      `add \`acl.<principal>.allowed_actions\` in ${path}`,
    )
  }
}

function checkWildcard(
  section: Section,
  { config }: LoadedConfig,
  data: PolicyData,
  { snapshot }: InspectedActions,
): void {
  const risky = riskyActions(snapshot)
  if (!config.posture.acl_insecure) {
    section.attempt(
      'wildcard',
      'grant them to principals by name',
      () => assertWildcardAcl(data, risky),
      () => 'gives nobody an action of high risk',
    )
    return
  }
  const granted = (data.acl['*']?.allowed_actions ?? []).filter((one) => risky.includes(one))
  if (granted.length === 0) section.ok('wildcard', 'gives nobody an action of high risk')
  else {
    section.warn(
      'wildcard',
      `everybody may call actions of high risk: ${granted.join(', ')}`,
      'grant them to principals by name: `acl.*.allowed_actions`',
    )
  }
}

// A misspelt id grants less than its author believes.
function checkGrants(
  section: Section,
  path: string,
  { acl }: PolicyData,
  { snapshot }: InspectedActions,
): void {
  for (const [principal, { allowed_actions: ids }] of Object.entries(acl)) {
    const unknown = ids.filter((id) => !snapshot.actions.has(id))
    if (unknown.length === 0) continue
    section.warn(
      'unknown_actions',
      `'${principal}' is granted actions that do not exist: ${unknown.join(', ')}`,
      `correct \`acl.${principal}.allowed_actions\` in ${path}; \`latchgate actions\` lists them`,
    )
  }
}

// So does a misspelt effect: every action that declares the one that was meant is denied.
function checkEffects(
  section: Section,
  path: string,
  { acl }: PolicyData,
  { snapshot }: InspectedActions,
): void {
  const all = [...snapshot.actions.values()].flatMap((one) => one.manifest.declared_side_effects)
  const known = [...new Set(all)].sort()
  for (const [principal, { allowed_sinks: sinks }] of Object.entries(acl)) {
    const unknown = sinks.filter((sink) => !known.includes(sink))
    if (unknown.length === 0) continue
    section.warn(
      'unknown_effects',
      `'${principal}' is granted effects that no action declares: ${unknown.join(', ')}`,
      `correct \`acl.${principal}.allowed_sinks\` in ${path}; there are: ${known.join(', ')}`,
    )
  }
}

function checkReach(
  section: Section,
  { config }: LoadedConfig,
  data: PolicyData,
  { snapshot }: InspectedActions,
): void {
  const principals = principalsOf(config)
  // Whom tokens name only their issuers know.
  if (principals.length === 0) return
  const idle = principals.filter((one) => mayCall(data, snapshot, one).length === 0)
  for (const principal of idle) {
    section.warn(
      'reach',
      `'${principal}' reaches no action`,
      `grant it some: \`acl.${principal}.allowed_actions\` and \`allowed_sinks\` in policies/data.json`,
    )
  }
  if (idle.length === 0) section.ok('reach', `${principals.join(', ')} may call something`)
}

/** Principals that the configuration names. */
export function principalsOf({ identity, agents }: LoadedConfig['config']): readonly string[] {
  const registered = Object.values(agents).map(({ principal }) => principal)
  if (identity.provider === 'none') return [...new Set(['dev:anonymous', ...registered])]
  const mapped = Object.values(identity.peercred.principals).map(({ principal }) => principal)
  return [...new Set([...mapped, ...registered])]
}
