import type { OperatorContext } from '../auth/operator.js'
import type { StoredApproval } from '../ledger/port.js'
import type { Services } from '../services.js'

/**
 * Why an operator may not approve a call; null when he may. Where policy wants requester and approver
 * to be two people, an operator does not approve what he, or an agent of his, asked for: he is who his
 * credential is called, and its `owner`.
 */
export function approverProblem(
  services: Services,
  { hold }: StoredApproval,
  { operator }: OperatorContext,
): string | null {
  const { quorum, principal, owner } = hold.body
  const { distinct_from_requester: isDistinct } = quorum as {
    readonly distinct_from_requester: boolean
  }
  if (!isDistinct) return null
  const person = services.config.operator_credentials[operator]?.owner
  const own = [operator, ...(person === undefined ? [] : [person])]
  const asked = [principal, owner].find((one) => typeof one === 'string' && own.includes(one))
  if (asked === undefined) return null
  return `operator '${operator}' may not approve a call of '${String(asked)}', his own: another operator must`
}
