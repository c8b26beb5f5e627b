import { PrivateFileError } from '@latchgate/protocol/node'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import {
  LatchGateApprovalDenied,
  LatchGateApprovalExpired,
  LatchGateApprovalRequired,
  LatchGateAuthError,
  LatchGateError,
  LatchGateTransportError,
} from 'latchgate'
import { GateTooLate } from './deadline.js'
import { GateAway } from './gate-health.js'
import { isOwnTool, PENDING_TOOL } from './own-tools.js'

/** Codes of tool errors (spec/mcp-webhooks-sandbox 1.9, W-M8, W-M9). */
export type ToolErrorCode =
  | 'policy_denied'
  | 'pending_approval'
  | 'approval_expired'
  | 'budget_exhausted'
  | 'rate_limited'
  | 'conflict'
  | 'action_not_found'
  | 'schema_validation'
  | 'egress_blocked'
  | 'lease_expired'
  | 'revoked'
  | 'gate_unavailable'
  | 'sandbox_error'
  | 'upstream_error'
  | 'auth_failed'

/** The body of a tool error: one compact JSON text. Absent members are left out. */
export interface ToolErrorBody {
  readonly code: ToolErrorCode
  readonly message: string
  readonly action_id?: string
  readonly approval_id?: string
  /** The gate's, by which an operator finds the decision; absent when the gate was not asked. */
  readonly trace_id?: string
  readonly remediation?: string
  readonly retry_after_seconds?: number
  /** Whether a call that failed may have had its effect: `answered`, `not_sent`, `unknown`. */
  readonly outcome?: string
  /** What ended a call that was dispatched: `upstream_unreachable`, `fuel_exhausted`, … */
  readonly error_type?: string
  /** Tools that may be called instead. */
  readonly permitted_tools?: readonly string[]
}

const BY_CODE: Readonly<Record<string, ToolErrorCode>> = {
  policy_denied: 'policy_denied',
  acl_denied: 'policy_denied',
  not_allowed: 'policy_denied',
  approval_denied: 'policy_denied',
  action_digest_mismatch: 'policy_denied',
  scope_not_permitted: 'policy_denied',
  identity_forbidden: 'policy_denied',
  fs_root_denied: 'policy_denied',
  approval_pending: 'pending_approval',
  pending_approval: 'pending_approval',
  approval_expired: 'approval_expired',
  budget_exhausted: 'budget_exhausted',
  budget_exceeded: 'budget_exhausted',
  budget_session_not_found: 'budget_exhausted',
  quota_exhausted: 'budget_exhausted',
  action_not_found: 'action_not_found',
  action_not_registered: 'action_not_found',
  not_found: 'action_not_found',
  approval_not_found: 'action_not_found',
  schema_validation: 'schema_validation',
  validation_error: 'schema_validation',
  schema_violation: 'schema_validation',
  invalid_json: 'schema_validation',
  invalid_input: 'schema_validation',
  invalid_request: 'schema_validation',
  request_too_large: 'schema_validation',
  bad_request: 'schema_validation',
  egress_blocked: 'egress_blocked',
  domain_blocked: 'egress_blocked',
  lease_expired: 'lease_expired',
  grant_expired: 'lease_expired',
  revoked: 'revoked',
  epoch_advanced: 'revoked',
  lease_revoked: 'revoked',
  approval_revoked: 'revoked',
  sandbox_error: 'sandbox_error',
  wasm_error: 'sandbox_error',
  provider_error: 'sandbox_error',
  action_execution_failed: 'sandbox_error',
  auth_failed: 'auth_failed',
  identity_token_unusable: 'auth_failed',
  rate_limited: 'rate_limited',
  rate_limit_exceeded: 'rate_limited',
  too_many_pending_approvals: 'rate_limited',
  conflict: 'conflict',
  grant_consumed: 'conflict',
  idempotency_conflict: 'conflict',
  policy_changed: 'conflict',
  overloaded: 'gate_unavailable',
}

/** The code of what the gate said: its own word first, then the status. */
export function toolErrorCode(code: string | null, status: number | null): ToolErrorCode {
  const known = code !== null && Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined
  if (known !== undefined) return known
  if (status === null || status >= 500) return 'gate_unavailable'
  if (status === 404) return 'action_not_found'
  if (status === 401 || status === 403) return 'auth_failed'
  if (status === 429) return 'rate_limited'
  if (status === 409) return 'conflict'
  return status >= 400 ? 'policy_denied' : 'gate_unavailable'
}

