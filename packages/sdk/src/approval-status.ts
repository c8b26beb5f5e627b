import { type Members, optionalCount, optionalText } from './gate-answer.js'

/** State of a held call (spec/http-api 11.1, 15.4). */
export interface ApprovalStatus {
  /** The id that was asked for. */
  readonly approvalId: string
  /** `pending`, `approved`, `denied`, `failed` or `expired`. */
  readonly status: string
  /** Empty when the gate does not say it. */
  readonly actionId: string
  /** Of the call that was approved and executed; null before. */
  readonly receiptId: string | null
  /** What the operator, or the gate, said of its decision. */
  readonly reason: string | null
  /** Seconds after which to ask again; null once it is decided. */
  readonly retryAfterSeconds: number | null
  /** Until when it can be approved, RFC 3339. */
  readonly expiresAt: string | null
  /** Output of the approved call, while the gate keeps it; `undefined` when it sent none. */
  readonly output: unknown
  /** The status once it is final; null while it is pending. */
  readonly decision: string | null
  /** `status` is `pending`: nobody has decided, or it is just executing. */
  readonly isPending: boolean
  /** `status` is `approved`: it was executed; see `output` and `receiptId`. */
  readonly isApproved: boolean
  /** `status` is `denied`: an operator said no. */
  readonly isDenied: boolean
  /** `status` is `failed`: it was approved and did not end well. */
  readonly isFailed: boolean
  /** `status` is `expired`: nobody decided in time. */
  readonly isExpired: boolean
  /** The whole body. */
  readonly raw: Members
}

/** Reads the answer to a poll; a body without status is pending. */
export function approvalStatus(body: Members, approvalId: string): ApprovalStatus {
  const status = optionalText(body, 'status') ?? 'pending'
  return {
    approvalId: optionalText(body, 'approval_id') ?? approvalId,
    status,
    actionId: optionalText(body, 'action_id') ?? '',
    receiptId: optionalText(body, 'receipt_id'),
    reason: optionalText(body, 'reason'),
    retryAfterSeconds: optionalCount(body, 'retry_after_seconds'),
    expiresAt: optionalText(body, 'expires_at'),
    output: body['output'],
    decision: status === 'pending' ? null : status,
    isPending: status === 'pending',
    isApproved: status === 'approved',
    isDenied: status === 'denied',
    isFailed: status === 'failed',
    isExpired: status === 'expired',
    raw: body,
  }
}
