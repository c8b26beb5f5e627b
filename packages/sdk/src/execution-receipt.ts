import {
  type Members,
  objectMember,
  optionalCount,
  optionalText,
  requiredText,
} from './gate-answer.js'

/** A signed receipt (spec/http-api 12.1, 15.4). Times are the texts that were signed. */
export interface ExecutionReceipt {
  /** UUID of this receipt. */
  readonly receiptId: string
  /** Id of the grant, valid once, that the call used up. */
  readonly grantId: string
  /** SHA-256 over ten members of the receipt, 64 hex digits. */
  readonly resultHash: string
  /** When the provider was started, RFC 3339. */
  readonly startedAt: string
  /** When the outcome was known, RFC 3339. */
  readonly finishedAt: string
  /** Digest, or `builtin:` name, of the module that ran. */
  readonly providerModule: string
  /** What came back: `ok`, `status_code`, `content_type`, `body_sha256`, `body_bytes`. */
  readonly providerReceipt: unknown
  /** As sent; `kind`: `success`, `provider_failure`, `timeout`, `cancelled` or `internal_error`. */
  readonly normalizedResult: Members
  /**
   * As sent; `status`: `verified`, `verification_failed`, `unverifiable_declared`, `skipped` or
   * `provider_failed_before_verification`.
   */
  readonly verificationOutcome: Members
  /** `provider_error`, `timeout` and so on, as the gate names it; null after a success. */
  readonly failureClass: string | null
  /** The provider succeeded and the effect is verified, or declared unverifiable. */
  readonly isFullySuccessful: boolean
  /** Ed25519 over the receipt, as sent; null: it is not signed. */
  readonly signature: string | null
  /** The `kid` of the key that signed. */
  readonly signingKeyId: string | null
  /** What the gate says about its own signature; `verifyReceipt` checks for itself. */
  readonly signatureStatus: string | null
  /** The session of the call. */
  readonly sessionId: string | null
  /** Number of the call in its session, from 1. */
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