/** A failed call as a tool result. The receipt is for programs: in `_meta`, not in the text. */
export function toolError(body: ToolErrorBody, receiptId: string | null = null): CallToolResult {
  return {
    content: [{ type: 'text', text: JSON.stringify(body) }],
    isError: true,
    ...(receiptId === null ? {} : { _meta: { 'latchgate/receipt_id': receiptId } }),
  }
}

/** The tool result of what the SDK threw; anything that nobody expected is thrown again. */
export function failedCall(
  error: unknown,
  actionId: string,
  permitted: readonly string[] | null,
): CallToolResult {
  if (error instanceof GateAway) {
    const { message, retryAfterSeconds } = error
    const wait = { retry_after_seconds: retryAfterSeconds, outcome: 'not_sent' }
    return toolError({ code: 'gate_unavailable', message, action_id: actionId, ...wait })
  }
  if (error instanceof GateTooLate) {
    const message =
      `${error.message}, and finishes what it has begun: the call may be executed all the same. ` +
      `Before you repeat it, look whether it is held: ${PENDING_TOOL}.`
    const lost = { action_id: actionId, outcome: 'unknown' }
    return toolError({ code: 'gate_unavailable', message, ...lost })
  }
  if (!(error instanceof LatchGateError)) throw error
  const code = codeOf(error)
  const isForeign = permitted !== null && !isOwnTool(actionId) && !permitted.includes(actionId)
  // The gate looks at arguments before rights: mending them would only lead to the next refusal.
  const isMisfit = code === 'schema_validation' && isForeign
  const notYours = `'${actionId}' is not among the tools that this agent may call, and its arguments do not fit: `
  const isRefused =
    isMisfit || ((code === 'policy_denied' || code === 'action_not_found') && !isOwnTool(actionId))
  return toolError(
    {
      code,
      message: `${isMisfit ? notYours : ''}${messageOf(error)}`,
      action_id: actionId,
      ...(hasApproval(error) ? { approval_id: error.approvalId } : {}),
      ...(error.traceId === null ? {} : { trace_id: error.traceId }),
      ...(error.remediation === null ? {} : { remediation: error.remediation }),
      ...(error.retryAfterSeconds === null ? {} : { retry_after_seconds: error.retryAfterSeconds }),
      ...(error.outcome === null ? {} : { outcome: error.outcome }),
      ...(error.errorType === null ? {} : { error_type: error.errorType }),
      ...(isRefused && permitted !== null ? { permitted_tools: permitted.slice(0, 50) } : {}),
    },
    error.receiptId,
  )
}

function codeOf(error: LatchGateError): ToolErrorCode {
  if (error instanceof LatchGateApprovalExpired) return 'approval_expired'
  if (error instanceof LatchGateApprovalDenied) return 'policy_denied'
  if (error instanceof LatchGateTransportError) return 'gate_unavailable'
  // Nothing is wrong with the sandbox where the other side, or the way there, was at fault.
  if (error.errorType === 'egress_denied') return 'egress_blocked'
  if (error.errorType?.startsWith('upstream_') === true) return 'upstream_error'
  return toolErrorCode(error.code, error.status)
}

/** What the gate says to humans, with its reason when the sentence does not hold it already. */
export function messageOf(error: LatchGateError): string {
  const { gateMessage, denyReason, cause } = error
  // The SDK repeats nothing of what a token's source says; ours is known to hold no token.
  if (cause instanceof PrivateFileError) return cause.message
  // Whole: the SDK knows what the gate cannot say, such as by how much the clocks differ.
  if (gateMessage === null || error instanceof LatchGateAuthError) return error.message
  const isNews = denyReason !== null && !gateMessage.includes(denyReason)
  return isNews ? `${gateMessage} (${denyReason})` : gateMessage
}

function hasApproval(
  error: LatchGateError,
): error is LatchGateApprovalRequired | LatchGateApprovalDenied | LatchGateApprovalExpired {
  return (
    error instanceof LatchGateApprovalRequired ||
    error instanceof LatchGateApprovalDenied ||
    error instanceof LatchGateApprovalExpired
  )
}
