import {
  type AlreadyDecidedResponse,
  type ApprovalDetail,
  type ApprovalListBody,
  type ApprovalPollBody,
  type ApprovalReasonBody,
  type ApprovalState,
  type ApprovalSummary,
  type ApproveRequest,
  type ApproveResponse,
  type DenyRequest,
  type DenyResponse,
  type Learning,
  MAX_ATTESTATION_LENGTH,
  MAX_REASON_BYTES,
  type PlannedTarget,
  type QuorumPendingResponse,
} from '@latchgate/protocol'
import {
  anyOf,
  boolean,
  constant,
  count,
  digest,
  hex,
  list,
  type Members,
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
import { APPROVED } from './approval-outcome-schemas.js'
import { EXECUTED } from './execution-schemas.js'

const SUMMARY: Members<ApprovalSummary> = {
  approval_id: uuid(),
  status: ref('ApprovalState'),
  action_id: text(),
  action_version: text(),
  principal: text('Who asked.'),
  session_id: uuid(),
  owner: optional(text()),
  risk_level: ref('RiskLevel'),
  request_hash: digest(),
  created_at: moment(),
  expires_at: moment(),
  claimed_by: optional(text('Operators whose approval brought the execution about.')),
  trace_id: uuid('Of the held call.'),
  plan_hash: hex(32, 'What an approval is bound to.'),
  reasons: list(
    object<ApprovalReasonBody>({ code: text(), detail: text() }),
    'Why a human is asked.',
  ),
  approvals: count('Given so far.'),
  required: count('How many it takes.'),
  target: text('Method and URL as they would be sent.'),
}

type LifeCycle = Pick<
  ApprovalDetail,
  'claimed_at' | 'completed_at' | 'receipt_id' | 'deny_reason' | 'error_code'
>

const LIFE_CYCLE: Members<LifeCycle> = {
  claimed_at: optional(moment()),
  completed_at: optional(moment()),
  receipt_id: optional(uuid()),
  deny_reason: optional(text()),
  error_code: optional(text('Why an approved call came to nothing.')),
}

const PLAN_HASH = hex(32, 'The `plan_hash` that was looked at: another one is refused.')
const ATTESTATION = text(
  "The decision as a compact JWS (`typ: latchgate-approval+jwt`, ES256) by the operator's own key; it is kept in the receipt.",
  { maxLength: MAX_ATTESTATION_LENGTH },
)

/** Calls that wait for a human, and what humans say of them. */
export const APPROVAL_SCHEMAS: Readonly<Record<string, Schema>> = {
  ApprovalState: oneOf<ApprovalState>(
    {
      pending: true,
      claimed: true,
      approved: true,
      denied: true,
      failed: true,
      expired: true,
      revoked: true,
    },
    '`claimed`: approved and executing. `failed`: approved, then refused or without a usable result.',
  ),
  ApprovalPoll: object<ApprovalPollBody>(
    {
      status: oneOf({ pending: true, approved: true, denied: true, failed: true, expired: true }),
      approval_id: uuid(),
      action_id: text(),
      expires_at: moment(),
      retry_after_seconds: optional(count('While it is pending.')),
      receipt_id: optional(uuid()),
      reason: optional(text()),
      output: optional(openObject('Of the approved call, while it is kept.', { ok: boolean() })),
    },
    'What the principal that asked may know. One that executes is `pending`, a revoked one `denied`.',
  ),
  ApprovalList: object<ApprovalListBody>({
    approvals: list(ref('ApprovalSummary'), 'Newest first.'),
    count: count('Length of the list, not a total.'),
  }),
  ApprovalSummary: object<ApprovalSummary>(SUMMARY),
  ErasedApproval: object<ApprovalSummary & LifeCycle>(
    { ...SUMMARY, ...LIFE_CYCLE },
    'An approval whose plan is not kept any more.',
  ),
  ApprovalDetail: object<ApprovalDetail>({
    ...SUMMARY,
    ...LIFE_CYCLE,
    policy_version: optional(text()),
    approved_targets: list(text(), 'The sinks that the call writes to.'),
    approved_secrets: list(text(), 'Names.'),
    approved_egress: ref('EgressProfile'),
    verifier_kind: text(),
    provider_module_digest: text(),
    unresolved_domains: optional(list(text(), 'Destinations that no rule names yet.')),
    unresolved_paths: optional(list(text())),
    budget_snapshot: object<ApprovalDetail['budget_snapshot']>(
      {
        calls_remaining: nullable(count()),
        policy_approved_calls_after: nullable({ type: 'integer' }),
      },
      'null for no limit.',
    ),
    quorum: object<ApprovalDetail['quorum']>({
      min: count(),
      distinct_from_requester: boolean(),
    }),
    approved_by: list(text(), 'Operators who have approved so far.'),
    log: text('Name of the log: the audience of an attestation.'),
    plan: {
      ...openObject(
        'What would be executed: everything that `plan_hash` is over, but sensitive values.',
        {
          arguments: openObject('Of the action, defaults applied.'),
          target: object<PlannedTarget>(
            {
              method: text(),
              url: text(),
              headers: list(
                list(text(), undefined, { minItems: 2, maxItems: 2 }),
                'Pairs of name and value; none holds a secret.',
              ),
              body_sha256: nullable(text()),
              body_bytes: count(),
              body: nullable(text('The body as text; null when there is none, or it is not text.')),
            },
            'The exact request.',
          ),
        },
      ),
    },
    hidden: list(text(), 'JSON pointers, into `arguments`, of what is not shown.'),
  }),
  ApproveRequest: object<ApproveRequest>({
    plan_hash: optional(PLAN_HASH),
    learn: optional(ref('Learning')),
    attestation: optional(ATTESTATION),
  }),
  Learning: object<Learning>(
    {
      domain: optional(text('A destination that covers the one of this call.')),
      path: optional(text('A path pattern, relative to the root of the session.')),
      everybody: optional(constant(true, 'For every principal; else for the one that asked.')),
    },
    'What to remember once the call has succeeded. Nothing is learned by itself.',
  ),
  DenyRequest: object<DenyRequest>({
    reason: optional(
      text(`The agent sees it. At most ${MAX_REASON_BYTES} bytes.`, {
        maxLength: MAX_REASON_BYTES,
      }),
    ),
    plan_hash: optional(PLAN_HASH),
    attestation: optional(ATTESTATION),
  }),
  ApproveResponse: object<ApproveResponse>(
    { ...EXECUTED, ...APPROVED },
    'The answer of the execution, and whose decision it was.',
  ),
  QuorumPending: object<QuorumPendingResponse>(
    {
      status: constant('pending'),
      approval_id: uuid(),
      approvals: count('Given so far.'),
      required: count('How many it takes.'),
      trace_id: uuid(),
    },
    'The approval counts; others have to approve as well.',
  ),
  AlreadyDecided: object<AlreadyDecidedResponse>(
    {
      decision: oneOf({ already_approved: true, already_denied: true, already_failed: true }),
      approval_id: uuid(),
      status: ref('ApprovalState'),
      completed_at: optional(moment()),
      receipt_id: optional(uuid()),
      deny_reason: optional(text()),
      error_code: optional(text()),
      trace_id: uuid(),
    },
    'Somebody was first: nothing was done by this request.',
  ),
  DenyResponse: object<DenyResponse>({
    decision: constant('deny'),
    trace_id: uuid('Of the held call.'),
    action_id: text(),
    approval_id: uuid(),
    denied_by: text('The operator.'),
    deny_reason: text('As the agent sees it.'),
  }),
  ApproveAnswer: anyOf([ref('ApproveResponse'), ref('AlreadyDecided')]),
  DenyAnswer: anyOf([ref('DenyResponse'), ref('AlreadyDecided')]),
  ApprovalDetailAnswer: anyOf([ref('ApprovalDetail'), ref('ErasedApproval')]),
}
