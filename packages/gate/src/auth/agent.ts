import { type LeaseClaims, type Result, sanitizeText } from '@latchgate/protocol'
import { computeAth, verifyDpopProof, verifyLease } from '@latchgate/protocol/node'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { type CredentialHeaders, dpopToken } from './credentials.js'
import { type Peer, resolveIdentity } from './identity.js'
import { rememberProof } from './replay.js'

/** An authenticated agent: what the lease says, proven by its key on this very request. */
export interface AgentContext {
  readonly claims: LeaseClaims
  readonly proof: { readonly jkt: string; readonly jti: string; readonly forgetAfter: number }
}

/** The request that a proof must be bound to. */
export interface BoundRequest {
  readonly method: string
  /** Path with parameters decoded, without query. */
  readonly path: string
}

/** Seconds that a proof is accepted after `iat`, and before it (spec/auth-and-evidence 1). */
export const PROOF_MAX_AGE_SECONDS = 60
const PROOF_FORGET_AFTER_MS = 120_000

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

  const nowMs = services.now()
  const nowSeconds = Math.floor(nowMs / 1000)
  if (nowSeconds < 0) return refused('clock_error')
  const lease = claimsOf(services, token, nowSeconds)
  if (!lease.ok) return lease
  const bound = boundToPeer(services, peer, lease.value)
  if (!bound.ok) return bound
  const claims = bound.value

  const verdict = verifyDpopProof(
    headers.dpop,
    {
      method: request.method,
      urls: htuBases(services, peer).map((base) => base + request.path),
      token,
      jkt: claims.cnf.jkt,
      nowSeconds,
    },
    services.proofKeys,
  )
  if (!verdict.ok) {
    const reason = sanitizeText(verdict.reason, 300)
    return {
      ok: false,
      error: refuse('invalid_dpop', { body: { deny_reason: reason }, detail: reason }),
    }
  }
  const proof = {
    jkt: claims.cnf.jkt,
    jti: verdict.jti,
    forgetAfter: nowMs + PROOF_FORGET_AFTER_MS,
  }
  const fresh = await rememberProof(services.state, { ...proof, owner: claims.sub })
  if (!fresh.ok) return fresh
  return { ok: true, value: { claims, proof } }
}

/** Bases a proof may be bound to: the public one and, on a Unix socket, its own alias (design 10). */
export function htuBases(services: Services, peer: Peer): readonly string[] {
  const base = services.config.public_base_url.replace(/\/+$/, '')
  return peer.transport === 'unix' ? [base, 'http://localhost'] : [base]
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

// A lease of a mapped uid is good only on a connection of that principal: a stolen lease and key
// are of no use to another user of the machine. A scope that was taken from the principal since is
// gone from its leases too.
function boundToPeer(
  services: Services,
  peer: Peer,
  claims: LeaseClaims,
): Result<LeaseClaims, Refusal> {
  if (claims.idm === 'none' && services.config.identity.provider === 'none') {
    return { ok: true, value: claims }
  }
  const identity = resolveIdentity(services.config.identity, peer)
  if (!identity.ok) return identity
  const { principal, maximumScopes } = identity.value
  if (principal !== claims.sub) {
    const message = 'this lease belongs to another principal than the one connected'
    return { ok: false, error: refuse('identity_forbidden', { message }) }
  }
  const scope = claims.scope.filter((one) => maximumScopes?.includes(one) ?? true)
  return { ok: true, value: scope.length === claims.scope.length ? claims : { ...claims, scope } }
}

function refused(
  code: 'missing_auth_header' | 'invalid_lease' | 'lease_expired' | 'clock_error',
  message?: string,
): { readonly ok: false; readonly error: Refusal } {
  return { ok: false, error: refuse(code, message === undefined ? {} : { message }) }
}
