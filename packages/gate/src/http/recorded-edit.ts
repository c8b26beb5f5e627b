import type { JsonObject, Result } from '@latchgate/protocol'
import type { OperatorContext } from '../auth/operator.js'
import { StartupError } from '../config/posture.js'
import { type OperatorAct, recordAct, recordActWithoutProof } from '../operator-act.js'
import { isList } from '../policy/document-reader.js'
import { PolicyFault } from '../policy/engine.js'
import { type AcceptedEdit, applyEdit, type PolicyEdit, refused } from '../policy/policy-edit.js'
import { POLICY_FILE_NAME, type PolicyFile, PolicyFileError } from '../policy/policy-file.js'
import { PolicyFileChanged } from '../policy/policy-store.js'
import { Fault, type Refusal, type Refused } from '../refusal.js'
import type { Services } from '../services.js'

/**
 * Changes the policy data for an operator (spec/http-api 12.7 and 12.8): one edit after the other, each
 * recorded before it is in force. Returns the body of the 200.
 */
export function editPolicy(
  services: Services,
  operator: OperatorContext,
  edit: PolicyEdit,
): Promise<Result<JsonObject, Refusal>> {
  const { policyStore } = services
  return policyStore.exclusively(async () => {
    const found = fileInForce(services)
    if (!found.ok) return found
    const rules = policyStore.rules(services.actions().actions)
    const edited = applyEdit(found.value.document, edit, rules)
    if (!edited.ok) return edited
    const act = actOf(edit, found.value, edited.value)
    // First the record: nobody may act on a right that left no trace.
    const recorded = await recordAct(services, operator, act)
    if (!recorded.ok) return recorded
    if (!edited.value.changed) return { ok: true, value: edited.value.answer }
    try {
      policyStore.replace(found.value, edited.value.document, edited.value.data)
    } catch (error) {
      return editFailed(services, operator, act, error)
    }
    policyStore.recordedDigest = services.policy.dataDigest
    return { ok: true, value: edited.value.answer }
  })
}

// An edit of another document than the one in force would put into force what nobody loaded.
function fileInForce(services: Services): Result<PolicyFile, Refusal> {
  let file: PolicyFile | null
  try {
    file = services.policyStore.read(services.actions().actions)
  } catch (error) {
    if (error instanceof PolicyFileError && error.kind === 'invalid') {
      return conflict(`${error.message}; correct it, then run \`latchgate policy reload\``)
    }
    return refused('policy_read_error', unusableFile(error))
  }
  if (file === null) {
    return refused('policy_write_error', 'data.json not found', {
      message: `there is no ${POLICY_FILE_NAME}: write one, {"policy_version": "v1", "acl": {}}, then run \`latchgate policy reload\``,
    })
  }
  if (services.policyStore.inForce !== null && file.digest === services.policy.dataDigest) {
    return { ok: true, value: file }
  }
  return conflict('run `latchgate policy reload` to put it into force, then repeat the edit')
}

function conflict(remedy: string): Refused {
  return refused('conflict', `${POLICY_FILE_NAME} is not what is in force: ${remedy}`)
}

// Why the file cannot be read, without the name of a directory. Throws what is neither an answer of
// the system nor about the file.
function unusableFile(error: unknown): string {
  if (error instanceof PolicyFileError) return error.message
  if (error instanceof StartupError) {
    return `${POLICY_FILE_NAME} or its directory can be written by somebody else: the gate's log says how to mend it`
  }
  throw error
}

function actOf(edit: PolicyEdit, before: PolicyFile, after: AcceptedEdit): OperatorAct {
  const { data, changed } = after
  const detail = fitting(after.detail)
  return {
    type: 'policy',
    event: edit.event,
    text: after.text,
    detail: {
      ...detail,
      changed,
      version_before: before.data.policy_version,
      version_after: data.policy_version,
      digest_before: before.digest,
      digest_after: after.digest,
    },
  }
}

/** Bytes that the names of actions take in the record of an edit. */
const MAX_ACTIONS_BYTES = 10_240

// An entry may have any number of rights, a record has 16 KiB: taking them all away must not fail for
// want of room. What an entry had before, the document of `digest_before` says.
function fitting(detail: JsonObject): JsonObject {
  const { actions } = detail
  if (!isList(actions)) return detail
  let left = MAX_ACTIONS_BYTES
  const cut = actions.findIndex((action) => {
    left -= Buffer.byteLength(JSON.stringify(action)) + 1
    return left < 0
  })
  if (cut < 0) return detail
  return { ...detail, actions: actions.slice(0, cut), actions_left_out: actions.length - cut }
}

async function editFailed(
  services: Services,
  operator: OperatorContext,
  act: OperatorAct,
  error: unknown,
): Promise<Refused> {
  services.log.error({ err: error, event: act.event }, 'a recorded edit is not in force')
  await recordActWithoutProof(services, operator, {
    type: 'policy',
    event: 'policy_edit_failed',
    text: `event=${act.event} ${act.text ?? ''}`,
    detail: { ...act.detail, event: act.event, digest_in_force: services.policy.dataDigest },
  })
  if (error instanceof PolicyFileChanged) {
    return conflict('it was changed while the edit was under way; look at it, then reload')
  }
  const kept = 'what was in force before still is'
  if (error instanceof PolicyFault) {
    return refused('policy_write_error', `the engine cannot take the document; ${kept}`)
  }
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined) throw new Fault('internal_error', 'the edit failed', { cause: error })
  return refused('policy_write_error', `${POLICY_FILE_NAME} cannot be written (${code}); ${kept}`)
}
