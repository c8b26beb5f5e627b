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
  readonly code: string
  readonly detail: string
}

/** One of this principal's held calls (spec/http-api 11.3). */
export interface ApprovalEntry {
  readonly approvalId: string
  /** `pending`, `claimed` (executing), `approved`, `denied`, `failed`, `expired` or `revoked`. */
  readonly status: string
  readonly actionId: string
  readonly riskLevel: string | null
  readonly principal: string | null
  readonly sessionId: string | null
  readonly traceId: string | null
  readonly createdAt: string | null
  /** Until when it can be approved. */
  readonly expiresAt: string | null
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
