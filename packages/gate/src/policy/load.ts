import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartupError } from '../config/posture.js'
import type { ActionSnapshot } from '../registered-action.js'
import { type PolicyData, PolicyDataError, parsePolicyData } from './data-document.js'

/** Where the data document of a configuration is; `root` is `LoadedConfig.root`. */
export function policyDataPath(root: string): string {
  return join(root, 'policies', 'data.json')
}

/** Ids of the actions whose risk is high or critical. */
export function riskyActions(snapshot: ActionSnapshot): readonly string[] {
  return [...snapshot.actions.values()]
    .filter(({ manifest }) => ['high', 'critical'].includes(manifest.risk_level))
    .map(({ manifest }) => manifest.action_id)
}

/**
 * Reads the data document at start; null when there is no file, which denies everything. Throws
 * `StartupError` when it cannot be read or is not valid: half a set of rights is none.
 */
export function loadPolicyData(path: string): PolicyData | null {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new StartupError('config_validation_failed', `cannot read ${path}`, { cause })
  }
  try {
    return parsePolicyData(bytes)
  } catch (cause) {
    if (!(cause instanceof PolicyDataError)) throw cause
    throw new StartupError('config_validation_failed', `${path}: ${cause.message}`, { cause })
  }
}

/**
 * Refuses a wildcard entry that gives everybody an action of high or critical risk
 * (spec/cli-and-config 5.2). `risky` are the ids of those actions.
 */
export function assertWildcardAcl(data: PolicyData, risky: readonly string[]): void {
  const everybody = data.acl['*']?.allowed_actions ?? []
  const granted = everybody.filter((action) => risky.includes(action))
  if (granted.length === 0) return
  throw new StartupError(
    'config_validation_failed',
    `policy data: \`acl.*.allowed_actions\` gives everybody actions of high risk ` +
      `(${granted.join(', ')}): grant them to principals by name, or set ` +
      '`[posture] acl_insecure = true`',
  )
}
