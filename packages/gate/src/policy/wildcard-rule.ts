import { StartupError } from '../config/posture.js'
import type { PolicyData } from './data-document.js'
import type { KnownActions } from './policy-edit.js'

/** Ids of the actions whose risk is high or critical. */
export function riskyActions(snapshot: { readonly actions: KnownActions }): readonly string[] {
  return [...snapshot.actions.values()]
    .filter(({ manifest }) => ['high', 'critical'].includes(manifest.risk_level))
    .map(({ manifest }) => manifest.action_id)
}

/**
 * What is wrong with a wildcard entry that gives everybody an action of high or critical risk
 * (spec/cli-and-config 5.2), or null. `risky` are the ids of those actions.
 */
export function wildcardProblem(data: PolicyData, risky: readonly string[]): string | null {
  const everybody = data.acl['*']?.allowed_actions ?? []
  const granted = everybody.filter((action) => risky.includes(action))
  if (granted.length === 0) return null
  return (
    `policy data: \`acl.*.allowed_actions\` gives everybody actions of high risk ` +
    `(${granted.join(', ')}): grant them to principals by name, or set ` +
    '`[posture] acl_insecure = true`'
  )
}

/** Refuses to start on such an entry. */
export function assertWildcardAcl(data: PolicyData, risky: readonly string[]): void {
  const problem = wildcardProblem(data, risky)
  if (problem !== null) throw new StartupError('config_validation_failed', problem)
}
