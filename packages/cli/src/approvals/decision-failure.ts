import type { ErrorCode } from '@latchgate/protocol'
import { CommandFailure } from '../command-failure.js'
import type { GateAnswer } from '../gate-connection.js'

/** An approval that the gate does not know. */
export function noSuchApproval(given: string): CommandFailure {
  return new CommandFailure('not_found', `there is no approval '${given}'`, {
    hints: ['list them with: latchgate approvals list --all'],
    fields: { approval_id: given },
  })
}

const REPEAT = 'nothing was executed; the agent has to make the call again'

const REMEDIES: Partial<Readonly<Record<ErrorCode, string>>> = {
  plan_hash_mismatch: 'look at the plan again: latchgate approvals show ID',
  approval_expired: REPEAT,
  approval_revoked: REPEAT,
  policy_changed: REPEAT,
  conflict: 'see who decides, or whether it is executing: latchgate approvals show ID',
  approver_not_eligible: 'another operator has to approve, who names himself with --operator NAME',
  attestation_invalid: "compare this machine's clock and the operator's key with the gate's",
  attestation_mismatch: 'look at the plan again: latchgate approvals show ID',
  draining: 'the gate is shutting down and begins nothing: latchgate drain --undo takes it back',
}

/** What the gate said to a decision that it did not carry out. */
export function decisionFailure(answer: GateAnswer, approvalId: string): CommandFailure {
  const { error, message, deny_reason: why, receipt_id: receiptId } = answer.body
  if (error === 'approval_not_found') return noSuchApproval(approvalId)
  const said = [error, message, why].filter((one) => typeof one === 'string').join(': ')
  const remedy = typeof error === 'string' ? REMEDIES[error as ErrorCode] : undefined
  return new CommandFailure('gate_refused', `the gate answered ${answer.status}: ${said}`, {
    hints: [
      ...(remedy === undefined ? [] : [remedy.replace('ID', approvalId)]),
      ...(typeof receiptId === 'string'
        ? [`what happened: latchgate receipts show ${receiptId}`]
        : []),
    ],
    fields: {
      approval_id: approvalId,
      status: answer.status,
      ...(typeof error === 'string' ? { gate_error: error } : {}),
      ...(typeof receiptId === 'string' ? { receipt_id: receiptId } : {}),
    },
  })
}
