import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildPolicyData, loadPreset } from '@latchgate/catalogue'
import {
  assertWildcardAcl,
  inspectActions,
  type LoadedConfig,
  type PolicyData,
  PolicyDataError,
  parsePolicyData,
  policyDataPath,
  replaceFile,
  riskyActions,
  writeNewFile,
} from '@latchgate/gate'
import { principalsOf } from './doctor/policy.js'

/** What `init --force` did to the policy data. */
export interface RenewedPolicyData {
  readonly dataFile: string
  /** The old file, byte for byte; null when there was none. */
  readonly backup: string | null
  readonly principals: readonly string[]
  /** Parts of the old document that only tighten, and therefore stay. */
  readonly kept: readonly string[]
  /** Rights of the old document that are only in the backup now. */
  readonly dropped: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Writes the policy data of a preset in place of what is there, after a backup. Quotas and approval
 * rules stay: a preset is a set of grants, and to renew it must not lift what an operator forbade.
 * Throws `StartupError`, having written nothing, when a start would refuse the result.
 */
export async function renewPolicyData(
  loaded: LoadedConfig,
  preset: string,
  now: Date,
): Promise<RenewedPolicyData> {
  const { snapshot } = await inspectActions(loaded.config.manifests_dir)
  const manifests = [...snapshot.actions.values()].map(({ manifest }) => manifest)
  const principals = principalsOf(loaded.config)
  const dataFile = policyDataPath(loaded.root)
  const bytes = readIfThere(dataFile)
  const old = bytes === null ? null : parseIfValid(bytes)
  const { quotas = {}, require_approval = {}, quorum = {} } = old?.latchgate ?? {}
  const data = {
    ...buildPolicyData(loadPreset(preset), manifests, principals),
    latchgate: { quotas, require_approval, quorum },
  }
  const text = `${JSON.stringify(data, null, 2)}\n`
  const parsed = parsePolicyData(text)
  if (!loaded.config.posture.acl_insecure) assertWildcardAcl(parsed, riskyActions(snapshot))
  const backup = bytes === null ? null : keep(dataFile, bytes, now)
  replaceFile(dataFile, Buffer.from(text))
  const lost = bytes !== null && old === null
  return {
    dataFile,
    backup,
    principals,
    kept: [
      ...Object.keys(quotas).map((who) => `quotas of ${who}`),
      ...Object.keys(require_approval).map((action) => `approval rule of ${action}`),
    ],
    dropped: old === null ? [] : droppedFrom(old, principals),
    warnings: lost
      ? ['the old data was not valid: quotas and approval rules in it, if any, are not in force']
      : [],
  }
}

function droppedFrom({ acl, latchgate }: PolicyData, principals: readonly string[]) {
  const others = Object.keys(acl).filter((one) => one !== '*' && !principals.includes(one))
  return [
    ...others.map((one) => `rights of ${one}`),
    ...Object.keys(latchgate.allowlist).map((action) => `approval bypass of ${action}`),
  ]
}

function readIfThere(path: string): Uint8Array | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function parseIfValid(bytes: Uint8Array): PolicyData | null {
  try {
    return parsePolicyData(bytes)
  } catch (error) {
    if (error instanceof PolicyDataError) return null
    throw error
  }
}

function keep(dataFile: string, bytes: Uint8Array, now: Date): string {
  const stamp = now.toISOString().replaceAll(/[-:]/g, '')
  const backup = join(dirname(dataFile), `data.json.${stamp}.bak`)
  writeNewFile(backup, bytes)
  return backup
}
