import { RECORDS_ACT } from '../errors.js'
import type { ErrorDocumentation, RouteDocumentation } from '../route-documentation.js'
import { ref, text } from '../schema.js'

const BASE = '/v1/admin/policy'
const OPERATOR = { admin: 'operator' } as const
const NAMES: readonly ErrorDocumentation[] = ['invalid_principal', 'invalid_action_id']

interface Change {
  readonly name: string
  readonly method?: 'POST' | 'DELETE'
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly request: string
  readonly response: string
  readonly errors: readonly ErrorDocumentation[]
}

// What all of them do: the record first, then the file and the engine, one change at a time.
function change({ name, request, response, errors, ...rest }: Change): RouteDocumentation {
  return {
    method: 'POST',
    ...rest,
    path: `${BASE}/${name}`,
    tag: 'policy',
    access: OPERATOR,
    proofInLedger: true,
    body: { schema: ref(request), description: 'What changes.', required: true, type: 'json' },
    success: { 200: { description: 'It is in force.', schema: ref(response) } },
    errors: [
      ...RECORDS_ACT,
      ...errors,
      'invalid_input',
      'conflict',
      'policy_read_error',
      'policy_write_error',
    ],
  }
}

/** What policy decides on, read and changed at run time. */
export const POLICY_ROUTES: readonly RouteDocumentation[] = [
  {
    method: 'GET',
    path: BASE,
    operationId: 'getPolicy',
    summary: 'The policy data in force',
    description:
      'All of `policies/data.json` that decides. After an edit by hand it is in force only once it was reloaded.',
    tag: 'policy',
    access: OPERATOR,
    success: { 200: { description: 'The data.', schema: ref('Policy') } },
    errors: ['policy_read_error'],
  },
  {
    method: 'GET',
    path: `${BASE}/:principal`,
    operationId: 'getPrincipalPolicy',
    summary: 'The rights of one principal',
    description:
      'Its own entry. Without one it has the rights of `*`, and the answer is 404 `principal_not_found`.',
    tag: 'policy',
    access: OPERATOR,
    pathParameters: { principal: text('A principal, or `*`.') },
    success: { 200: { description: 'The entry.', schema: ref('PrincipalPolicy') } },
    errors: ['policy_read_error', 'principal_not_found'],
  },
  change({
    name: 'grant',
    operationId: 'grantActions',
    summary: 'Give a principal actions',
    description:
      'The sinks that the actions declare come with them. A first entry of its own takes the rights of `*` from a principal: `no_longer_allowed` says which.',
    request: 'GrantRequest',
    response: 'GrantResponse',
    errors: [...NAMES, 'empty_actions', 'too_many_actions', 'unknown_action'],
  }),
  change({
    name: 'revoke',
    operationId: 'revokeActions',
    summary: 'Take actions from a principal',
    description:
      'It never widens: the entry stays, however empty, for without one the principal had the rights of `*`.',
    request: 'PolicyRevokeRequest',
    response: 'PolicyRevokeResponse',
    errors: [...NAMES, 'empty_actions', 'too_many_actions'],
  }),
  change({
    name: 'allowlist',
    operationId: 'waiveRiskApproval',
    summary: 'Waive the approval that the risk of an action needs',
    description: 'For one principal. Other reasons for an approval stand.',
    request: 'AllowlistRequest',
    response: 'AllowlistResponse',
    errors: ['action_not_found'],
  }),
  change({
    name: 'allowlist',
    method: 'DELETE',
    operationId: 'endRiskApprovalWaiver',
    summary: 'Require that approval again',
    description: 'Takes an entry of the bypass list back.',
    request: 'AllowlistRequest',
    response: 'AllowlistResponse',
    errors: ['allowlist_entry_not_found'],
  }),
  change({
    name: 'require-approval',
    operationId: 'requireApproval',
    summary: 'Require an approval for an action, whatever its risk',
    description: 'For one principal, or for `*`.',
    request: 'RequireApprovalRequest',
    response: 'RequireApprovalResponse',
    errors: [...NAMES, 'action_not_found'],
  }),
  change({
    name: 'require-approval',
    method: 'DELETE',
    operationId: 'endRequiredApproval',
    summary: 'Take such a rule back',
    description: 'Approvals for other reasons stand.',
    request: 'RequireApprovalRequest',
    response: 'RequireApprovalResponse',
    errors: [...NAMES, 'not_found'],
  }),
  change({
    name: 'quota',
    operationId: 'setQuotas',
    summary: 'Set the quotas of a principal',
    description:
      'They hold whatever budget a lease asks for, across its sessions. The list replaces the one before.',
    request: 'QuotaRequest',
    response: 'QuotaResponse',
    errors: ['invalid_principal'],
  }),
  change({
    name: 'quorum',
    operationId: 'setQuorum',
    summary: 'Set how many operators must approve',
    description: 'Where an approval is needed; it does not require one by itself.',
    request: 'QuorumRequest',
    response: 'QuorumResponse',
    errors: [...NAMES, 'action_not_found'],
  }),
  {
    method: 'POST',
    path: '/v1/admin/reload',
    operationId: 'reload',
    summary: 'Load manifests, policy data, agents and issuers again',
    description:
      'All come into force, or none: `reload_failed` says what is wrong, and everything stays as it was. A body is not looked at.',
    tag: 'policy',
    access: OPERATOR,
    proofInLedger: true,
    success: { 200: { description: 'They are in force.', schema: ref('Reloaded') } },
    errors: [...RECORDS_ACT, 'reload_failed'],
  },
]
