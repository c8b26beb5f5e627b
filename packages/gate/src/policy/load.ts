import { join } from 'node:path'
import { StartupError } from '../config/posture.js'
import type { PolicyData } from './data-document.js'
import { type PolicyFile, PolicyFileError, readPolicyFile } from './policy-file.js'

/** Where the data document of a configuration is; `root` is `LoadedConfig.root`. */
export function policyDataPath(root: string): string {
  return join(root, 'policies', 'data.json')
}

/**
 * Reads the data document at start; null when there is no file, which denies everything. Throws
 * `StartupError` when it cannot be read or is not valid: half a set of rights is none.
 */
export function loadPolicyFile(path: string): PolicyFile | null {
  try {
    return readPolicyFile(path)
  } catch (cause) {
    if (!(cause instanceof PolicyFileError)) throw cause
    const problem = cause.cause instanceof Error ? cause.cause.message : cause.message
    const message = cause.kind === 'unreadable' ? `cannot read ${path}` : `${path}: ${problem}`
    throw new StartupError('config_validation_failed', message, { cause: cause.cause })
  }
}

/** The rights in it alone. */
export function loadPolicyData(path: string): PolicyData | null {
  return loadPolicyFile(path)?.data ?? null
}
