import type { Leaf } from '@latchgate/evidence'
import type { AuditEvent, Json, JsonObject } from '@latchgate/protocol'

/** An event before it is known where in the log it stands. */
export type EventMembers = Omit<AuditEvent, 'leaf_index' | 'leaf_hash'>

/**
 * Every member that all events have, as the leaf tells it; empty text or null where it tells nothing
 * (spec/http-api 12.2). Bodies are read defensively: records of other versions are in the log too.
 */
export function eventBase(leaf: Leaf | null): EventMembers {
  const body = leaf?.body ?? {}
  return {
    trace_id: text(body, 'trace_id'),
    timestamp: leaf?.time ?? '',
    event_type: text(body, 'event_type'),
    principal: text(body, 'principal'),
    session_id: text(body, 'session_id'),
    lease_jti: text(body, 'lease_jti'),
    ...optionalText(body, 'owner'),
    action_id: text(body, 'action_id'),
    action_version: textOrNull(body, 'action_version'),
    action_digest: text(body, 'action_digest'),
    action_trust_verdict: text(body, 'action_trust_verdict'),
    ...optionalText(body, 'risk_level'),
    request_hash: text(body, 'request_hash'),
    request_schema_id: textOrNull(body, 'request_schema_id'),
    policy_version: textOrNull(object(body, 'policy') ?? {}, 'version'),
    decision: 'allow',
    deny_reason: null,
    allowed_sinks: texts(body['allowed_sinks']),
    budgets_before: object(body, 'budgets_before'),
    budgets_after: object(body, 'budgets_after'),
    runtime: object(body, 'runtime'),
    response_hash: textOrNull(body, 'response_hash'),
    response_bytes: integer(body, 'response_bytes'),
    ...optionalText(body, 'grant_id'),
    ...optionalText(body, 'receipt_id'),
    ...optionalText(body, 'verification_outcome'),
    ...optionalText(body, 'approval_id'),
    ...optionalText(body, 'approved_by'),
    ...optionalText(body, 'operator_authn_method'),
    ...optionalText(body, 'operator_sender_binding'),
    ...optionalText(body, 'operator_proof_jti'),
    prev_hash: null,
    dev_mode: body['dev_mode'] === true,
    sandbox_degraded: false,
    ...optionalInteger(body, 'session_seq'),
    ...optionalText(body, 'code'),
    ...(Array.isArray(body['reasons']) ? { reasons: body['reasons'] as readonly Json[] } : {}),
    ...optionalText(body, 'plan_hash'),
  }
}

/** A text member, or empty text. */
export function text(body: JsonObject, member: string): string {
  return textOrNull(body, member) ?? ''
}

/** A text member, or null. */
export function textOrNull(body: JsonObject, member: string): string | null {
  const value = body[member]
  return typeof value === 'string' ? value : null
}

/** A member that is an object, or null. */
export function object(body: JsonObject, member: string): JsonObject | null {
  const value = body[member]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return value as JsonObject
}

function integer(body: JsonObject, member: string): number | null {
  const value = body[member]
  return typeof value === 'number' ? value : null
}

function texts(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

// An empty text counts as absent (spec/auth-and-evidence 19.1).
function optionalText<M extends string>(
  body: JsonObject,
  member: M,
): { readonly [member in M]?: string } {
  const value = text(body, member)
  return (value === '' ? {} : { [member]: value }) as { readonly [member in M]?: string }
}

function optionalInteger<M extends string>(
  body: JsonObject,
  member: M,
): { readonly [member in M]?: number } {
  const value = integer(body, member)
  return (value === null ? {} : { [member]: value }) as { readonly [member in M]?: number }
}
