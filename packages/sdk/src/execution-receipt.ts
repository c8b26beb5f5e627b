import {
  type Members,
  objectMember,
  optionalCount,
  optionalText,
  requiredText,
} from './gate-answer.js'

/** A signed receipt (spec/http-api 12.1, 15.4). Times are the texts that were signed. */
export interface ExecutionReceipt {
  readonly receiptId: string
  readonly grantId: string
  readonly resultHash: string
  readonly startedAt: string
  readonly finishedAt: string
  /** Digest, or `builtin:` name, of the module that ran. */
  readonly providerModule: string
  readonly providerReceipt: unknown
  readonly normalizedResult: Members
  readonly verificationOutcome: Members
  readonly failureClass: string | null
  /** The provider succeeded and the effect is verified, or declared unverifiable. */
  readonly isFullySuccessful: boolean
  readonly signature: string | null
  readonly signingKeyId: string | null
  /** What the gate says about its own signature; `verifyReceipt` checks for itself. */
  readonly signatureStatus: string | null
  readonly sessionId: string | null
  readonly sessionSeq: number | null
  /** The receipt as the gate sent it: what the signature is checked on. */
  readonly raw: Members
}

/** Reads a receipt, from the gate or from a file. */
export function executionReceiptFromJson(body: Members): ExecutionReceipt {
  const normalizedResult = objectMember(body, 'normalized_result')
  const verificationOutcome = objectMember(body, 'verification_outcome')
  return {
    receiptId: requiredText(body, 'receipt_id', 'receipt'),
    grantId: requiredText(body, 'grant_id', 'receipt'),
    resultHash: requiredText(body, 'result_hash', 'receipt'),
    startedAt: requiredText(body, 'started_at', 'receipt'),
    finishedAt: requiredText(body, 'finished_at', 'receipt'),
    providerModule:
      optionalText(body, 'provider_module_digest') ??
      requiredText(body, 'provider_module', 'receipt'),
    providerReceipt: body['provider_receipt'],
    normalizedResult,
    verificationOutcome,
    failureClass: optionalText(body, 'failure_class'),
    isFullySuccessful: isFullySuccessful({ normalizedResult, verificationOutcome }),
    signature: optionalText(body, 'receipt_signature'),
    signingKeyId: optionalText(body, 'signing_key_id'),
    signatureStatus: optionalText(body, 'signature_status'),
    sessionId: optionalText(body, 'session_id'),
    sessionSeq: optionalCount(body, 'session_seq'),
    raw: body,
  }
}

/** The provider succeeded and the effect is verified, or declared unverifiable. */
export function isFullySuccessful(
  receipt: Pick<ExecutionReceipt, 'normalizedResult' | 'verificationOutcome'>,
): boolean {
  const status = receipt.verificationOutcome['status']
  return (
    receipt.normalizedResult['kind'] === 'success' &&
    (status === 'verified' || status === 'unverifiable_declared')
  )
}
