import { CommandFailure, usageFailure } from '../command-failure.js'
import { type ApprovalDesk, MAX_LISTED } from './approval-desk.js'
import { noSuchApproval } from './decision-failure.js'

const MIN_PREFIX = 6
const FULL_LENGTH = 36

/**
 * The id that was given, or the only one that begins with it. Ids of one moment begin alike: a
 * prefix that fits several is refused, never guessed.
 *
 * @param status among which approvals a prefix must be the only one; undefined: all
 */
export async function findApproval(
  desk: ApprovalDesk,
  given: string,
  status: 'pending' | undefined,
): Promise<string> {
  const id = given.toLowerCase()
  if (!/^[0-9a-f-]+$/.test(id) || id.length > FULL_LENGTH) throw noSuchApproval(given)
  if (id.length === FULL_LENGTH) return id
  if (id.length < MIN_PREFIX) {
    throw usageFailure(`'${given}' is too short for the beginning of an id`, [
      `give at least ${MIN_PREFIX} characters, better the whole id`,
    ])
  }
  const { approvals } = await desk.list({ status, limit: MAX_LISTED })
  const fitting = approvals.filter(({ approval_id }) => approval_id.startsWith(id))
  const [first, second] = fitting
  if (first === undefined) throw noSuchApproval(given)
  if (second === undefined) return first.approval_id
  throw new CommandFailure('ambiguous_id', `${fitting.length} approvals begin with '${given}'`, {
    hints: fitting.map(({ approval_id, action_id, principal }) =>
      [approval_id, action_id, principal].join('  '),
    ),
    fields: { approval_ids: fitting.map(({ approval_id }) => approval_id) },
  })
}
