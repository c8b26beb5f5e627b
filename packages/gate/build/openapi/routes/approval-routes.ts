import type { ApprovalState } from '@latchgate/protocol'
import { LIST_LIMIT, LONGEST_WAIT_MS } from '../../../src/http/approval-routes.js'
import { READS_LEDGER, RECORDS } from '../errors.js'
import type { ErrorDocumentation, RouteDocumentation } from '../route-documentation.js'
import { count, oneOf, ref, text, uuid } from '../schema.js'
import { CALL_ERRORS } from './action-routes.js'

const OWN = { client: 'lease', admin: 'lease' } as const
const ONE = '/v1/approvals/:approval_id'
const ID = { approval_id: uuid('As `execute` answered it.') }

/** Why an approved call came to nothing before it was dispatched. */
const RECHECK: readonly ErrorDocumentation[] = [
  'plan_hash_mismatch',
  'action_digest_mismatch',
  'policy_changed',
]

const ENDED: readonly ErrorDocumentation[] = ['approval_expired', 'approval_revoked']

const DECISION: readonly ErrorDocumentation[] = [
  'approval_not_found',
  ...ENDED,
  'conflict',
  'plan_hash_mismatch',
  'attestation_invalid',
  'attestation_mismatch',
]

const STATES = oneOf<ApprovalState>(
  {
    pending: true,
    claimed: true,
    approved: true,
    denied: true,
    failed: true,
    expired: true,
    revoked: true,
  },
  'Only approvals in this state; without it all.',
)

/** Calls that wait for a human: as who asked sees them, and as operators do. */
export const APPROVAL_ROUTES: readonly RouteDocumentation[] = [
  {
    method: 'GET',
    path: `${ONE}/poll`,
    operationId: 'pollApproval',
    summary: 'Has it been decided?',
    description:
      'For the principal whose call it is, also with a later lease. An approval of somebody else and none look alike.',
    tag: 'approvals',
    access: OWN,
    pathParameters: ID,
    success: { 200: { description: 'What is known.', schema: ref('ApprovalPoll') } },
    errors: [...READS_LEDGER, 'approval_not_found'],
  },
  {
    method: 'GET',
    path: `${ONE}/wait`,
    operationId: 'waitForApproval',
    summary: 'Wait until it has been decided',
    description:
      'As `poll`, answered when the approval has ended, or after `timeout_ms`: then with `pending`.',
    tag: 'approvals',
    access: OWN,
    pathParameters: ID,
    query: {
      timeout_ms: {
        schema: count('Milliseconds to wait; what is greater than the maximum counts as it.', {
          default: LONGEST_WAIT_MS,
        }),
      },
    },
    success: { 200: { description: 'What is known then.', schema: ref('ApprovalPoll') } },
    errors: [...READS_LEDGER, 'approval_not_found'],
  },
  {
    method: 'GET',
    path: `${ONE}/result`,
    operationId: 'getApprovedResult',
    summary: 'What came of the approved call',
    description:
      'What `execute` would have answered, had nobody been asked. While there is no outcome: 409. Every other end has its code. The output is kept for a day; then 404 with `receipt_id`.',
    tag: 'approvals',
    access: OWN,
    pathParameters: ID,
    success: { 200: { description: 'The result.', schema: ref('ExecuteResponse') } },
    errors: [
      ...READS_LEDGER,
      ...RECHECK,
      ...ENDED,
      'approval_not_found',
      'approval_pending',
      'approval_denied',
      'not_found',
      'action_not_found',
      'policy_denied',
      'budget_exhausted',
      'budget_session_not_found',
      'quota_exhausted',
      'grant_consumed',
      'lease_revoked',
      'action_execution_failed',
    ],
  },
  {
    method: 'GET',
    path: '/v1/approvals',
    operationId: 'listApprovals',
    summary: 'List approvals',
    description:
      "On the client listener with a lease: those of the principal. On the admin listener with an operator's key: everybody's.",
    tag: 'approvals',
    access: { client: 'lease', admin: 'operator' },
    query: {
      status: { schema: STATES },
      limit: {
        schema: count(
          `How many, at most. What is greater than ${LIST_LIMIT.most} counts as that.`,
          { default: LIST_LIMIT.fallback },
        ),
      },
    },
    success: { 200: { description: 'Newest first.', schema: ref('ApprovalList') } },
    errors: ['approval_store_unavailable'],
  },
  {
    method: 'GET',
    path: ONE,
    operationId: 'getApproval',
    summary: 'Look at what would be executed',
    description:
      'The whole plan: parameters and target as they would be sent, but what the schema of the action marks as sensitive. `plan_hash` is over all of it: send it along with the decision.',
    tag: 'approvals',
    access: { admin: 'operator' },
    pathParameters: { approval_id: uuid() },
    success: { 200: { description: 'The plan.', schema: ref('ApprovalDetailAnswer') } },
    errors: [...READS_LEDGER, 'approval_not_found', 'plan_hash_mismatch'],
  },
  {
    method: 'POST',
    path: `${ONE}/approve`,
    operationId: 'approve',
    summary: 'Approve, and execute',
    description:
      'With the last approval that it takes the plan is held against everything as it is now, and executed; the answer is that of the execution. What cannot be done any more ends the approval (4xx); what may be done later leaves it pending (5xx before the dispatch). Without a body, or with one that is not JSON, the plan is approved as it is.',
    tag: 'approvals',
    access: { admin: 'operator' },
    namesCause: true,
    pathParameters: { approval_id: uuid() },
    body: {
      schema: ref('ApproveRequest'),
      description: 'What was looked at, and the signed decision.',
      required: false,
      type: 'json',
    },
    success: {
      200: {
        description: 'It was executed, or somebody had decided before.',
        schema: ref('ApproveAnswer'),
      },
      202: { description: 'More operators are needed.', schema: ref('QuorumPending') },
    },
    errors: [
      ...DECISION,
      ...CALL_ERRORS,
      ...RECHECK,
      'approver_not_eligible',
      { code: 'action_execution_failed', schema: 'ApprovedError' },
    ],
  },
  {
    method: 'POST',
    path: `${ONE}/deny`,
    operationId: 'deny',
    summary: 'Deny',
    description:
      'One denial ends an approval, however many approvals it takes. It works during a drain.',
    tag: 'approvals',
    access: { admin: 'operator' },
    namesCause: true,
    proofInLedger: true,
    pathParameters: { approval_id: text(undefined, { format: 'uuid' }) },
    body: {
      schema: ref('DenyRequest'),
      description: 'Why, and the signed decision.',
      required: false,
      type: 'json',
    },
    success: {
      200: {
        description: 'It is denied, or somebody had decided before.',
        schema: ref('DenyAnswer'),
      },
    },
    errors: [...DECISION, ...RECORDS],
  },
]
