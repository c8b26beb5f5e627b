import {
  type ApproveRequest,
  type AttestationClaims,
  canonicalize,
  type DenyRequest,
  type Json,
  type JsonObject,
  type Learning,
  MAX_REASON_BYTES,
  type Result,
} from '@latchgate/protocol'
import { verifyAttestation } from '@latchgate/protocol/node'
import type { OperatorContext } from '../auth/operator.js'
import type { StoredApproval } from '../ledger/port.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'

/** The body of an approval, checked for its shape: 422 for anything else. */
export function parseApproveRequest(json: Json): Result<ApproveRequest, Refusal> {
  const object = members(json, ['plan_hash', 'learn', 'attestation'])
  if (!object.ok) return object
  const { learn } = object.value
  const common = commonMembers(object.value)
  if (!common.ok) return common
  const learning = parseLearning(learn ?? null)
  if (!learning.ok) return learning
  return {
    ok: true,
    value: { ...common.value, ...(learning.value === null ? {} : { learn: learning.value }) },
  }
}

/** The body of a denial. */
export function parseDenyRequest(json: Json): Result<DenyRequest, Refusal> {
  const object = members(json, ['reason', 'plan_hash', 'attestation'])
  if (!object.ok) return object
  const { reason } = object.value
  if (reason !== undefined && reason !== null && typeof reason !== 'string') {
    return invalid('/reason', 'reason must be a string')
  }
  if (typeof reason === 'string' && Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    return invalid('/reason', `reason has at most ${MAX_REASON_BYTES} bytes`)
  }
  const common = commonMembers(object.value)
  if (!common.ok) return common
  return {
    ok: true,
    value: { ...common.value, ...(typeof reason === 'string' && reason !== '' ? { reason } : {}) },
  }
}

/**
 * Holds a decision against what it is about: the plan that was shown, and the operator's own
 * signature. Refuses with `plan_hash_mismatch`, `attestation_invalid` or `attestation_mismatch`.
 */
export function checkDecision(
  services: Services,
  approval: StoredApproval,
  operator: OperatorContext,
  given: {
    readonly decision: AttestationClaims['decision']
    readonly request: ApproveRequest & DenyRequest
  },
): Result<void, Refusal> {
  const { request, decision } = given
  const { plan_hash: shown, attestation } = request
  if (shown !== undefined && shown !== approval.planHash) {
    const message = 'The plan is not the one that was shown: look at it again, then decide.'
    return { ok: false, error: refuse('plan_hash_mismatch', { message }) }
  }
  if (attestation === undefined) return { ok: true, value: undefined }
  const verdict = verifyAttestation(attestation, {
    audience: services.ledger.origin,
    approvalId: approval.approvalId,
    planHash: approval.planHash,
    decision,
    jkt: operator.jkt,
    nowSeconds: Math.floor(services.now() / 1000),
  })
  if (!verdict.ok) {
    const { kind, reason } = verdict.error
    const code = kind === 'invalid' ? 'attestation_invalid' : 'attestation_mismatch'
    return { ok: false, error: refuse(code, { message: `The attestation is refused: ${reason}.` }) }
  }
  // What is signed must be what is done: a signature over less would be evidence of nothing.
  const signed = canonicalize({ learn: verdict.value.learn, reason: verdict.value.reason })
  const asked = canonicalize({ learn: request.learn ?? null, reason: request.reason ?? null })
  if (signed === asked) return { ok: true, value: undefined }
  const message = 'The attestation is refused: its reason and learn are not those of the request.'
  return { ok: false, error: refuse('attestation_mismatch', { message }) }
}

function commonMembers({
  plan_hash,
  attestation,
}: JsonObject): Result<Pick<ApproveRequest, 'plan_hash' | 'attestation'>, Refusal> {
  if (plan_hash !== undefined && plan_hash !== null && !isPlanHash(plan_hash)) {
    return invalid('/plan_hash', 'plan_hash must be 64 hex digits')
  }
  if (attestation !== undefined && attestation !== null && typeof attestation !== 'string') {
    return invalid('/attestation', 'attestation must be a compact JWS')
  }
  return {
    ok: true,
    value: {
      ...(isPlanHash(plan_hash) ? { plan_hash } : {}),
      ...(typeof attestation === 'string' ? { attestation } : {}),
    },
  }
}

function parseLearning(json: Json): Result<Learning | null, Refusal> {
  if (json === null) return { ok: true, value: null }
  const object = members(json, ['domain', 'path', 'everybody'], '/learn')
  if (!object.ok) return object
  const { domain, path, everybody } = object.value
  if (domain !== undefined && typeof domain !== 'string') {
    return invalid('/learn/domain', 'domain must be a string')
  }
  if (path !== undefined && typeof path !== 'string') {
    return invalid('/learn/path', 'path must be a string')
  }
  if (everybody !== undefined && everybody !== true) {
    return invalid('/learn/everybody', 'everybody is true or left out')
  }
  return {
    ok: true,
    value: {
      ...(domain === undefined ? {} : { domain }),
      ...(path === undefined ? {} : { path }),
      ...(everybody === undefined ? {} : { everybody }),
    },
  }
}

function members(json: Json, known: readonly string[], at = ''): Result<JsonObject, Refusal> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return invalid(at, `${at === '' ? 'the body' : at.slice(1)} must be a JSON object`)
  }
  const unknown = Object.keys(json).find((member) => !known.includes(member))
  if (unknown === undefined) return { ok: true, value: json as JsonObject }
  return invalid(`${at}/${unknown}`, `unknown member '${unknown}': known are ${known.join(', ')}`)
}

function isPlanHash(value: Json | undefined): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function invalid(path: string, message: string): { readonly ok: false; readonly error: Refusal } {
  return { ok: false, error: refuse('invalid_request', { message, body: { path } }) }
}
