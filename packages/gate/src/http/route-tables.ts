import type { LedgerVerification } from '../audit/ledger-verification.js'
import type { Services } from '../services.js'
import { adminRoutes } from './admin-routes.js'
import {
  agentApprovalListRoute,
  agentApprovalRoutes,
  operatorApprovalRoutes,
} from './approval-routes.js'
import { auditRoutes } from './audit-routes.js'
import { clientRoutes } from './client-routes.js'
import type { InFlight } from './in-flight.js'
import { learnedRoutes } from './learned-routes.js'
import type { Route } from './listener.js'
import { permittedActionsRoute } from './permitted-actions.js'
import { policyRoutes } from './policy-routes.js'
import { agentReceiptRoute, operatorReceiptRoute } from './receipt-route.js'
import { revocationRoutes } from './revocation-routes.js'

/** What each of the two listeners serves. */
export interface RouteTables {
  readonly client: readonly Route[]
  readonly admin: readonly Route[]
}

/** What routes use when a request comes. */
export interface RouteUses {
  readonly services: Services
  readonly inFlight: InFlight
  readonly verification: LedgerVerification
}

/**
 * Every route of the gate, by listener (spec/http-api 3). Making the tables uses nothing of what it
 * is given: only a request does.
 */
export function routeTables({ services, inFlight, verification }: RouteUses): RouteTables {
  return {
    client: [
      ...clientRoutes(services, inFlight),
      agentReceiptRoute(services),
      ...agentApprovalRoutes(services),
      agentApprovalListRoute(services),
      permittedActionsRoute(services),
    ],
    admin: [
      ...clientRoutes(services, inFlight),
      operatorReceiptRoute(services),
      ...agentApprovalRoutes(services),
      permittedActionsRoute(services),
      ...operatorApprovalRoutes(services, inFlight),
      ...revocationRoutes(services),
      ...learnedRoutes(services),
      ...adminRoutes(services, inFlight),
      ...auditRoutes(services, verification),
      ...policyRoutes(services),
    ],
  }
}
