import { existsSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { JsonObject, Result } from '@latchgate/protocol'
import { httpApiModule } from '@latchgate/providers'
import { loadManifests } from '../action-snapshot.js'
import { assertProtected } from '../config/protected-files.js'
import type { LoadedConfig } from '../config/schema.js'
import { replaceFile } from '../durable-file.js'
import { LedgerInUse } from '../ledger/faults.js'
import { lockLedger } from '../ledger/sqlite/open-ledger.js'
import type { Refusal } from '../refusal.js'
import type { PolicyData } from './data-document.js'
import { policyDataPath } from './load.js'
import { documentText } from './policy-document.js'
import { applyEdit, type PolicyEdit, refused } from './policy-edit.js'
import { POLICY_FILE_NAME, PolicyFileError, readPolicyFile } from './policy-file.js'

/**
 * The policy data of a project whose gate does not run; null without a file. Throws `PolicyFileError`.
 */
export function readProjectPolicy(loaded: LoadedConfig): PolicyData | null {
  return readPolicyFile(policyDataPath(loaded.root))?.data ?? null
}

/**
 * Edits the policy data of a project whose gate does not run, by the rules that a gate has. The edit
 * leaves no record; the next start records what it finds. Returns what the gate's endpoint answers.
 */
export function editProjectPolicy(
  loaded: LoadedConfig,
  edit: PolicyEdit,
  uid: number,
): Result<JsonObject, Refusal> {
  let release: () => void
  try {
    // A gate that starts meanwhile waits, or rather refuses; two edits at once do not lose one.
    release = existsSync(dirname(loaded.config.ledger_db_path))
      ? lockLedger(loaded.config.ledger_db_path)
      : () => undefined
  } catch (error) {
    if (!(error instanceof LedgerInUse)) throw error
    return refused(
      'conflict',
      'a gate, or another edit, has the ledger of this project, and no gate of it answers on its admin socket: repeat it, or stop that gate first',
    )
  }
  try {
    return edited(loaded, edit, uid)
  } finally {
    release()
  }
}

function edited(loaded: LoadedConfig, edit: PolicyEdit, uid: number): Result<JsonObject, Refusal> {
  const path = policyDataPath(loaded.root)
  assertProtected([dirname(path), path], uid)
  const file = readOrRefuse(path)
  if (!file.ok) return file
  const { config } = loaded
  const known = loadManifests(config.manifests_dir, [`builtin:${httpApiModule().name}`])
  const rules = { known, aclInsecure: config.posture.acl_insecure }
  const accepted = applyEdit(file.value, edit, rules)
  if (!accepted.ok) return accepted
  const { document, answer, changed } = accepted.value
  if (changed) replaceFile(realpathSync(path), Buffer.from(documentText(document)))
  return { ok: true, value: answer }
}

function readOrRefuse(path: string): Result<JsonObject, Refusal> {
  try {
    const file = readPolicyFile(path)
    if (file !== null) return { ok: true, value: file.document }
    const example = '{"policy_version": "v1", "acl": {}}'
    return refused('policy_write_error', 'data.json not found', {
      message: `there is no ${POLICY_FILE_NAME}: write one, ${example}`,
    })
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error
    return refused('policy_read_error', `${error.message}; correct it first`)
  }
}
