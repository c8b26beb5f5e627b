import {
  ATTESTATION_TYPE,
  type AttestationClaims,
  attestationPayload,
  type Learning,
  MAX_ATTESTATION_LENGTH,
} from '../approval-attestation.js'
import { decodeBase64url } from '../base64url.js'
import type { Json, JsonObject } from '../json-value.js'
import { err, ok, type Result } from '../result.js'
import { sanitizeText } from '../sanitize.js'
import type { DPoPKeyPair } from './dpop-key-pair.js'
import { readPart, splitCompactJws, verifyEs256 } from './jws.js'
import { importPoint, readP256Jwk } from './p256-key.js'
import { jwkThumbprint } from './thumbprint.js'
import { timingSafeEqualText } from './timing-safe.js'

/** What an attestation must be about. */
export interface AttestationExpectation {
  /** Name of the log. */
  readonly audience: string
  readonly approvalId: string
  readonly planHash: string
  readonly decision: AttestationClaims['decision']
  /** Thumbprint of the operator's registered key. */
  readonly jkt: string
  /** Unix seconds. */
  readonly nowSeconds: number
}

/**
 * Why an attestation is not accepted. `invalid`: it is none of this operator. `mismatch`: it is one,
 * but of another log, approval, plan or decision. `reason` is at most 200 bytes of printable text.
 */
export interface AttestationFault {
  readonly kind: 'invalid' | 'mismatch'
  readonly reason: string
}

/** Seconds that an attestation may be ahead of our clock, and old. */
const MAX_SKEW_SECONDS = 60
const MAX_AGE_SECONDS = 600

/** Signs a decision with the operator's key: a compact JWS, ES256 (design 9). */
export function signAttestation(claims: AttestationClaims, key: DPoPKeyPair): string {
  return key.signJws(ATTESTATION_TYPE, attestationPayload(claims))
}

/**
 * Verifies a decision and that it is this one: key, log, approval, plan, decision, age. A signed
 * decision is worth nothing when it could have been meant for something else.
 */
export function verifyAttestation(
  attestation: string,
  expect: AttestationExpectation,
): Result<AttestationClaims, AttestationFault> {
  if (attestation.length > MAX_ATTESTATION_LENGTH) {
    return invalid(`it has ${attestation.length} characters, at most ${MAX_ATTESTATION_LENGTH}`)
  }
  const jws = splitCompactJws(attestation)
  if (jws === null) return invalid('it is no compact JWS')
  const header = readPart(jws.header)
  if (typeof header === 'string') return invalid(`its header does not parse (${header})`)
  if (header['typ'] !== ATTESTATION_TYPE) return invalid(`its typ is not '${ATTESTATION_TYPE}'`)
  if (header['alg'] !== 'ES256') return invalid("its alg is not 'ES256'")
  // RFC 7515 4.1.11: an extension that we do not know must not be ignored.
  if (Object.hasOwn(header, 'crit')) return invalid('crit names extensions we do not know')
  if (header['jwk'] === undefined) return invalid('it has no jwk in its header')
  const jwk = readP256Jwk(header['jwk'], 'jwk')
  if (!jwk.ok) return invalid(jwk.error.reason)
  if (!timingSafeEqualText(jwkThumbprint(jwk.value), expect.jkt)) {
    return invalid("it is signed by another key than the operator's")
  }
  const key = importPoint(jwk.value, 'jwk')
  if (!key.ok) return invalid(key.error.reason)
  const signature = decodeBase64url(jws.signature)
  if (signature === null || !verifyEs256(jws.signed, signature, key.value)) {
    return invalid('its signature does not verify')
  }
  const payload = readPart(jws.payload, { integerMembers: ['iat'] })
  if (typeof payload === 'string') return invalid(`its payload does not parse (${payload})`)
  const claims = readClaims(payload)
  if (typeof claims === 'string') return invalid(`its claim ${claims} is missing or wrong`)
  return compare(claims, expect)
}

function compare(
  claims: AttestationClaims,
  expect: AttestationExpectation,
): Result<AttestationClaims, AttestationFault> {
  if (claims.aud !== expect.audience) {
    return mismatch(`it is for the log '${claims.aud}', this is '${expect.audience}'`)
  }
  if (claims.approval_id !== expect.approvalId) {
    return mismatch(`it is for the approval '${claims.approval_id}'`)
  }
  if (claims.plan_hash !== expect.planHash) {
    return mismatch('it is for another plan: look at the call again')
  }
  if (claims.decision !== expect.decision) return mismatch(`it says '${claims.decision}'`)
  const age = expect.nowSeconds - claims.iat
  // Written so that a clock that is not a number refuses.
  if (!(age >= -MAX_SKEW_SECONDS && age <= MAX_AGE_SECONDS)) {
    return invalid(`it was signed ${age} s ago: sign it anew, and compare the clocks`)
  }
  return ok(claims)
}

function readClaims(payload: JsonObject): AttestationClaims | string {
  const { aud, approval_id, plan_hash, decision, iat, jti } = payload
  if (typeof aud !== 'string') return 'aud'
  if (typeof approval_id !== 'string') return 'approval_id'
  if (typeof plan_hash !== 'string') return 'plan_hash'
  if (decision !== 'approve' && decision !== 'deny') return 'decision'
  const reason = payload['reason'] ?? null
  if (reason !== null && typeof reason !== 'string') return 'reason'
  const learn = readLearning(payload['learn'] ?? null)
  if (learn === undefined) return 'learn'
  if (typeof iat !== 'number') return 'iat'
  if (typeof jti !== 'string' || jti === '') return 'jti'
  return { aud, approval_id, plan_hash, decision, reason, learn, iat, jti }
}

function readLearning(value: Json): Learning | null | undefined {
  if (value === null) return null
  if (typeof value !== 'object' || Array.isArray(value)) return undefined
  const { domain, path, everybody, ...others } = value as JsonObject
  if (Object.keys(others).length > 0) return undefined
  if (domain !== undefined && typeof domain !== 'string') return undefined
  if (path !== undefined && typeof path !== 'string') return undefined
  if (everybody !== undefined && everybody !== true) return undefined
  return {
    ...(domain === undefined ? {} : { domain }),
    ...(path === undefined ? {} : { path }),
    ...(everybody === undefined ? {} : { everybody }),
  }
}

function invalid(reason: string): { readonly ok: false; readonly error: AttestationFault } {
  return err({ kind: 'invalid', reason: sanitizeText(reason, 200) })
}

function mismatch(reason: string): { readonly ok: false; readonly error: AttestationFault } {
  return err({ kind: 'mismatch', reason: sanitizeText(reason, 200) })
}
