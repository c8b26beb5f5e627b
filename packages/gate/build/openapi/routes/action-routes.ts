import { POLICY_FAULTS, READS_LEDGER, RECORDS } from '../errors.js'
import type { ErrorDocumentation, RouteDocumentation } from '../route-documentation.js'
import { openObject, ref, text, uuid } from '../schema.js'
import { LARGEST_BODY } from './gate-routes.js'

const ANYBODY = { client: 'none', admin: 'none' } as const
const ACTION = { action_id: text('As `GET /v1/actions` lists it.') }

/** Why a call is refused that was to be begun, whether an agent asks for it or an operator approves it. */
export const CALL_ERRORS: readonly ErrorDocumentation[] = [
  ...RECORDS,
  ...POLICY_FAULTS,
  'action_not_found',
  'policy_denied',
  'budget_exhausted',
  'budget_session_not_found',
  'quota_exhausted',
  'secrets_unavailable',
  'overloaded',
  'draining',
  'grant_consumed',
  'lease_revoked',
  'replay_detected',
  'evidence_persistence_failed',
]

/** What can be asked for, asking for it, and what became of it. */
export const ACTION_ROUTES: readonly RouteDocumentation[] = [
  {
    method: 'GET',
    path: '/v1/actions',
    operationId: 'listActions',
    summary: 'List the actions',
    description: 'Every action of the gate, whether or not a principal may use it.',
    tag: 'actions',
    access: ANYBODY,
    success: { 200: { description: 'The actions.', schema: ref('ActionList') } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/v1/permitted-actions',
    operationId: 'listPermittedActions',
    summary: 'List the actions that the caller may ask for',
    description:
      'The actions that policy does not refuse the principal of the lease, with their schemas, in one answer. Policy is asked as for a call without parameters; a real call is decided on when it is made. The header `ETag` changes with anything in the answer; sent back in `If-None-Match` it asks whether anything has.',
    tag: 'actions',
    access: { client: 'lease', admin: 'lease' },
    headers: { 'If-None-Match': { schema: text('The `ETag` of an earlier answer.') } },
    success: {
      200: { description: 'The actions.', schema: ref('PermittedActions') },
      304: { description: 'Nothing has changed since the answer with that `ETag`.' },
    },
    errors: POLICY_FAULTS,
  },
  {
    method: 'GET',
    path: '/v1/actions/:action_id',
    operationId: 'getAction',
    summary: 'Describe one action',
    description: 'Its limits, where it may connect to, and what it is bound to by digest.',
    tag: 'actions',
    access: ANYBODY,
    pathParameters: ACTION,
    success: { 200: { description: 'The action.', schema: ref('ActionDetail') } },
    errors: ['not_found'],
  },
  {
    method: 'GET',
    path: '/v1/actions/:action_id/schema/request',
    operationId: 'getRequestSchema',
    summary: 'The JSON Schema of its parameters',
    description: 'What `execute` checks the body against (JSON Schema 2020-12). 404 without one.',
    tag: 'actions',
    access: ANYBODY,
    pathParameters: ACTION,
    success: { 200: { description: 'The schema.', schema: openObject('A JSON Schema.') } },
    errors: ['not_found'],
  },
  {
    method: 'POST',
    path: '/v1/actions/:action_id/execute',
    operationId: 'executeAction',
    summary: 'Execute an action',
    description: `The call is checked, decided on, made by the gate with its own credentials, verified, and answered when its receipt is durable. Hanging up changes nothing: what was begun ends with a receipt. A 200 says that the provider returned a result, not that the upstream did what was asked: look at \`output.ok\`. A 202 says that an operator has to decide. The body is read as JSON whatever its type, up to ${LARGEST_BODY}.`,
    tag: 'actions',
    access: { client: 'lease', admin: 'lease' },
    pathParameters: ACTION,
    headers: {
      'X-LatchGate-Agent': {
        schema: text('What the agent calls itself, for the record; never an identity.', {
          pattern: '^[\\x21-\\x7e]{1,64}$',
        }),
      },
    },
    body: {
      schema: openObject('The parameters: see `GET /v1/actions/{action_id}/schema/request`.'),
      description: 'The parameters of the action. Without a body: `{}`.',
      required: false,
      type: 'any',
    },
    success: {
      200: { description: 'The provider returned a result.', schema: ref('ExecuteResponse') },
      202: { description: 'The call waits for an operator.', schema: ref('PendingResponse') },
    },
    errors: [
      ...CALL_ERRORS,
      'request_too_large',
      'schema_violation',
      'too_many_pending_approvals',
      'action_execution_failed',
    ],
  },
  {
    method: 'GET',
    path: '/v1/receipts/:receipt_id',
    operationId: 'getReceipt',
    summary: 'Read a receipt',
    description:
      "On the client listener with a lease: a receipt of the same principal; another one and none look alike. On the admin listener with an operator's key: any receipt.",
    tag: 'receipts',
    access: { client: 'lease', admin: 'operator' },
    pathParameters: { receipt_id: uuid() },
    success: { 200: { description: 'The receipt.', schema: ref('Receipt') } },
    errors: [...READS_LEDGER, 'not_found'],
  },
]
