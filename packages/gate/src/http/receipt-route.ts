import { checkReceipt, type Receipt } from '@latchgate/evidence'
import type { JsonObject } from '@latchgate/protocol'
import { authenticateAgent } from '../auth/agent.js'
import { takePeerToken } from '../auth/peer-rate.js'
import { evidenceCrypto } from '../evidence-crypto.js'
import { ledgerFault } from '../ledger-fault.js'
import { answerError } from '../pipeline/answer.js'
import type { Answer } from '../pipeline/call.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { credentials, ok, parameter } from './client-routes.js'
import type { Route, RouteRequest } from './listener.js'
import { operatorRoute } from './operator-route.js'

const PATH = '/v1/receipts/:receipt_id'

/** On the client listener: the lease's principal reads its own receipts, nobody else's. */
export function agentReceiptRoute(services: Services): Route {
  return {
    method: 'GET',
    path: PATH,
    handle: async (request) => {
      const headers = credentials(request)
      const refused = (refusal: Refusal): Answer => {
        services.summary.count(refusal.code)
        return answerError(request.traceId, refusal)
      }
      const peerToken = await takePeerToken(services, request.peer, headers)
      if (!peerToken.allowed) return refused(refuse('rate_limited'))
      const agent = await authenticateAgent(services, request.peer, headers, {
        method: request.raw.method ?? 'GET',
        path: `/v1/receipts/${parameter(request, 'receipt_id')}`,
      })
      if (!agent.ok) return refused(agent.error)
      await peerToken.giveBack()
      const { sub } = agent.value.claims
      // Apart from the calls, so that reading what came of a call takes nothing from the next one.
      const { execute_rps_per_principal } = services.config.rate_limits
      if (!(await services.state.take(`receipts:${sub}`, execute_rps_per_principal))) {
        return refused(refuse('rate_limited', { detail: `receipts of ${sub}` }))
      }
      return answerReceipt(services, request, sub)
    },
  }
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
  let stored: Awaited<ReturnType<typeof services.ledger.receipt>>
  try {
    stored = await services.ledger.receipt(parameter(request, 'receipt_id'))
  } catch (error) {
    throw ledgerFault(error)
  }
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
