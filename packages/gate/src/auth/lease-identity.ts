import type { LeaseClaims, Result } from '@latchgate/protocol'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { type Identity, type Peer, resolveIdentity } from './identity.js'

/**
 * Who holds a lease now, by the way in which it was issued (`idm`): a key that is no longer
 * registered and a uid that is no longer mapped are nobody's. Refuses with `identity_unauthenticated`
 * or `identity_forbidden`.
 */
export function leaseIdentity(
  services: Services,
  peer: Peer,
  claims: LeaseClaims,
): Result<Identity, Refusal> {
  if (claims.idm === 'agent_key') {
    const agent = services.agentKeys.find(claims.cnf.jkt)
    return agent === undefined ? unregisteredKey(claims.cnf.jkt) : { ok: true, value: agent }
  }
  // A lease of a mapped uid is good only on a connection of that uid: a stolen lease and key are of
  // no use to another user of the machine.
  return resolveIdentity(services.config.identity, peer)
}

/** The refusal of a key that nobody has registered; a thumbprint is public. */
export function unregisteredKey(jkt: string): Refused {
  const message =
    `no agent is registered with the key ${jkt}: ` +
    'an operator adds it with `latchgate agents add` and reloads the gate'
  return { ok: false, error: refuse('identity_unauthenticated', { message }) }
}
