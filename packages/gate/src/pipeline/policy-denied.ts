import { sanitizeText } from '@latchgate/protocol'
import { type Refused, refuse } from '../refusal.js'
import type { Targeted } from './call.js'

/** What gives the right, for the operator. */
function grantBy(principal: string, action: string): string {
  return `Run: latchgate policy grant ${principal} ${action}`
}

/** 403 `policy_denied` with the members that published clients read. */
export function policyDenied(call: Targeted, reason: string, detail?: string): Refused {
  const principal = call.agent.claims.sub
  const shown = sanitizeText(reason, 500)
  const isAccess = /is not authorised for action/.test(shown)
  return {
    ok: false,
    error: refuse('policy_denied', {
      message: detail === undefined ? shown : `${shown} (${sanitizeText(detail, 500)})`,
      body: {
        deny_reason: shown,
        principal,
        action_id: call.actionId,
        // A grant is a remedy for a missing right, not for a budget, a scope or a destination.
        ...(isAccess ? { remediation: grantBy(principal, call.actionId) } : {}),
      },
      detail: detail ?? shown,
    }),
  }
}
