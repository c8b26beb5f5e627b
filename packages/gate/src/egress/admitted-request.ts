import { hostMatches, parseDestination } from '@latchgate/catalogue'
import { err, ok, type Result } from '@latchgate/protocol'
import { literalProblem, portProblem, withoutBrackets } from './destination-rules.js'
import type { Endpoint } from './endpoint.js'
import type { EgressRequest } from './port.js'
import { requestHead } from './request-head.js'

/** A request that passed everything which can be judged without a resolver. */
export interface AdmittedRequest {
  readonly scheme: 'http' | 'https'
  /** Without the brackets of an IPv6 literal. */
  readonly host: string
  readonly port: number
  /** The host is an address itself. */
  readonly literal: boolean
  /** `scheme://host:port`, as the Host header will have it. */
  readonly origin: string
  /** Path and query; may hold an injected secret. */
  readonly path: string
  readonly method: string
  /** Name, value, name, value, … */
  readonly headers: string[]
  /** Where `unsafe_resolve` sends this destination; null: resolve and vet it. */
  readonly unsafeTarget: Endpoint | null
}

/**
 * The checks of design 8 that come before any resolver call, in order: URL, port, allow list,
 * credentials in the clear, literal address, head of the request. The error is a message.
 */
export function admitRequest(
  request: EgressRequest,
  unsafeResolve: ReadonlyMap<string, Endpoint>,
): Result<AdmittedRequest, string> {
  const parsed = parseDestination(request.url)
  if (!parsed.ok) return err(`not a usable destination: ${parsed.error}`)
  const { scheme, host, port } = parsed.value
  const unsafeTarget = unsafeResolve.get(`${host}:${port}`) ?? null
  const badPort = unsafeTarget === null ? portProblem(parsed.value) : null
  if (badPort !== null) return err(badPort)
  if (!hostMatches(host, request.allow)) return err(`${host} is not on the allow list of this call`)
  if (request.confidential && scheme !== 'https' && unsafeTarget === null) {
    return err(`a request with credentials to ${host} needs https`)
  }
  const badLiteral = unsafeTarget === null ? literalProblem(parsed.value) : null
  if (badLiteral !== null) return err(badLiteral)
  const head = requestHead(request)
  if (!head.ok) return head
  const { pathname, search } = new URL(request.url)
  return ok({
    scheme,
    host: withoutBrackets(host),
    port,
    literal: parsed.value.literal,
    origin: `${scheme}://${host}:${port}`,
    path: pathname + search,
    ...head.value,
    unsafeTarget,
  })
}
