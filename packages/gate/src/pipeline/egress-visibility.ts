import { type Destination, hostMatches, parseDestination } from '@latchgate/catalogue'
import { err, ok, type Result } from '@latchgate/protocol'
import { literalProblem, portProblem } from '../egress/destination-rules.js'
import type { Services } from '../services.js'
import type { Targeted } from './call.js'

/** A destination that can be seen without resolving a name, and whether its host is on the list. */
export interface VisibleDestination {
  readonly destination: Destination
  readonly onAllowList: boolean
}

/**
 * What can be refused before any resolver is asked (design 14): an unusable URL, a port that does
 * not belong to its scheme, a literal address that is not public, an action without egress. The
 * error is the text behind `egress_denied: `.
 */
export function visibleDestination(
  services: Pick<Services, 'config' | 'learned'>,
  call: Targeted,
): Result<VisibleDestination, string> {
  const { manifest } = call.registered
  const unsafeResolve = services.config.egress.unsafe_resolve
  const parsed = parseDestination(call.target.url)
  if (!parsed.ok) return err(parsed.error)
  const { host, port } = parsed.value
  if (manifest.egress.profile === 'none') return err('this action has no network')
  const exempt = Object.hasOwn(unsafeResolve, `${host}:${port}`)
  const problem = exempt ? null : (portProblem(parsed.value) ?? literalProblem(parsed.value))
  if (problem !== null) return err(problem)
  return ok({
    destination: parsed.value,
    onAllowList: hostMatches(host, [
      ...manifest.egress.allowed_domains,
      ...services.learned.values('domain', call.actionId, call.agent.claims.sub),
    ]),
  })
}
