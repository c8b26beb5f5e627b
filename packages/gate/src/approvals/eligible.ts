import type { OperatorContext } from '../auth/operator.js'
import type { StoredApproval } from '../ledger/port.js'
import type { Services } from '../services.js'
import { approversOf, otherNameOf } from './people.js'

/**
 * Why an operator may not approve a call; null when he may. Where policy wants requester and approver
 * to be two people, an operator does not approve what he, or an agent of his, asked for: he is who his
 * credential is called, and its `owner`. Nor does anybody approve twice under two names.
 */
export function approverProblem(
  services: Services,
  approval: StoredApproval,
  context: OperatorContext,
): string | null {
  const { operator } = context
  const { operator_credentials: credentials } = services.config
  const before = otherNameOf(credentials, context, approversOf(approval))
  if (before !== undefined) {
    return `operator '${operator}' is the person who has approved this call as '${before}': somebody else must`
  }
  const { hold } = approval
  const { quorum, principal, owner } = hold.body
  const { distinct_from_requester: isDistinct } = quorum as {
    readonly distinct_from_requester: boolean
  }
  if (!isDistinct) return null
  const person = credentials[operator]?.owner
  const own = [operator, ...(person === undefined ? [] : [person])]
  const asked = [principal, owner].find((one) => typeof one === 'string' && own.includes(one))
  if (asked === undefined) return null
  return `operator '${operator}' may not approve a call of '${String(asked)}', his own: another operator must`
}
