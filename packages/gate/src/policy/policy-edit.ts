import { didYouMean, type Manifest } from '@latchgate/catalogue'
import { canonicalize, type JsonObject, type Result } from '@latchgate/protocol'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import { type PolicyData, PolicyDataError, validatePolicyData } from './data-document.js'
import { nextVersion, policyDataDigest, valueAt, withValueAt } from './policy-document.js'
import { riskyActions, wildcardProblem } from './wildcard-rule.js'

/** The actions that there are, by id. */
export type KnownActions = ReadonlyMap<string, { readonly manifest: Manifest }>

/** `event_type` of a record of an edit (spec/http-api 12.2). */
export type PolicyEvent =
  | 'policy_grant'
  | 'policy_revoke'
  | 'policy_allowlist_added'
  | 'policy_allowlist_removed'
  | 'policy_require_approval_added'
  | 'policy_require_approval_removed'
  | 'policy_quota_set'
  | 'policy_quorum_set'

/** A change of the policy data: a pure function from document to document. */
export interface PolicyEdit {
  readonly event: PolicyEvent
  /** Gets a valid document. Does not touch `policy_version`. */
  readonly apply: (document: JsonObject, known: KnownActions) => Result<Edited, Refusal>
}

/** What an edit makes of a document. */
export interface Edited {
  readonly document: JsonObject
  /** Body of the 200. */
  readonly answer: JsonObject
  /** Detail text of the audit event. */
  readonly text: string
  /** The same for programs. */
  readonly detail: JsonObject
}

/** An edit that may come into force. */
export interface AcceptedEdit extends Edited {
  readonly data: PolicyData
  /** Of `data`. */
  readonly digest: string
  /** False when the document says already what was asked for; its version stays then. */
  readonly changed: boolean
}

/** What a document is held against beside its own form. */
export interface DocumentRules {
  readonly known: KnownActions
  /** `[posture] acl_insecure`. */
  readonly aclInsecure: boolean
}

/** Applies an edit to a valid document, gives the result its version, and checks the whole of it. */
export function applyEdit(
  document: JsonObject,
  edit: PolicyEdit,
  rules: DocumentRules,
): Result<AcceptedEdit, Refusal> {
  const edited = edit.apply(document, rules.known)
  if (!edited.ok) return edited
  const changed = canonicalize(edited.value.document) !== canonicalize(document)
  const version = valueAt(document, ['policy_version'])
  const next = changed
    ? withValueAt(
        edited.value.document,
        ['policy_version'],
        nextVersion(typeof version === 'string' ? version : ''),
      )
    : document
  try {
    const data = validatePolicyData(next)
    const problem = rules.aclInsecure
      ? null
      : wildcardProblem(data, riskyActions({ actions: rules.known }))
    if (problem !== null) return refused('invalid_input', problem)
    const digest = policyDataDigest(data)
    return { ok: true, value: { ...edited.value, document: next, data, digest, changed } }
  } catch (error) {
    if (!(error instanceof PolicyDataError)) throw error
    return refused('invalid_input', error.message)
  }
}

/** A refusal whose `detail` is the published text and whose message may say more. */
export function refused(
  code: Refusal['code'],
  detail: string,
  given: { readonly message?: string; readonly body?: JsonObject } = {},
): Refused {
  const body = given.body ?? { detail }
  return { ok: false, error: refuse(code, { message: given.message ?? detail, body, detail }) }
}

/** The refusal for an action that does not exist, with the one that was probably meant. */
export function unknownAction(
  code: 'unknown_action' | 'action_not_found',
  actionId: string,
  known: KnownActions,
): Refused {
  const message = `there is no action '${actionId}'${didYouMean(actionId, [...known.keys()])}`
  return refused(code, message, { body: { action_id: actionId } })
}
