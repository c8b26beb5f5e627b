import {
  type GateAnswer,
  isMembers,
  type Members,
  optionalCount,
  optionalText,
  requiredText,
  successBody,
} from './gate-answer.js'

/** Why a call is held: `risk`, `unresolved_domain`, `rule`, …, and the policy's own words. */
export interface HoldReason {
  /** `risk`, `unresolved_domain`, `unresolved_path`, `sensitive_path` or `rule`. */
  readonly code: string
  /** A sentence of the policy; may be empty. */
  readonly detail: string
}

/** One of this principal's held calls (spec/http-api 11.3). */
export interface ApprovalEntry {
  /** What `waitForApproval` and `getApprovalStatus` take. */
  readonly approvalId: string
  /** `pending`, `claimed` (executing), `approved`, `denied`, `failed`, `expired` or `revoked`. */
  readonly status: string
  /** The action that was called. */
  readonly actionId: string
  /** `low`, `medium`, `high` or `critical`. */
  readonly riskLevel: string | null
  /** Who called, as the gate knows him: this agent. */
  readonly principal: string | null
  /** The session of the call; it may be an earlier one. */
  readonly sessionId: string | null
  /** Names the call in the log and ledger of the gate. */
  readonly traceId: string | null
  /** When it was held, RFC 3339. */
  readonly createdAt: string | null
  /** Until when it can be approved, RFC 3339. */
  readonly expiresAt: string | null
  /** Why it is held; empty when the gate does not say it. */
  readonly reasons: readonly HoldReason[]
  /** Operators who have approved so far; null when the gate does not say it. */
  readonly approvals: number | null
  /** How many it takes. */
  readonly required: number | null
  /** Method and URL as they would be sent. */
  readonly target: string | null
  /** The whole entry. */
  readonly raw: Members
}

/** Which held calls to list. */
export interface ApprovalQuery {
  /** Only those of this status; without it all of them. */
  readonly status?: string | undefined
  /** At most this many, newest first; the gate's default is 50, its maximum 200. */
  readonly limit?: number | undefined
}

/** Path and query of a list. */
export function approvalListPath(query: ApprovalQuery): string {
  const { status, limit } = query
  const pairs = [
    ...(status === undefined ? [] : [`status=${encodeURIComponent(status)}`]),
    ...(limit === undefined ? [] : [`limit=${limit}`]),
  ]
  return pairs.length === 0 ? '/v1/approvals' : `/v1/approvals?${pairs.join('&')}`
}

/** Reads a list; an entry without its id, status or action is no entry. */
export function approvalEntries(answer: GateAnswer): readonly ApprovalEntry[] {
  const { approvals } = successBody(answer, 'approvals')
  const list: readonly unknown[] = Array.isArray(approvals) ? approvals : []
  return list.filter(isMembers).map(approvalEntry)
}

function approvalEntry(body: Members): ApprovalEntry {
  return {
    approvalId: requiredText(body, 'approval_id', 'approvals'),
    status: requiredText(body, 'status', 'approvals'),
    actionId: requiredText(body, 'action_id', 'approvals'),
    riskLevel: optionalText(body, 'risk_level'),
    principal: optionalText(body, 'principal'),
    sessionId: optionalText(body, 'session_id'),
    traceId: optionalText(body, 'trace_id'),
    createdAt: optionalText(body, 'created_at'),
    expiresAt: optionalText(body, 'expires_at'),
    reasons: holdReasons(body['reasons']),
    approvals: optionalCount(body, 'approvals'),
    required: optionalCount(body, 'required'),
    target: optionalText(body, 'target'),
    raw: body,
  }
}

function holdReasons(json: unknown): readonly HoldReason[] {
  const list: readonly unknown[] = Array.isArray(json) ? json : []
  return list.filter(isMembers).map((reason) => ({
    code: optionalText(reason, 'code') ?? '',
    detail: optionalText(reason, 'detail') ?? '',
  }))
}
