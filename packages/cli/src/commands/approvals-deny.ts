import { MAX_REASON_BYTES } from '@latchgate/protocol'
import { ApprovalDesk, type Decided } from '../approvals/approval-desk.js'
import { decidedReport } from '../approvals/decided-lines.js'
import { findApproval } from '../approvals/find-approval.js'
import { CommandFailure, usageFailure } from '../command-failure.js'
import type { Context } from '../context.js'
import { findOperator } from '../operator-key.js'

/** `latchgate approvals deny ID`: refuses a held call; the reason goes to the agent. */
export async function approvalsDenyCommand(
  context: Context,
  given: string,
  { reason }: { readonly reason?: string },
): Promise<number> {
  const bytes = Buffer.byteLength(reason ?? '')
  if (bytes > MAX_REASON_BYTES) {
    throw usageFailure(`the reason has ${bytes} bytes, at most ${MAX_REASON_BYTES} are kept`)
  }
  const loaded = context.load()
  const desk = new ApprovalDesk(loaded, findOperator(loaded, context.options))
  const detail = await desk.detail(await findApproval(desk, given, 'pending'))
  const decided = await desk.deny(detail, reason === undefined || reason === '' ? null : reason)
  return reportDecision(context, decided, 'deny')
}

/** Prints what became of a decision; fails when it was decided otherwise before. */
export function reportDecision(
  { output }: Context,
  decided: Decided,
  wanted: 'approve' | 'deny',
): number {
  const report = decidedReport(decided, wanted)
  const { approval_id: id } = decided.kind === 'executed' ? decided.body.approval : decided.body
  if (!report.ok) {
    throw new CommandFailure('already_decided', `not carried out: ${report.sentence}`, {
      hints: [`see how it ended: latchgate approvals show ${id}`],
      fields: { approval_id: id, result: decided.body },
    })
  }
  output.document({ ok: true, approval_id: id, result: decided.body })
  output.success(report.sentence)
  for (const [label, value] of report.rows) output.field(label, value)
  if (report.warning !== undefined) output.warn(report.warning)
  return 0
}
