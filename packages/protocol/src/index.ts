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
export { LEASE_ISSUER, type LeaseClaims } from './lease-claims.js'
export type { P256Jwk } from './p256-jwk.js'
export { isResourceId } from './resource-id.js'
export { err, ok, type Result } from './result.js'
export { sanitizeText } from './sanitize.js'
export { type JsonOptions, jsonDepth, largestArray, parseJson } from './strict-json.js'
export { autoOffset, autoZ, isoMillis, isoSeconds } from './timestamps.js'
export type {
  ActionDetail,
  ActionListBody,
  ActionSummary,
  AllowlistBody,
  AlreadyDecidedResponse,
  ApprovalDetail,
  ApprovalListBody,
  ApprovalPollBody,
  ApprovalReasonBody,
  ApprovalState,
  ApprovalSummary,
  ApproveRequest,
  ApproveResponse,
  AuditDecision,
  AuditEvent,
  AuditEventsBody,
  AuditVerifyBody,
  DenyRequest,
  DenyResponse,
  DrainBody,
  EffectBody,
  EffectOutcome,
  EgressProfile,
  ErrorBody,
  ExecuteResponse,
  GrantBody,
  IntentsBody,
  JwksBody,
  LearnedRuleBody,
  LeaseJwk,
  LeaseRequest,
  LeaseResponse,
  LogPosition,
  NormalizedResult,
  OpenIntent,
  PendingResponse,
  PlannedTarget,
  PolicyBody,
  PolicyChangeRequest,
  PolicyEntry,
  PolicyQuota,
  PrincipalPolicyBody,
  QuorumBody,
  QuorumPendingResponse,
  QuotaBody,
  ReadyBody,
  ReceiptBody,
  ReceiptKeyEntry,
  ReceiptKeysBody,
  ReloadBody,
  RequireApprovalBody,
  ResourceLimits,
  RevokeAllResponse,
  RevokeBody,
  RevokeRequest,
  RevokeResponse,
  RiskLevel,
  SignatureStatus,
  StatusBody,
  VerificationOutcome,
  VerificationStatus,
} from './wire.js'
