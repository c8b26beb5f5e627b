import type { JsonObject } from './json-value.js'

/** What an operator wants remembered of a call that he approves (design 9). */
export type Learning = {
  /** A host, as the allow list writes it. */
  readonly domain?: string
  /** A path pattern, relative to the root of the session. */
  readonly path?: string
  /** For every principal; without it for the one that called. */
  readonly everybody?: true
}

/** Claims of an attestation: an operator's decision on a plan, signed by his own key (design 9). */
export type AttestationClaims = {
  /** Name of the log: a decision is of one gate and in no other. */
  readonly aud: string
  readonly approval_id: string
  /** 64 hex digits. */
  readonly plan_hash: string
  readonly decision: 'approve' | 'deny'
  readonly reason: string | null
  readonly learn: Learning | null
  /** Unix seconds. */
  readonly iat: number
  readonly jti: string
}

/** `typ` of the JWS (design 9). */
export const ATTESTATION_TYPE = 'latchgate-approval+jwt'

/** Characters of an attestation at most: it stands in a record of bounded size. */
export const MAX_ATTESTATION_LENGTH = 2048

/** Bytes of a reason that an operator gives, at most. */
export const MAX_REASON_BYTES = 500

/** What `approval_hash` is the SHA-256 of (spec/auth-and-evidence 12.4). */
export function approvalHashInput(approvalId: string, planHash: string): string {
  return `latchgate-approval-v1:${approvalId}:${planHash}`
}

/** The claims in the order in which they are signed. */
export function attestationPayload(claims: AttestationClaims): JsonObject {
  const { aud, approval_id, plan_hash, decision, reason, learn, iat, jti } = claims
  return { aud, approval_id, plan_hash, decision, reason, learn, iat, jti }
}
