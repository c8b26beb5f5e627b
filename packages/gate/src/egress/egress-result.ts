import { decodeContent } from './content-coding.js'
import type { Cutoff } from './cutoff.js'
import type { EgressFailure } from './egress-failure.js'
import { type ExchangeLimits, type ExchangeOutcome, tooLarge } from './exchange.js'
import type { PinnedConnection } from './pinned-connection.js'
import type { EgressResponse, EgressResult } from './port.js'

/**
 * Turns what happened on a connection into a result: decodes the body under the cap, and says what
 * is known of the request (notes/evidence 2).
 */
export async function concludeExchange(
  connection: PinnedConnection,
  outcome: ExchangeOutcome,
  limits: ExchangeLimits,
  cutoff: Cutoff,
): Promise<EgressResult> {
  const response = await decodedResponse(outcome, limits, cutoff)
  const failed = 'type' in response
  return {
    outcome: !outcome.sent ? 'not_sent' : outcome.status === null ? 'unknown' : 'answered',
    address: connection.address,
    certificateSha256: connection.certificateSha256,
    status: outcome.status,
    response: failed ? null : response,
    error: failed ? response : null,
  }
}

async function decodedResponse(
  { failure, head, body }: ExchangeOutcome,
  limits: ExchangeLimits,
  cutoff: Cutoff,
): Promise<EgressResponse | EgressFailure> {
  const { host, maxResponseBytes } = limits
  if (failure !== null) return failure
  if (head === null) return { type: 'upstream_protocol', message: `${host} sent no answer` }
  const { status, headers, codings } = head
  if (codings.length === 0) return { status, headers, body }
  const decoded = await cutoff.race(decodeContent(body, codings, maxResponseBytes))
  if (decoded === null) return cutoff.failure
  if (decoded.ok) return { status, headers, body: decoded.value }
  return decoded.error === 'too_large'
    ? tooLarge(limits)
    : { type: 'upstream_protocol', message: `the compressed answer of ${host} is damaged` }
}
