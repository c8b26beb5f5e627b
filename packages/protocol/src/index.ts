export {
  ATTESTATION_TYPE,
  type AttestationClaims,
  approvalHashInput,
  attestationPayload,
  type Learning,
  MAX_ATTESTATION_LENGTH,
  MAX_REASON_BYTES,
} from './approval-attestation.js'
export { decodeBase64url, encodeBase64url } from './base64url.js'
export type { Brand } from './brand.js'
export type { DpopClaims, DpopRejectKind } from './dpop-claims.js'
export { isAcceptableEd25519Key } from './ed25519-point.js'
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorCodeEntry,
  errorCodeEntry,
  isErrorCode,
} from './error-codes.js'
export {
  EXECUTION_ERRORS,
  type ExecutionErrorEntry,
  type ExecutionErrorType,
  type FailureClass,
  failureClassOf,
  isExecutionErrorType,
} from './execution-errors.js'
export { decodeHex, encodeHex } from './hex.js'
export { normalizeHtu } from './htu.js'
export {
  type ApprovalId,
  type GrantId,
  isSha256,
  isUuid,
  type LeaseJti,
  type ReceiptId,
  type SessionId,
  type Sha256,
  type TraceId,
} from './ids.js'
export { canonicalBytes, canonicalize } from './jcs.js'
export { escapePointer, JsonFault, type JsonFaultReason } from './json-fault.js'
export type { Json, JsonObject } from './json-value.js'
export { LEASE_ISSUER, type LeaseClaims, type LeaseToken } from './lease-claims.js'
export type { P256Jwk } from './p256-jwk.js'
export { printable, printableJson, printableLines } from './printable.js'
export { isResourceId } from './resource-id.js'
export { err, ok, type Result } from './result.js'
export { sanitizeText } from './sanitize.js'
export { shellWord } from './shell-word.js'
export { type JsonOptions, jsonDepth, largestArray, parseJson } from './strict-json.js'
export { autoOffset, autoZ, isoMillis, isoSeconds } from './timestamps.js'
export type {
  ActionDetail,
  ActionListBody,
  ActionSummary,
  EgressProfile,
  PermittedAction,
  PermittedActionsBody,
  ResourceLimits,
  RiskLevel,
} from './wire/actions.js'
export {
  APPROVAL_STATES,
  type ApprovalDetail,
  type ApprovalListBody,
  type ApprovalPollBody,
  type ApprovalReasonBody,
  type ApprovalState,
  type ApprovalSummary,
  type PlannedTarget,
} from './wire/approvals.js'
export type {
  AuditDecision,
  AuditEvent,
  AuditEventsBody,
  AuditVerifyBody,
} from './wire/audit.js'
export type {
  AlreadyDecidedResponse,
  ApproveRequest,
  ApproveResponse,
  DenyRequest,
  DenyResponse,
  QuorumPendingResponse,
} from './wire/decisions.js'
export type {
  EffectOutcome,
  ErrorBody,
  ExecuteResponse,
  LogPosition,
  PendingResponse,
  VerificationStatus,
} from './wire/execution.js'
export type {
  JwksBody,
  LeaseJwk,
  LeaseRequest,
  LeaseResponse,
} from './wire/leases.js'
export type {
  DrainBody,
  IntentsBody,
  OpenIntent,
  ReadyBody,
  ReloadBody,
  StatusBody,
} from './wire/operation.js'
export type {
  AllowlistBody,
  GrantBody,
  LearnedRuleBody,
  PolicyBody,
  PolicyChangeRequest,
  PolicyEntry,
  PolicyQuota,
  PrincipalPolicyBody,
  QuorumBody,
  QuotaBody,
  RequireApprovalBody,
  RevokeBody,
} from './wire/policy.js'
export type {
  EffectBody,
  NormalizedResult,
  ReceiptBody,
  ReceiptKeyEntry,
  ReceiptKeysBody,
  SignatureStatus,
  VerificationOutcome,
} from './wire/receipts.js'
export type {
  RevokeAllResponse,
  RevokeRequest,
  RevokeResponse,
} from './wire/revocation.js'
