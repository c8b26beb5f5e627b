import type {
  LearnedRuleBody,
  RevokeAllResponse,
  RevokeRequest,
  RevokeResponse,
} from '@latchgate/protocol'
import { MAX_REASON_BYTES } from '@latchgate/protocol'
import {
  anyOf,
  boolean,
  constant,
  count,
  list,
  moment,
  nullable,
  object,
  oneOf,
  optional,
  ref,
  type Schema,
  text,
  uuid,
} from '../schema.js'

const NAMED = { minLength: 1, maxLength: 256 }
const REASON = text(`For the record. At most ${MAX_REASON_BYTES} bytes.`, {
  maxLength: MAX_REASON_BYTES,
})

function revoking(member: Exclude<keyof RevokeRequest, 'reason'>, schema: Schema): Schema {
  return {
    type: 'object',
    properties: { [member]: schema, reason: REASON },
    required: [member],
    additionalProperties: false,
  }
}

/** A rule as a request names it, by the member of its resource. */
function ruleOf(member: 'domain' | 'path_glob', value: Schema): Schema {
  const named = (name: string): Schema => ({
    type: 'object',
    properties: {
      action_id: text('An action of this gate.'),
      [name]: value,
      principal: text("Whose calls it is for; left out, everybody's."),
    },
    required: ['action_id', name],
    additionalProperties: false,
  })
  return anyOf([named(member), named('value')])
}

const changed = (member: string, outcome: 'inserted' | 'deleted', said: string): Schema => ({
  type: 'object',
  properties: {
    action_id: text(),
    [member]: text(),
    principal: text('`*` for everybody.'),
    [outcome]: boolean(said),
  },
  required: ['action_id', member, 'principal', outcome],
  additionalProperties: false,
})

const DOMAIN = text('A host as an allow list writes it; nothing local, and no single label.')
const PATH = text('A pattern relative to the root of the session.')

/** Revocation and learned rules. */
export const ADMIN_SCHEMAS: Readonly<Record<string, Schema>> = {
  RevokeRequest: anyOf(
    [
      revoking('lease_jti', text('One lease.', NAMED)),
      revoking('session_id', text('All leases of a session.', NAMED)),
      revoking('principal', text('All leases of a principal.', NAMED)),
      revoking('all', constant(true, 'Every lease there is.')),
    ],
    'Exactly one of them.',
  ),
  RevokeResponse: object<RevokeResponse>({
    revoked: object<RevokeResponse['revoked']>({
      kind: oneOf({ lease: true, session: true, principal: true, all: true }),
      value: nullable(text()),
    }),
    previous_epoch: count(),
    current_epoch: count(),
    approvals_revoked: count('Pending approvals that ended with it.'),
  }),
  RevokeAllResponse: object<RevokeAllResponse>({
    previous_epoch: count(),
    current_epoch: count('Leases of earlier epochs are refused.'),
  }),
  Epoch: object<{ current_epoch: number }>({ current_epoch: count() }),
  LearnedRule: object<LearnedRuleBody>({
    action_id: text(),
    domain: optional(DOMAIN),
    path_glob: optional(PATH),
    principal: text("Whose calls it is for; `*` for everybody's."),
    added_by: text('The operator.'),
    added_at: moment(),
    source: oneOf({ approval: true, api: true }),
    approval_id: nullable(uuid('The approval that it was learned with.')),
  }),
  DomainList: object<{ domains: readonly LearnedRuleBody[] }>({
    domains: list(ref('LearnedRule')),
  }),
  PathList: object<{ paths: readonly LearnedRuleBody[] }>({ paths: list(ref('LearnedRule')) }),
  DomainRule: ruleOf('domain', DOMAIN),
  PathRule: ruleOf('path_glob', PATH),
  DomainAdded: changed('domain', 'inserted', 'False: it was there already.'),
  PathAdded: changed('path_glob', 'inserted', 'False: it was there already.'),
  DomainRemoved: changed('domain', 'deleted', 'False: it was not there.'),
  PathRemoved: changed('path_glob', 'deleted', 'False: it was not there.'),
  RulesCleared: object<{ action_id: string; deleted_count: number }>({
    action_id: text(),
    deleted_count: count(),
  }),
}
