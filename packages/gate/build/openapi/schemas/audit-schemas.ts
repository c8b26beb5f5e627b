import type {
  AuditDecision,
  AuditEvent,
  AuditEventsBody,
  AuditVerifyBody,
} from '@latchgate/protocol'
import { SHOWN_FINDINGS } from '../../../src/audit/ledger-verification.js'
import {
  boolean,
  constant,
  count,
  hex,
  integer,
  list,
  moment,
  nullable,
  object,
  oneOf,
  openObject,
  optional,
  ref,
  type Schema,
  text,
  uuid,
} from '../schema.js'

/** What an event can say was decided. */
export const AUDIT_DECISION: Readonly<Record<AuditDecision, true>> = {
  allow: true,
  allow_unverified: true,
  deny: true,
  pending_approval: true,
  error: true,
}

/** What happened, and whether the records of it are whole. */
export const AUDIT_SCHEMAS: Readonly<Record<string, Schema>> = {
  AuditEvents: object<AuditEventsBody>({
    events: list(ref('AuditEvent')),
    newest_index: {
      ...integer('Index of the newest record when the question came; -1 for an empty log.'),
      minimum: -1,
    },
    next_cursor: optional(text('There may be older events: `cursor` of the next question.')),
    next_since_index: optional({
      ...integer("With `since_index`: how far was looked; the next question's `since_index`."),
      minimum: -1,
    }),
  }),
  AuditEvent: object<AuditEvent>(
    {
      trace_id: text(),
      timestamp: moment(),
      event_type: text(),
      principal: text("The agent's; of what an operator did, the operator."),
      session_id: text(),
      lease_jti: text(),
      identity_method: optional(text('How the principal was known.')),
      owner: optional(text()),
      action_id: text(),
      action_version: nullable(text()),
      action_digest: text(),
      action_trust_verdict: text(),
      risk_level: optional(text()),
      request_hash: text(),
      request_schema_id: nullable(text()),
      policy_version: nullable(text()),
      decision: oneOf(AUDIT_DECISION),
      deny_reason: nullable(text('Also the words for what an operator did.')),
      allowed_sinks: list(text()),
      budgets_before: nullable(openObject('What was left before.')),
      budgets_after: nullable(openObject('What was left after.')),
      runtime: nullable(openObject('What the execution took.')),
      response_hash: nullable(text()),
      response_bytes: nullable(count()),
      grant_id: optional(uuid()),
      receipt_id: optional(uuid()),
      verification_outcome: optional(text()),
      approval_id: optional(text()),
      approved_by: optional(text('The operator who decided, also when it was a denial.')),
      operator_authn_method: optional(text()),
      operator_sender_binding: optional(text("Thumbprint (RFC 7638) of the operator's key.")),
      operator_proof_jti: optional(text()),
      prev_hash: { type: 'null', description: 'Of the chain that the log has replaced.' },
      dev_mode: boolean('The posture was relaxed.'),
      sandbox_degraded: constant(false),
      leaf_index: count('Where the record is in the log.'),
      leaf_hash: hex(32),
      session_seq: optional(count()),
      code: optional(text('Of a refusal.')),
      reasons: optional(list({ description: 'Why a human is asked.' })),
      plan_hash: optional(hex(32)),
      detail: optional(openObject('Of an act, or the counts of a summary, for programs.')),
    },
    'Made from one record of the log. What does not apply is empty text.',
  ),
  AuditVerify: object<AuditVerifyBody>({
    intact: boolean(),
    total_events: count('Records that were checked.'),
    verified_links: count('The same: there is no other link than being in the log.'),
    broken_at: nullable(
      text('`trace_id` of the first bad record; null without one, or where it has none.'),
    ),
    findings: optional(
      list(
        object<NonNullable<AuditVerifyBody['findings']>[number]>({
          index: nullable(integer()),
          id: nullable(text()),
          column: nullable(text()),
          problem: text(),
        }),
        `The first ${SHOWN_FINDINGS} of them, when it is not intact.`,
      ),
    ),
  }),
}
