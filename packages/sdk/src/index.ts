export { computeAth, DPoPKeyPair } from '@latchgate/protocol/node'
export type { ActionResult, LogPosition } from './action-result.js'
export type { ActionSummary } from './action-summary.js'
export type { ApprovalStatus } from './approval-status.js'
export { LatchGateClient } from './client.js'
export type { CallOptions, ClientOptions, ConnectOptions } from './client-options.js'
export { type EgressProfile, egressProfileFromJson } from './egress-profile.js'
export {
  type GateDetails,
  LatchGateApprovalRequired,
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
export type { ReceiptKey } from './receipt-keys.js'
export { type ReceiptReport, verifyReceipt } from './receipt-report.js'
export type { SequenceFinding } from './session-sequence.js'
