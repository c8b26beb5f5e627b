import { type Json, type JsonObject, type ReceiptBody, sanitizeText } from '@latchgate/protocol'
import type { Services } from '../services.js'
import type { Arrival, Budgeted, Known } from './call.js'

/** As much of a call as is known when a decision is recorded. */
export type Progress = Known &
  Partial<Pick<Budgeted, 'registered' | 'requestHash' | 'argumentsHash' | 'callsBefore'>>

/** Bytes that a record keeps of the name of an action that does not exist. */
const MAX_ACTION_ID_BYTES = 256

/**
 * The subject of a decision leaf: everything an audit event needs (spec/http-api 12.2), with null
 * where the call did not get that far.
 */
export function decisionSubject(services: Services, call: Progress): JsonObject {
  const { claims } = call.agent
  const manifest = call.registered?.manifest
  return {
    event_type: 'action_call',
    trace_id: call.traceId,
    principal: claims.sub,
    identity_method: claims.idm,
    owner: claims.owner ?? null,
    agent_label: call.agentLabel,
    session_id: claims.session_id,
    lease_jti: claims.jti,
    // What no manifest bears out is a text of the caller's.
    action_id: manifest?.action_id ?? sanitizeText(call.actionId, MAX_ACTION_ID_BYTES),
    action_version: manifest?.version ?? null,
    action_digest: call.registered?.actionDigest ?? null,
    provider_module_digest: manifest?.provider ?? null,
    provider_module_sha256: call.registered?.moduleDigest ?? null,
    action_trust_verdict: manifest === undefined ? 'not_registered' : 'digest_ok',
    risk_level: manifest?.risk_level ?? null,
    request_schema_id: manifest === undefined ? null : `${manifest.action_id}:request`,
    request_hash: call.requestHash ?? null,
    arguments_hash: call.argumentsHash ?? null,
    policy: policyReference(services),
    dev_mode: services.devMode,
  }
}

/** What identifies rules and data in force: a decision holds for this revision and no other. */
export function policyRevision({ policy }: Services): string {
  return `${policy.version ?? ''} ${policy.digest ?? ''} ${policy.dataDigest}`
}

/** Version and digest of the rules that were in force. */
export function policyReference(services: Services): ReceiptBody['policy'] {
  return { version: services.policy.version, digest: services.policy.digest }
}

/** `{calls_remaining}` of the wire; null without a budget or without a limit. */
export function budgetSnapshot(calls: number | null | undefined): Json {
  return calls === null || calls === undefined ? null : { calls_remaining: calls }
}

/** True when it is known whose call it is. */
export function isAuthenticated(call: Pick<Arrival, 'traceId'> | Known): call is Known {
  return 'agent' in call
}
