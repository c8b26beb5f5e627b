import type { ApprovalState } from '@latchgate/protocol'
import type { StoredApproval } from '../ledger/port.js'

/** The state of an approval at a time: one whose time is over has expired, recorded as such or not. */
export function stateAt(approval: StoredApproval, now: number): ApprovalState {
  const { state, expiresAt } = approval
  return state === 'pending' && expiresAt <= now ? 'expired' : state
}

/** Why an approval that failed has no result: a code of the gate, and a sentence. */
export interface FailedBecause {
  readonly code: string
  readonly reason: string
}

/** What a failed approval failed of; null for one that did not. */
export function failureOf({ state, end }: StoredApproval): FailedBecause | null {
  if (state !== 'failed' || end === null) return null
  const { body, type } = end
  if (type === 'approval') {
    return { code: String(body['code']), reason: String(body['reason'] ?? body['code']) }
  }
  if (type === 'unknown') {
    const reason = 'unknown: the gate cannot know whether the call had its effect'
    return { code: 'outcome_unknown', reason }
  }
  const result = body['normalized_result'] as { readonly reason?: string } | undefined
  const code = String(body['error_type'] ?? 'internal_error')
  return { code, reason: result?.reason ?? `${code}: the call was dispatched and did not end well` }
}
