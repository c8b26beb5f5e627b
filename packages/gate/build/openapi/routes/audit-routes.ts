import { type AuditMember, EVENT_LIMIT } from '../../../src/audit/audit-query.js'
import { READS_LEDGER } from '../errors.js'
import type { ParameterDocumentation, RouteDocumentation } from '../route-documentation.js'
import { count, integer, moment, oneOf, ref, type Schema, text, uuid } from '../schema.js'
import { AUDIT_DECISION } from '../schemas/audit-schemas.js'

/** The members of an event that a question may name. */
const EQUAL: Readonly<Record<AuditMember, Schema>> = {
  trace_id: uuid(),
  event_type: text(),
  action_id: text(),
  principal: text(),
  session_id: text(),
  decision: oneOf(AUDIT_DECISION),
  approval_id: text(),
}

const QUERY: Readonly<Record<string, ParameterDocumentation>> = {
  ...Object.fromEntries(Object.entries(EQUAL).map(([name, schema]) => [name, { schema }])),
  after: { schema: moment('Only events strictly later.') },
  before: { schema: moment('Only events strictly earlier.') },
  limit: {
    schema: integer(
      `How many, at most. What is greater than ${EVENT_LIMIT.most} counts as that, what is less than 1 as 1. Default ${EVENT_LIMIT.fallback}.`,
    ),
  },
  cursor: {
    schema: count('`next_cursor` of the page before: only older events. Not with `since_index`.'),
  },
  since_index: {
    schema: {
      type: 'integer',
      minimum: -1,
      description:
        '`next_since_index` of the last answer, or -1 to begin with: only newer events, oldest first.',
    },
  },
}

const EVENTS = {
  method: 'GET',
  tag: 'audit',
  access: { admin: 'operator' },
  query: QUERY,
  success: { 200: { description: 'The events.', schema: ref('AuditEvents') } },
  errors: READS_LEDGER,
} as const

/** What happened, for operators. */
export const AUDIT_ROUTES: readonly RouteDocumentation[] = [
  {
    ...EVENTS,
    path: '/v1/audit/events',
    operationId: 'listAuditEvents',
    summary: 'What happened',
    description:
      'Events made from the records of the log: newest first, or, with `since_index`, what came since. All that is asked for has to fit; a parameter that is not known is not looked at.',
  },
  ...(['recent', ''] as const).map(
    (alias): RouteDocumentation => ({
      ...EVENTS,
      path: alias === '' ? '/v1/audit' : `/v1/audit/${alias}`,
      operationId: alias === '' ? 'listAudit' : 'listRecentAuditEvents',
      summary: 'What happened, under the path of published clients',
      description: 'As `GET /v1/audit/events`.',
      deprecated: true,
    }),
  ),
  {
    method: 'GET',
    path: '/v1/audit/verify',
    operationId: 'verifyAudit',
    summary: 'Is the log whole?',
    description:
      "Verifies every record of the ledger's file against the gate's last checkpoint, on a thread of its own; who asks while that goes on gets the same result. An auditor verifies a bundle offline instead, with keys that he has from elsewhere.",
    tag: 'audit',
    access: { admin: 'operator' },
    success: { 200: { description: 'What was found.', schema: ref('AuditVerify') } },
    errors: ['ledger_error', 'draining'],
  },
]
