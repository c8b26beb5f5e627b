import type { LeaseClaims, Result } from '@latchgate/protocol'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { type Identity, type Peer, resolveIdentity } from './identity.js'
import type { TokenIssuer } from './token-issuers.js'

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
  if (claims.idm === 'jwt') return tokenIdentity(services, claims)
  // A lease of a mapped uid is good only on a connection of that uid: a stolen lease and key are of
  // no use to another user of the machine.
  return resolveIdentity(services.config.identity, peer)
}

/**
 * A lease as it is worth now, for a call that waited and whose connection is not there to be asked: with
 * the scopes that are left of its own; null when nobody would be known as its principal any more, or
 * somebody else answers for him.
 */
export function standingClaims(services: Services, claims: LeaseClaims): LeaseClaims | null {
  const holders = peersOf(services.config.identity, claims).flatMap((peer) => {
    const identity = leaseIdentity(services, peer, claims)
    return identity.ok && isHolder(identity.value, claims) ? [identity.value] : []
  })
  if (holders.length === 0) return null
  const isLeft = (scope: string): boolean =>
    holders.some(({ maximumScopes }) => maximumScopes?.includes(scope) ?? true)
  return { ...claims, scope: claims.scope.filter(isLeft) }
}

// Who may approve a call was decided by the owner that it was held with.
function isHolder({ principal, owner }: Identity, claims: LeaseClaims): boolean {
  return principal === claims.sub && owner === (claims.owner ?? null)
}

// Which of the users that are mapped to a principal it was, no lease says.
function peersOf(
  { peercred }: Services['config']['identity'],
  { idm, sub }: LeaseClaims,
): readonly Peer[] {
  if (!idm.startsWith('peercred')) return [{ transport: 'tcp', credentials: null, key: '' }]
  const mapped = Object.entries(peercred.principals)
    .filter(([, { principal }]) => principal === sub)
    .map(([uid]) => uid)
  const uids = idm === 'peercred' ? mapped : [sub.slice('uid:'.length)]
  return uids.map((uid) => ({
    transport: 'unix',
    credentials: { uid: Number(uid), gid: -1, pid: -1 },
    key: '',
  }))
}

// The principal is the lease's own: only its issuer can say what it would be called now.
function tokenIdentity(services: Services, { sub, idp }: LeaseClaims): Result<Identity, Refusal> {
  const issuer = idp === undefined ? undefined : services.tokenIssuers.find(idp.iss, idp.aud)
  if (issuer === undefined || issuer.principalClaim !== idp?.principal_claim) {
    const message =
      'the issuer by whose token this session was opened is no longer accepted as it was: ' +
      'open a session with a credential of now'
    return { ok: false, error: refuse('identity_unauthenticated', { message }) }
  }
  return { ok: true, value: identityOf(issuer, sub) }
}

/** Who a principal of an issuer is now. */
export function identityOf({ scopes, owner }: TokenIssuer, principal: string): Identity {
  return { principal, method: 'jwt', maximumScopes: scopes, owner }
}

/** The refusal of a key that nobody has registered; a thumbprint is public. */
export function unregisteredKey(jkt: string): Refused {
  const message =
    `no agent is registered with the key ${jkt}: ` +
    'an operator adds it with `latchgate agents add` and reloads the gate'
  return { ok: false, error: refuse('identity_unauthenticated', { message }) }
}
