import {
  type ApproveRequest,
  type AttestationClaims,
  canonicalize,
  type DenyRequest,
  type Result,
} from '@latchgate/protocol'
import { verifyAttestation } from '@latchgate/protocol/node'
import type { OperatorContext } from '../auth/operator.js'
import type { StoredApproval } from '../ledger/port.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'

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
