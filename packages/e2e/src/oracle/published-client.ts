export {
  type ClientOptions,
  type ConnectOptions,
  LatchGateClient,
} from './client.js'
export {
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
export { normalizedUrl, ProofKey } from './proof.js'
export {
  type ActionResult,
  type ApprovalStatus,
  type EgressProfile,
  type ExecutionReceipt,
  egressProfileFromJson,
  isFullySuccessful,
} from './results.js'
export { defaultSocket } from './transport.js'
