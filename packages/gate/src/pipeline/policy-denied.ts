import { sanitizeText, shellWord } from '@latchgate/protocol'
import { type Refused, refuse } from '../refusal.js'
import type { Targeted } from './call.js'

/**
 * What gives the right, for an operator to run. An issuer may let people choose their names, so that one
 * could be a command of its own to the operator's shell, or an option to ours.
 */
function grantBy(principal: string, action: string): string {
  const end = principal.startsWith('-') ? '-- ' : ''
  return `Run: latchgate policy grant ${end}${shellWord(principal)} ${action}`
}

/**
 * 403 `policy_denied` with the members that published clients read. `detail` is for the operator;
 * `isNotGranted` says that a grant of the action would help.
 */
export function policyDenied(
  call: Targeted,
  reason: string,
  given: { readonly detail?: string | undefined; readonly isNotGranted?: boolean } = {},
): Refused {
  const { detail, isNotGranted = false } = given
  const principal = call.agent.claims.sub
  const shown = sanitizeText(reason, 500)
  return {
    ok: false,
    error: refuse('policy_denied', {
      message: detail === undefined ? shown : `${shown} (${sanitizeText(detail, 500)})`,
      body: {
        deny_reason: shown,
        principal,
        action_id: call.actionId,
        // A grant is a remedy for a missing right, not for a budget, a scope or a destination.
        ...(isNotGranted ? { remediation: grantBy(principal, call.actionId) } : {}),
      },
    }),
  }
}
