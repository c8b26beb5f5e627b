import type { ApprovalDetail } from '@latchgate/protocol'
import { ApprovalDesk } from '../approvals/approval-desk.js'
import { findApproval } from '../approvals/find-approval.js'
import { planLines } from '../approvals/plan-lines.js'
import type { Context } from '../context.js'
import { findOperator } from '../operator-key.js'

const WIDTH_WITHOUT_TERMINAL = 100
const MIN_WIDTH = 40

/** `latchgate approvals show ID`: everything that the approval would let happen. */
export async function approvalsShowCommand(context: Context, given: string): Promise<number> {
  const loaded = context.load()
  const desk = new ApprovalDesk(loaded, findOperator(loaded, context.options))
  const detail = await desk.detail(await findApproval(desk, given, undefined))
  context.output.document(detail)
  printPlan(context, detail)
  return 0
}

/** Prints a plan, as wide as the terminal and in full. */
export function printPlan({ output, streams }: Context, detail: ApprovalDetail): void {
  const columns =
    streams.stdout.isTTY === true ? (streams.stdout.columns ?? 80) : WIDTH_WITHOUT_TERMINAL
  const layout = { width: Math.max(MIN_WIDTH, columns), now: Date.now() }
  for (const { text } of planLines(detail, layout)) output.line(text)
}
