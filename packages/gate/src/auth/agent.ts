import { type LeaseClaims, type Result, sanitizeText } from '@latchgate/protocol'
import { computeAth, verifyLease } from '@latchgate/protocol/node'
import type { ProofUse } from '../ledger/port.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { acceptProof, type BoundRequest } from './accept-proof.js'
import { type CredentialHeaders, dpopToken } from './credentials.js'
import type { Peer } from './identity.js'
import { leaseIdentity } from './lease-identity.js'

/** An authenticated agent: what the lease says, proven by its key on this very request. */
export interface AgentContext {
  readonly claims: LeaseClaims
  readonly proof: ProofUse
}

/**
 * Authenticates an agent in full, on every request: lease, peer, proof, replay
 * (spec/auth-and-evidence 7.4).
 */
export async function authenticateAgent(
  services: Services,
  peer: Peer,
  headers: CredentialHeaders,
  request: BoundRequest,
): Promise<Result<AgentContext, Refusal>> {
  if (headers.authorization === undefined) return refused('missing_auth_header')
  const token = dpopToken(headers.authorization)
  if (token === undefined) {
    return refused('invalid_lease', 'the Authorization header must be `DPoP <lease>`')
  }
  if (headers.dpop === undefined) return refused('missing_auth_header')
  if (headers.duplicated) return refused('invalid_lease', 'a credential header was sent twice')

  const nowSeconds = Math.floor(services.now() / 1000)
  if (nowSeconds < 0) return refused('clock_error')
  const lease = claimsOf(services, token, nowSeconds)
  if (!lease.ok) return lease
  if (services.revocations.reaches(lease.value)) return refused('lease_revoked')
  const bound = boundToPeer(services, peer, lease.value)
  if (!bound.ok) return bound
  const claims = bound.value

  const proof = await acceptProof(services, peer, {
    proof: headers.dpop,
    token,
    jkt: claims.cnf.jkt,
    request,
    owner: claims.sub,
  })
  return proof.ok ? { ok: true, value: { claims, proof: proof.value } } : proof
}

function claimsOf(
  services: Services,
  token: string,
  nowSeconds: number,
): Result<LeaseClaims, Refusal> {
  const digest = computeAth(token)
  const cached = services.leases.get(digest)
  if (cached !== undefined) {
    return cached.exp < nowSeconds ? refused('lease_expired') : { ok: true, value: cached }
  }
  const verdict = verifyLease(token, services.leaseKeys, nowSeconds)
  if (!verdict.ok) {
    const detail = sanitizeText(verdict.reason, 200)
    return { ok: false, error: refuse(verdict.code, { detail }) }
  }
  services.leases.set(digest, verdict.claims)
  return { ok: true, value: verdict.claims }
}

// A scope that was taken from the principal since is gone from its leases too, and who answers for it is
// who does now: he must not approve its calls because its lease is older than the configuration.
function boundToPeer(
  services: Services,
  peer: Peer,
  claims: LeaseClaims,
): Result<LeaseClaims, Refusal> {
  const identity = leaseIdentity(services, peer, claims)
  if (!identity.ok) return identity
  const { principal, maximumScopes, owner } = identity.value
  if (principal !== claims.sub) {
    const message = 'this lease belongs to another principal than the one connected'
    return { ok: false, error: refuse('identity_forbidden', { message }) }
  }
  const scope = claims.scope.filter((one) => maximumScopes?.includes(one) ?? true)
  const isAsIssued = scope.length === claims.scope.length && owner === (claims.owner ?? null)
  if (isAsIssued) return { ok: true, value: claims }
  const { owner: _former, ...others } = claims
  return { ok: true, value: { ...others, scope, ...(owner === null ? {} : { owner }) } }
}

function refused(
  code: 'missing_auth_header' | 'invalid_lease' | 'lease_expired' | 'lease_revoked' | 'clock_error',
  message?: string,
): Refused {
  return { ok: false, error: refuse(code, message === undefined ? {} : { message }) }
}
