import { APPROVAL_STATES, type ApprovalState, type ApprovalSummary } from '@latchgate/protocol'
import { ApprovalDesk, MAX_LISTED } from '../approvals/approval-desk.js'
import { stateText } from '../approvals/plan-lines.js'
import { cellText, fitCells } from '../cells.js'
import { usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { findOperator } from '../operator-key.js'

/** What to list. */
export interface ListOptions {
  readonly all?: boolean
  readonly status?: string
  readonly limit?: string
}

/** `latchgate approvals list`: held calls, newest first; the pending ones unless told otherwise. */
export async function approvalsListCommand(
  context: Context,
  options: ListOptions,
): Promise<number> {
  const { output } = context
  const status = statusOf(options)
  const limit = limitOf(options.limit ?? '50')
  const loaded = context.load()
  const desk = new ApprovalDesk(loaded, findOperator(loaded, context.options))
  const body = await desk.list({ status, limit })
  output.document(body)
  const { approvals } = body
  if (approvals.length === 0) {
    output.info(status === undefined ? 'no call has been held' : `no approval is ${status}`)
    return 0
  }
  printList(context, approvals)
  if (approvals.length === limit) {
    output.hint(`only ${limit} are listed, newest first; -l takes up to ${MAX_LISTED}`)
  }
  output.hint('see everything of one: latchgate approvals show ID')
  return 0
}

// Two lines each: with whole ids there is no room for the request beside them.
function printList({ output, streams }: Context, approvals: readonly ApprovalSummary[]): void {
  const now = Date.now()
  const { isTTY, columns = 80 } = streams.stdout
  const width = isTTY === true ? columns : Number.POSITIVE_INFINITY
  for (const one of approvals) {
    const { approval_id: id, risk_level: risk, action_id: action, principal } = one
    output.line(`${id}  ${stateText(one, now)}`)
    const request = `${risk}  ${action}  ${principal}  ${one.target}`
    output.line(`  ${fitCells(cellText(request), width - 2)}`)
  }
}

function statusOf({ all, status }: ListOptions): ApprovalState | undefined {
  if (status === undefined) return all === true ? undefined : 'pending'
  if (all === true) throw usageFailure('--all and --status exclude each other')
  const known = APPROVAL_STATES.find((one) => one === status)
  if (known !== undefined) return known
  throw usageFailure(`'${status}' is no status: use one of ${APPROVAL_STATES.join(', ')}`)
}

function limitOf(text: string): number {
  const limit = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_LISTED) return limit
  throw usageFailure(`--limit must be from 1 to ${MAX_LISTED}, got '${text}'`)
}
