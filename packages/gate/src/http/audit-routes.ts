import { parseAuditQuery } from '../audit/audit-query.js'
import type { LedgerVerification } from '../audit/ledger-verification.js'
import { readEvents } from '../audit/read-events.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { Fault, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { ok } from './client-routes.js'
import type { Route, RouteRequest } from './listener.js'
import { operatorRoute } from './operator-route.js'

// The second and third are what published MCP adapters ask for (spec/http-api 14.2, 14.6).
const EVENT_PATHS = ['/v1/audit/events', '/v1/audit/recent', '/v1/audit'] as const

/** Reading and verifying the audit trail (spec/http-api 12.2), for operators. */
export function auditRoutes(
  services: Services,
  verification: LedgerVerification,
): readonly Route[] {
  return [
    ...EVENT_PATHS.map((path) =>
      operatorRoute(services, { method: 'GET', path }, (_operator, request) =>
        events(services, request),
      ),
    ),
    operatorRoute(services, { method: 'GET', path: '/v1/audit/verify' }, (_operator, request) =>
      verify(services, verification, request),
    ),
  ]
}

async function events(services: Services, request: RouteRequest): Promise<Answer> {
  const query = parseAuditQuery(request.query)
  if (!query.ok) return answerError(request.traceId, query.error)
  return ok(await readEvents(services.ledger, query.value))
}

async function verify(
  services: Services,
  verification: LedgerVerification,
  request: RouteRequest,
): Promise<Answer> {
  try {
    return ok(await verification.verify())
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    services.log.error({ trace_id: request.traceId, err: error }, 'the ledger was not verified')
    // Why stands in the log: an error of SQLite names files.
    return answerError(request.traceId, refuse(error.code))
  }
}
