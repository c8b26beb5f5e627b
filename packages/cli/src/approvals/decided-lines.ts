import type { Decided } from './approval-desk.js'

/** What a decision led to: the sentence, whether it is what was wanted, and rows beside it. */
export interface DecidedReport {
  readonly ok: boolean
  readonly sentence: string
  /** Something that the operator has to look at although the decision was carried out. */
  readonly warning?: string
  readonly rows: readonly (readonly [string, string])[]
}

/** Tells what became of a decision. `wanted`: what the operator decided. */
export function decidedReport(decided: Decided, wanted: 'approve' | 'deny'): DecidedReport {
  switch (decided.kind) {
    case 'executed': {
      const { body } = decided
      return {
        ok: true,
        sentence: `approved, and ${body.action_id} executed`,
        ...(body.verification.is_fully_successful
          ? {}
          : { warning: `it did not fully succeed: ${body.verification.outcome}` }),
        rows: [
          ['approval', body.approval.approval_id],
          ['approved by', body.approval.approved_by],
          ['receipt', body.receipt_id],
          ['trace', body.trace_id],
          ['grant', body.grant_id],
          ['verification', body.verification.outcome],
          ...optional('remembered', body.learned_domain),
          ...optional('remembered', body.learned_path),
        ],
      }
    }
    case 'quorum': {
      const { approvals, required } = decided.body
      return {
        ok: true,
        sentence: `your approval counts: ${approvals} of ${required}; another operator has to approve`,
        rows: [['approval', decided.body.approval_id]],
      }
    }
    case 'denied':
      return {
        ok: true,
        sentence: `denied ${decided.body.action_id}`,
        rows: [
          ['approval', decided.body.approval_id],
          ['denied by', decided.body.denied_by],
          ['reason', decided.body.deny_reason],
        ],
      }
    case 'already': {
      const { body } = decided
      return {
        ok:
          (body.decision === 'already_approved') === (wanted === 'approve') &&
          body.decision !== 'already_failed',
        sentence: `it had ended before: ${body.status}`,
        rows: [
          ['approval', body.approval_id],
          ...optional('ended at', body.completed_at),
          ...optional('receipt', body.receipt_id),
          ...optional('reason', body.deny_reason),
          ...optional('failed', body.error_code),
        ],
      }
    }
  }
}

function optional(
  label: string,
  value: string | undefined,
): readonly (readonly [string, string])[] {
  return value === undefined ? [] : [[label, value]]
}
