import type { GateConfig } from '../config/schema.js'
import type { StoredApproval } from '../ledger/port.js'

/** An operator who approves, and the thumbprint of the key that he did it with. */
export interface Approver {
  readonly operator: string
  readonly jkt: string
}

type Credentials = GateConfig['operator_credentials']

/** Who has approved so far, as the records of the votes say. */
export function approversOf({ votes }: Pick<StoredApproval, 'votes'>): readonly Approver[] {
  return votes.map(({ operator, leaf }) => ({
    operator,
    jkt: String(leaf.body['operator_sender_binding']),
  }))
}

/**
 * How many people these are: a quorum is of people, not of credentials. Credentials with one key, or
 * with one person behind them (`owner`), are one; one that is no longer configured is nobody's.
 */
export function peopleAmong(credentials: Credentials, approvers: readonly Approver[]): number {
  let people: readonly ReadonlySet<string>[] = []
  for (const approver of approvers) {
    const marks = marksOf(credentials, approver)
    if (marks === null) continue
    const same = people.filter((one) => [...marks].some((mark) => one.has(mark)))
    const merged = new Set([...marks, ...same.flatMap((one) => [...one])])
    people = [...people.filter((one) => !same.includes(one)), merged]
  }
  return people.length
}

/** The name under which this person has approved already; undefined when he has not. */
export function otherNameOf(
  credentials: Credentials,
  approver: Approver,
  before: readonly Approver[],
): string | undefined {
  const marks = marksOf(credentials, approver)
  return before.find(({ operator, jkt }) => {
    if (operator === approver.operator) return false
    const others = marksOf(credentials, { operator, jkt })
    return others !== null && [...others].some((mark) => marks?.has(mark) === true)
  })?.operator
}

function marksOf(
  credentials: Credentials,
  { operator, jkt }: Approver,
): ReadonlySet<string> | null {
  const credential = Object.hasOwn(credentials, operator) ? credentials[operator] : undefined
  if (credential?.dpop_jkt !== jkt) return null
  const owner = credential.owner === undefined ? [] : [`name ${credential.owner}`]
  return new Set([`key ${jkt}`, `name ${operator}`, ...owner])
}
