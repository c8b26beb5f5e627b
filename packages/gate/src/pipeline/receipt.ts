import { type Receipt, signReceipt, type UnsignedReceipt } from '@latchgate/evidence'
import {
  autoZ,
  canonicalBytes,
  type FailureClass,
  failureClassOf,
  type JsonObject,
  type NormalizedResult,
  sanitizeText,
  type VerificationStatus,
} from '@latchgate/protocol'
import { evidenceCrypto } from '../evidence-crypto.js'
import type { PayloadDraft } from '../ledger/port.js'
import type { Services } from '../services.js'
import type { Approved, Verified } from './call.js'
import { policyReference } from './decision-body.js'
import { commitPayload } from './payload.js'

/** A signed receipt and the output it commits to. */
export interface SignedReceipt {
  readonly receipt: Receipt
  readonly payloads: readonly PayloadDraft[]
  readonly outputBytes: Uint8Array | null
}

/** Builds and signs the receipt of an execution, whatever its end (notes/evidence 2). */
export function buildReceipt(
  services: Services,
  call: Verified,
  receiptId: string,
  finishedAt: number,
): SignedReceipt {
  const outputBytes = call.output === null ? null : canonicalBytes(call.output)
  const payload = outputBytes === null ? null : commitPayload('output', outputBytes, finishedAt)
  const unsigned: UnsignedReceipt = {
    v: 1,
    receipt_id: receiptId,
    grant_id: call.grantId,
    trace_id: call.traceId,
    ...subject(call),
    ...(call.approval === null ? {} : { approval: approvalOf(call.approval) }),
    policy: policyReference(services),
    provider_receipt: providerReceipt(call),
    output: payload === null ? null : { ...payload.commitment },
    normalized_result: normalizedResult(call),
    verification_outcome: call.verification,
    effect_evidence: [],
    effects: call.run.effects.map((effect) => ({ ...effect })),
    outcome: call.outcome,
    error_type: call.failure?.type ?? null,
    failure_class: failureClass(call),
    runtime: {
      duration_ms: call.run.durationMs,
      exit_code: exitCode(call),
      fuel_consumed: call.run.fuelConsumed,
      io_calls: call.run.ioCalls,
    },
    started_at: autoZ(call.startedAt),
    finished_at: autoZ(finishedAt),
  }
  const signer = {
    kid: services.receiptSigner.kid,
    sign: (message: Uint8Array) => services.receiptSigner.sign(message),
  }
  return {
    receipt: signReceipt(unsigned, signer, evidenceCrypto),
    payloads: payload === null ? [] : [payload.draft],
    outputBytes,
  }
}

/** 0 when the provider returned a result, 1 when it did not. */
export function exitCode(call: Verified): 0 | 1 {
  return call.failure === null ? 0 : 1
}

/** The wire's `failure_class` (spec/http-api 12.1). */
export function failureClass(call: Verified): FailureClass | null {
  if (call.failure !== null) return failureClassOf(call.failure.type)
  return call.verification.status === 'verification_failed' ? 'verification_failed' : null
}

/** True when the provider succeeded and the effect was verified or declared unverifiable. */
export function isFullySuccessful(call: Verified): boolean {
  return call.failure === null && isSatisfied(call.verification.status)
}

/** True for a verification that leaves nothing to be desired (spec/http-api 10.3). */
export function isSatisfied(status: VerificationStatus): boolean {
  return status === 'verified' || status === 'unverifiable_declared'
}

function subject(
  call: Verified,
): Pick<
  UnsignedReceipt,
  | 'session_id'
  | 'session_seq'
  | 'lease_jti'
  | 'principal'
  | 'owner'
  | 'agent_label'
  | 'action_id'
  | 'action_version'
  | 'action_digest'
  | 'provider_module_digest'
  | 'provider_module_sha256'
  | 'request_hash'
  | 'arguments_hash'
> {
  const { claims } = call.agent
  const { manifest, actionDigest, moduleDigest } = call.registered
  return {
    session_id: claims.session_id,
    session_seq: call.intent.sessionSeq,
    lease_jti: claims.jti,
    principal: claims.sub,
    ...(claims.owner === undefined ? {} : { owner: claims.owner }),
    ...(call.agentLabel === null ? {} : { agent_label: call.agentLabel }),
    action_id: manifest.action_id,
    action_version: manifest.version,
    action_digest: actionDigest,
    provider_module_digest: manifest.provider,
    provider_module_sha256: moduleDigest,
    request_hash: call.requestHash,
    arguments_hash: call.argumentsHash,
  }
}

function approvalOf({ approvalId, planHash, decisions }: Approved): JsonObject {
  return { approval_id: approvalId, plan_hash: planHash, decisions }
}

function providerReceipt(call: Verified): UnsignedReceipt['provider_receipt'] {
  const effect = call.run.effects.at(-1)
  return {
    ok: call.output !== null && call.output['ok'] === true,
    status_code: effect?.status ?? null,
    content_type: call.run.contentType === null ? null : sanitizeText(call.run.contentType, 256),
    body_sha256: effect?.response_sha256 ?? null,
    body_bytes: effect?.response_bytes ?? null,
  }
}

function normalizedResult(call: Verified): NormalizedResult {
  if (call.failure === null) {
    return { kind: 'success', summary: 'provider completed successfully' }
  }
  const cls = failureClass(call)
  if (cls === 'timeout') return { kind: 'timeout' }
  if (cls === 'cancelled') return { kind: 'cancelled' }
  // Cut between characters: half of a surrogate pair has no canonical form, and no receipt then.
  const reason = sanitizeText(`${call.failure.type}: ${call.failure.message}`, 500)
  return { kind: cls === 'internal_error' ? 'internal_error' : 'provider_failure', reason }
}
