import type { LeaseClaims, Result } from '@latchgate/protocol'
import { verifyLease } from '@latchgate/protocol/node'
import type { ProofUse } from '../ledger/port.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { acceptProof } from './accept-proof.js'
import { bearerToken, type CredentialHeaders, dpopToken, type SentToken } from './credentials.js'
import { type Identity, type Peer, resolveIdentity } from './identity.js'
import { refuseToken, type VerifiedToken } from './identity-token.js'
import { identityOf, leaseIdentity, unregisteredKey } from './lease-identity.js'
import { acceptBearer, acceptFreshToken, refuseStrayToken } from './token-applicant.js'

/** Seconds after expiry during which a lease can still be renewed (design 10). */
const RENEWAL_GRACE_SECONDS = 3600

const LEASE_REQUEST = { method: 'POST', path: '/v1/leases' }

/** Who asks for a lease, and what he brought. */
export interface Applicant {
  readonly peer: Peer
  /**
   * With the old lease and a proof by its key: a renewal. With a proof alone: a registered key. With
   * `Bearer`: a token of an issuer.
   */
  readonly headers: CredentialHeaders
  /** A token beside a renewal. */
  readonly freshToken: SentToken
  readonly agentLabel: string | null
}

/** Who the applicant turned out to be, the lease that is renewed, and what this uses up. */
export interface Known {
  readonly identity: Identity
  readonly renewed: LeaseClaims | null
  readonly proof: ProofUse | null
  readonly token: VerifiedToken | null
}

type ImportedKey = Result<{ readonly jkt: string }, string>

/** The refusal of a lease request whose body cannot be used. */
export function invalidLeaseRequest(message: string): Refused {
  return { ok: false, error: refuse('invalid_request', { message, status: 400 }) }
}

/**
 * Who asks for a lease of this key, of which a bad one is reported only to who proves to hold it: the
 * order of checks is that of spec/auth-and-evidence 5.2. A credential that is presented decides, whatever
 * the transport: one that fails is a refusal, never a fall-back to what the peer is without it.
 */
export async function identifyApplicant(
  services: Services,
  applicant: Applicant,
  key: ImportedKey,
): Promise<Result<Known, Refusal>> {
  const { headers, peer } = applicant
  const authorization = headers.authorization ?? ''
  const bearer = bearerToken(authorization)
  if (headers.sent.authorization && bearer === undefined) {
    return identifyByLease(services, applicant, authorization)
  }
  if (applicant.freshToken !== undefined) return refuseStrayToken()
  if (bearer !== undefined) return identifyByToken(services, applicant, bearer, key)
  if (headers.sent.dpop) return identifyByKey(services, applicant, key)
  const identity = resolveIdentity(services.config.identity, peer)
  if (!identity.ok) return identity
  return {
    ok: true,
    value: { identity: identity.value, renewed: null, proof: null, token: null },
  }
}

async function identifyByKey(
  services: Services,
  { peer, headers }: Applicant,
  key: ImportedKey,
): Promise<Result<Known, Refusal>> {
  if (headers.dpop === undefined || headers.duplicated) return malformedProof()
  if (!key.ok) return invalidLeaseRequest(key.error)
  const { jkt } = key.value
  const identity = services.agentKeys.find(jkt)
  if (identity === undefined) return unregisteredKey(jkt)
  const proof = await acceptProof(services, peer, {
    proof: headers.dpop,
    token: null,
    jkt,
    request: LEASE_REQUEST,
    owner: identity.principal,
  })
  if (!proof.ok) return proof
  return { ok: true, value: { identity, renewed: null, proof: proof.value, token: null } }
}

async function identifyByToken(
  services: Services,
  { peer, headers }: Applicant,
  bearer: string,
  key: ImportedKey,
): Promise<Result<Known, Refusal>> {
  if (headers.duplicated) return refuseToken('a credential header was sent twice')
  const { dpop } = headers
  if (headers.sent.dpop && dpop === undefined) return malformedProof()
  if (dpop !== undefined && !key.ok) return invalidLeaseRequest(key.error)
  const jkt = key.ok ? key.value.jkt : null
  const prove = (proof: string, of: string) => (token: VerifiedToken) =>
    acceptProof(services, peer, {
      proof,
      token: null,
      jkt: of,
      request: LEASE_REQUEST,
      // Whoever has got hold of a used token must not fill the share that the agent's own calls take.
      owner: `token ${token.principal}`,
    })
  const accepted = await acceptBearer(services, bearer, {
    jkt,
    prove: dpop === undefined || jkt === null ? undefined : prove(dpop, jkt),
  })
  if (!accepted.ok) return accepted
  const { token, proof } = accepted.value
  const identity = identityOf(token.issuer, token.principal)
  return { ok: true, value: { identity, renewed: null, proof, token } }
}

function malformedProof(): Refused {
  const reason = 'the DPoP header must be sent once, in visible ASCII'
  return {
    ok: false,
    error: refuse('invalid_dpop', { body: { deny_reason: reason }, detail: reason }),
  }
}

async function identifyByLease(
  services: Services,
  { peer, headers, freshToken }: Applicant,
  authorization: string,
): Promise<Result<Known, Refusal>> {
  const token = dpopToken(authorization)
  // Whoever sends a credential means a renewal: a new session would be a silent change of budget.
  if (token === undefined) {
    const message =
      'to renew a lease send `Authorization: DPoP <lease>`; for a new one none, or `Bearer <jwt>`'
    return { ok: false, error: refuse('invalid_lease', { message }) }
  }
  if (headers.dpop === undefined) return { ok: false, error: refuse('missing_auth_header') }
  if (headers.duplicated) return { ok: false, error: refuse('invalid_lease') }
  const nowSeconds = Math.floor(services.now() / 1000)
  const lease = verifyLease(token, services.leaseKeys, nowSeconds)
  const claims = lease.claims
  if (claims === undefined || claims.exp + RENEWAL_GRACE_SECONDS < nowSeconds) {
    const code = lease.ok ? 'lease_expired' : lease.code
    return { ok: false, error: refuse(code, lease.ok ? {} : { detail: lease.reason }) }
  }
  if (services.revocations.reaches(claims)) return { ok: false, error: refuse('lease_revoked') }
  const identity = leaseIdentity(services, peer, claims)
  if (!identity.ok) return identity
  if (claims.sub !== identity.value.principal) {
    const message = 'the lease to renew belongs to another principal than the one connected'
    return { ok: false, error: refuse('identity_forbidden', { message }) }
  }
  const proof = await acceptProof(services, peer, {
    proof: headers.dpop,
    token,
    jkt: claims.cnf.jkt,
    request: LEASE_REQUEST,
    owner: claims.sub,
  })
  if (!proof.ok) return proof
  const fresh = await acceptFreshToken(services, freshToken, claims)
  if (!fresh.ok) return fresh
  return {
    ok: true,
    value: { identity: identity.value, renewed: claims, proof: proof.value, token: fresh.value },
  }
}
