import type { Learning } from '../approval-attestation.js'
import type { ApprovalState } from './approvals.js'
import type { ExecuteResponse } from './execution.js'

/** Body of `POST /v1/approvals/{id}/approve`; an empty one approves the plan as it is (design 9). */
export type ApproveRequest = {
  /** The plan that was looked at, 64 hex digits. */
  readonly plan_hash?: string
  readonly learn?: Learning
  /** Compact JWS by the operator's key. */
  readonly attestation?: string
}

/** Body of `POST /v1/approvals/{id}/deny`. */
export type DenyRequest = {
  readonly reason?: string
  readonly plan_hash?: string
  readonly attestation?: string
}

/** 200 of approve: the answer of the execution, and whose decision it was (http-api 11.5). */
export type ApproveResponse = ExecuteResponse & {
  readonly approval: {
    readonly decision: 'allow'
    readonly approval_id: string
    readonly approved_by: string
    readonly approval_hash: string
    readonly operator_authn_method: 'operator_dpop'
    readonly operator_sender_binding: string
  }
  readonly learned_domain?: string
  readonly learned_path?: string
}

/** 202 of approve: more operators are needed (design 14). */
export type QuorumPendingResponse = {
  readonly status: 'pending'
  readonly approval_id: string
  readonly approvals: number
  readonly required: number
  readonly trace_id: string
}

/** 200 of approve and deny for an approval that has ended (http-api 11.5). */
export type AlreadyDecidedResponse = {
  readonly decision: 'already_approved' | 'already_denied' | 'already_failed'
  readonly approval_id: string
  readonly status: ApprovalState
  readonly completed_at?: string
  readonly receipt_id?: string
  readonly deny_reason?: string
  readonly error_code?: string
  readonly trace_id: string
}

/** 200 of deny (http-api 11.6). */
export type DenyResponse = {
  readonly decision: 'deny'
  readonly trace_id: string
  readonly action_id: string
  readonly approval_id: string
  readonly denied_by: string
  readonly deny_reason: string
}
