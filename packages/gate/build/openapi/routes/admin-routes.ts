import { READS_LEDGER, RECORDS_ACT } from '../errors.js'
import type { RouteDocumentation } from '../route-documentation.js'
import { ref, text } from '../schema.js'

const OPERATOR = { admin: 'operator' } as const

/** Revoking, and running the gate. */
export const ADMIN_ROUTES: readonly RouteDocumentation[] = [
  {
    method: 'POST',
    path: '/v1/admin/revoke',
    operationId: 'revoke',
    summary: 'Revoke a lease, a session, a principal, or everything',
    description:
      'Durable when it is answered. It stops what has not been dispatched, and ends the pending approvals of what is revoked. It works while the memory of used proofs is away.',
    tag: 'revocation',
    access: OPERATOR,
    proofInLedger: true,
    body: {
      schema: ref('RevokeRequest'),
      description: 'What is revoked, and why.',
      required: true,
      type: 'json',
    },
    success: { 200: { description: 'It is revoked.', schema: ref('RevokeResponse') } },
    errors: RECORDS_ACT,
  },
  {
    method: 'POST',
    path: '/v1/admin/revoke-all',
    operationId: 'revokeAll',
    summary: 'Revoke every lease',
    description: 'As `POST /v1/admin/revoke` with `{"all": true}`; a body is not looked at.',
    tag: 'revocation',
    access: OPERATOR,
    proofInLedger: true,
    success: { 200: { description: 'They are revoked.', schema: ref('RevokeAllResponse') } },
    errors: RECORDS_ACT,
  },
  {
    method: 'GET',
    path: '/v1/admin/epoch',
    operationId: 'getEpoch',
    summary: 'The epoch of the leases',
    description:
      'It grows with every revocation of all leases; those of earlier epochs are refused. Reading it is recorded.',
    tag: 'revocation',
    access: OPERATOR,
    success: { 200: { description: 'The epoch.', schema: ref('Epoch') } },
    errors: RECORDS_ACT,
  },
  {
    method: 'GET',
    path: '/v1/admin/status',
    operationId: 'getStatus',
    summary: 'How the gate is',
    description: 'What it depends on, what runs, and what waits for a human.',
    tag: 'operations',
    access: OPERATOR,
    success: { 200: { description: 'The status.', schema: ref('Status') } },
    errors: READS_LEDGER,
  },
  {
    method: 'GET',
    path: '/v1/admin/intents',
    operationId: 'listIntents',
    summary: 'Executions without an outcome',
    description:
      'What was begun and has no receipt: it runs, or the gate died over it. The gate never repeats one by itself.',
    tag: 'operations',
    access: OPERATOR,
    success: { 200: { description: 'The intents.', schema: ref('Intents') } },
    errors: READS_LEDGER,
  },
  {
    method: 'POST',
    path: '/v1/admin/drain',
    operationId: 'startDrain',
    summary: 'Begin no further calls',
    description:
      'Calls are refused with `draining`; what was begun ends. It takes effect even when it cannot be recorded.',
    tag: 'operations',
    access: OPERATOR,
    proofInLedger: true,
    success: { 200: { description: 'No call is begun.', schema: ref('Drain') } },
    errors: RECORDS_ACT,
  },
  {
    method: 'DELETE',
    path: '/v1/admin/drain',
    operationId: 'endDrain',
    summary: 'Begin calls again',
    description: 'Refused with `draining` when the gate is being stopped.',
    tag: 'operations',
    access: OPERATOR,
    proofInLedger: true,
    success: { 200: { description: 'Calls are begun.', schema: ref('Drain') } },
    errors: [...RECORDS_ACT, 'draining'],
  },
  ...learned({
    list: 'domains',
    name: 'Domain',
    fault: 'invalid_domain',
    what: 'destinations',
    one: 'destination',
  }),
  ...learned({
    list: 'paths',
    name: 'Path',
    fault: 'invalid_path_glob',
    what: 'paths',
    one: 'path pattern',
  }),
]

function learned({
  list,
  name,
  fault,
  what,
  one,
}: {
  readonly list: 'domains' | 'paths'
  readonly name: 'Domain' | 'Path'
  readonly fault: 'invalid_domain' | 'invalid_path_glob'
  readonly what: string
  readonly one: string
}): readonly RouteDocumentation[] {
  const path = `/v1/admin/${list}`
  const common = { tag: 'learned', access: OPERATOR } as const
  const body = {
    schema: ref(`${name}Rule`),
    description: `The action, the ${one}, and whose calls it is for.`,
    required: true,
    type: 'json',
  } as const
  const faults = ['invalid_action_id', 'invalid_principal', fault] as const
  return [
    {
      ...common,
      method: 'GET',
      path,
      operationId: `list${name}s`,
      summary: `List the learned ${what}`,
      description: 'What operators, or approvals, added to what manifests allow.',
      query: { action: { schema: text('Only those of this action.') } },
      success: { 200: { description: 'The rules.', schema: ref(`${name}List`) } },
      errors: [],
    },
    {
      ...common,
      method: 'POST',
      path,
      operationId: `add${name}`,
      summary: `Allow an action another ${one}`,
      description:
        'For one principal, or for everybody. It never extends what a secret is bound to.',
      body,
      success: { 200: { description: 'The rule is there.', schema: ref(`${name}Added`) } },
      errors: [...RECORDS_ACT, ...faults, 'unknown_action', 'conflict'],
    },
    {
      ...common,
      method: 'DELETE',
      path,
      operationId: `remove${name}`,
      summary: `Take a learned ${one} back`,
      description:
        'The rule of exactly this action, value and principal. What a manifest allows stays.',
      body,
      success: { 200: { description: 'The rule is not there.', schema: ref(`${name}Removed`) } },
      errors: [...RECORDS_ACT, ...faults, 'conflict'],
    },
    {
      ...common,
      method: 'DELETE',
      path: `${path}/clear`,
      operationId: `clear${name}s`,
      summary: `Take back all learned ${what} of an action`,
      description: 'For every principal.',
      query: { action: { schema: text('The action.'), required: true } },
      success: { 200: { description: 'They are gone.', schema: ref('RulesCleared') } },
      errors: RECORDS_ACT,
    },
  ]
}
