import type {
  AllowlistBody,
  GrantBody,
  PolicyBody,
  PolicyChangeRequest,
  PolicyEntry,
  PolicyQuota,
  PrincipalPolicyBody,
  QuorumBody,
  QuotaBody,
  ReloadBody,
  RequireApprovalBody,
  RevokeBody,
} from '@latchgate/protocol'
import { MAX_WINDOW_SECONDS } from '../../../src/policy/data-document.js'
import { MAX_QUOTAS } from '../../../src/policy/edit-rules.js'
import { MAX_QUORUM } from '../../../src/policy/interpret-decision.js'
import { MAX_ACTIONS } from '../../../src/policy/policy-names.js'
import {
  boolean,
  constant,
  count,
  list,
  moment,
  object,
  optional,
  record,
  ref,
  type Schema,
  text,
} from '../schema.js'

const ACTION = text('An action of this gate.')
const PRINCIPAL = text('A principal, or `*` for everybody who has no entry.')
const DONE = constant(true)
const APPROVALS = count('How many must approve; 1 is what holds without a rule.', {
  minimum: 1,
  maximum: MAX_QUORUM,
})
const QUOTAS = list(ref('PolicyQuota'), 'All that hold; an empty list takes them away.', {
  maxItems: MAX_QUOTAS,
})

/** What policy decides on, read and changed at run time. */
export const POLICY_SCHEMAS: Readonly<Record<string, Schema>> = {
  Policy: object<PolicyBody>({
    policy_version: text('It changes with every change of the data.'),
    acl: record(ref('PolicyEntry'), 'By principal.'),
    allowlist: record(
      record(boolean(), 'By principal.'),
      'By action: the approval that its risk needs is waived.',
    ),
    require_approval: record(
      record(constant(true), 'By principal, or `*`.'),
      'By action: it needs an approval, whatever its risk.',
    ),
    quotas: record(list(ref('PolicyQuota')), 'By principal, or `*`.'),
    quorum: record(
      record(count(), 'By principal, or `*`.'),
      'By action: how many must approve, where an approval is needed.',
    ),
  }),
  PolicyEntry: object<PolicyEntry>({
    allowed_actions: list(text()),
    allowed_sinks: list(text(), 'What the actions may write to.'),
    inherits_wildcard: optional(boolean('The rights of `*` are added.')),
  }),
  PolicyQuota: object<PolicyQuota>(
    {
      calls: optional(count()),
      cost_usd_cents: optional(count()),
      window_seconds: count(undefined, { minimum: 1, maximum: MAX_WINDOW_SECONDS }),
    },
    'A limit of calls, of cost, or of both (one of them at least), within any window of that length.',
  ),
  PrincipalPolicy: object<PrincipalPolicyBody>({ principal: text(), acl: ref('PolicyEntry') }),
  GrantRequest: object<Omit<PolicyChangeRequest, 'remove_principal'>>({
    principal: PRINCIPAL,
    actions: list(ACTION, undefined, { minItems: 1, maxItems: MAX_ACTIONS }),
  }),
  GrantResponse: object<GrantBody>({
    principal: text(),
    granted: list(text()),
    total_actions: count('Of the entry, now.'),
    allowed_sinks: list(text(), 'Of the entry, now.'),
    no_longer_allowed: optional(
      list(text(), 'What the principal had as one of `*` until it got this entry of its own.'),
    ),
  }),
  PolicyRevokeRequest: object<
    Partial<Pick<PolicyChangeRequest, 'actions' | 'remove_principal'>> &
      Pick<PolicyChangeRequest, 'principal'>
  >({
    principal: PRINCIPAL,
    actions: optional(
      list(text(), 'May be left out with `remove_principal`.', { maxItems: MAX_ACTIONS }),
    ),
    remove_principal: optional(
      boolean('The entry goes too; refused where `*` would then give more than it had.'),
    ),
  }),
  PolicyRevokeResponse: object<RevokeBody>({
    principal: text(),
    revoked: list(text(), 'As they were named.'),
    remaining_actions: count('Of the entry, now.'),
    allowed_sinks: list(text(), 'Of the entry, now.'),
    principal_removed: boolean(),
    still_allowed: optional(list(text(), 'What the rights of `*` still allow.')),
  }),
  AllowlistRequest: object<Omit<AllowlistBody, 'ok'>>({
    action_id: ACTION,
    agent_id: text('The principal.'),
  }),
  AllowlistResponse: object<AllowlistBody>({ ok: DONE, action_id: text(), agent_id: text() }),
  RequireApprovalRequest: object<Omit<RequireApprovalBody, 'ok'>>({
    action_id: ACTION,
    principal: PRINCIPAL,
  }),
  RequireApprovalResponse: object<RequireApprovalBody>({
    ok: DONE,
    action_id: text(),
    principal: text(),
  }),
  QuotaRequest: object<Omit<QuotaBody, 'ok'>>({ principal: PRINCIPAL, quotas: QUOTAS }),
  QuotaResponse: object<QuotaBody>({ ok: DONE, principal: text(), quotas: QUOTAS }),
  QuorumRequest: object<Omit<QuorumBody, 'ok'>>({
    action_id: text('An action of this gate, or `*`.'),
    principal: PRINCIPAL,
    approvals: APPROVALS,
  }),
  QuorumResponse: object<QuorumBody>({
    ok: DONE,
    action_id: text(),
    principal: text(),
    approvals: APPROVALS,
  }),
  Reloaded: object<ReloadBody>({
    ok: DONE,
    actions: count('That there are now.'),
    policy_version: text('Of the data in force; empty when there is none.'),
    reloaded_at: moment(),
  }),
}
