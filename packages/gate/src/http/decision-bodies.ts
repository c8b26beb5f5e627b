import {
  type ApproveRequest,
  type DenyRequest,
  type Json,
  type JsonObject,
  type Learning,
  MAX_REASON_BYTES,
  type Result,
} from '@latchgate/protocol'
import type { Refusal } from '../refusal.js'
import { invalidRequest, knownMembers } from './request-members.js'

/** The body of an approval, checked for its shape: 422 for anything else. */
export function parseApproveRequest(json: Json): Result<ApproveRequest, Refusal> {
  const object = knownMembers(json, ['plan_hash', 'learn', 'attestation'])
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
  const object = knownMembers(json, ['reason', 'plan_hash', 'attestation'])
  if (!object.ok) return object
  const { reason } = object.value
  if (reason !== undefined && reason !== null && typeof reason !== 'string') {
    return invalidRequest(['reason'], 'reason must be a string')
  }
  if (typeof reason === 'string' && Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    return invalidRequest(['reason'], `reason has at most ${MAX_REASON_BYTES} bytes`)
  }
  const common = commonMembers(object.value)
  if (!common.ok) return common
  return {
    ok: true,
    value: { ...common.value, ...(typeof reason === 'string' && reason !== '' ? { reason } : {}) },
  }
}

function commonMembers({
  plan_hash,
  attestation,
}: JsonObject): Result<Pick<ApproveRequest, 'plan_hash' | 'attestation'>, Refusal> {
  if (plan_hash !== undefined && plan_hash !== null && !isPlanHash(plan_hash)) {
    return invalidRequest(['plan_hash'], 'plan_hash must be 64 hex digits')
  }
  if (attestation !== undefined && attestation !== null && typeof attestation !== 'string') {
    return invalidRequest(['attestation'], 'attestation must be a compact JWS')
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
  const object = knownMembers(json, ['domain', 'path', 'everybody'], ['learn'])
  if (!object.ok) return object
  const { domain, path, everybody } = object.value
  if (domain !== undefined && typeof domain !== 'string') {
    return invalidRequest(['learn', 'domain'], 'domain must be a string')
  }
  if (path !== undefined && typeof path !== 'string') {
    return invalidRequest(['learn', 'path'], 'path must be a string')
  }
  if (everybody !== undefined && everybody !== true) {
    return invalidRequest(['learn', 'everybody'], 'everybody is true or left out')
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

function isPlanHash(value: Json | undefined): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}
