import { checkReceipt, type Receipt } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import { evidenceCrypto } from '../evidence-crypto.js'
import { readLedger } from '../ledger-fault.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { agentRoute } from './agent-route.js'
import { ok, parameter } from './client-routes.js'
import type { Route, RouteRequest } from './listener.js'
import { operatorRoute } from './operator-route.js'

const PATH = '/v1/receipts/:receipt_id'

/** On the client listener: the lease's principal reads its own receipts, nobody else's. */
export function agentReceiptRoute(services: Services): Route {
  return agentRoute(services, PATH, 'receipts', (agent, request) =>
    answerReceipt(services, request, agent.claims.sub),
  )
}

/** On the admin listener: an operator reads any receipt. */
export function operatorReceiptRoute(services: Services): Route {
  return operatorRoute(services, { method: 'GET', path: PATH }, (_operator, request) =>
    answerReceipt(services, request, null),
  )
}

async function answerReceipt(
  services: Services,
  request: RouteRequest,
  principal: string | null,
): Promise<Answer> {
  const stored = await readLedger(services.ledger.receipt(parameter(request, 'receipt_id')))
  // A receipt of somebody else and one that does not exist look the same.
  if (stored === undefined || (principal !== null && stored.principal !== principal)) {
    return answerError(request.traceId, refuse('not_found'))
  }
  return ok(servedReceipt(services, stored.receipt, stored.index))
}

/** The receipt as recorded, with `signature_status` computed on this read. */
function servedReceipt(services: Services, receipt: Receipt, index: number): JsonObject {
  const key = services.receiptKeys.find((one) => one.kid === receipt.signing_key_id)
  const checked = checkReceipt(receipt, key?.publicKey, evidenceCrypto)
  return {
    ...(receipt as unknown as JsonObject),
    signature_status: checked.signature,
    log_index: index,
  }
}
