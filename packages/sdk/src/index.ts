export type { P256Jwk, SignatureStatus } from '@latchgate/protocol'
export { computeAth, DPoPKeyPair, type ProofRequest } from '@latchgate/protocol/node'
export type { ActionResult, LogPosition } from './action-result.js'
export type { ActionSummary } from './action-summary.js'
export type { ApprovalEntry, ApprovalQuery, HoldReason } from './approval-entry.js'
export type { ApprovalStatus } from './approval-status.js'
export type { WaitOptions } from './approval-wait.js'
export { LatchGateClient } from './client.js'
export type { CallOptions, ClientOptions, ConnectOptions } from './client-options.js'
export { type EgressProfile, egressProfileFromJson } from './egress-profile.js'
export {
  type GateDetails,
  LatchGateApprovalDenied,
  LatchGateApprovalExpired,
  LatchGateApprovalRequired,
  LatchGateApprovalTimeout,
  LatchGateAuthError,
  LatchGateBudgetExhausted,
  LatchGateDenied,
  LatchGateError,
  LatchGateLeaseExpired,
  LatchGateNotConnected,
  LatchGateReplayDetected,
  LatchGateTransportError,
  LatchGateUnavailable,
} from './errors.js'
export {
  type ExecutionReceipt,
  executionReceiptFromJson,
  isFullySuccessful,
} from './execution-receipt.js'
export type { Members } from './gate-answer.js'
export type { IdentityToken } from './identity-token.js'
export type { PermittedAction } from './permitted-action.js'
export type { ReceiptKey } from './receipt-keys.js'
export { type ReceiptReport, verifyReceipt } from './receipt-report.js'
export type { SequenceFinding } from './session-sequence.js'
