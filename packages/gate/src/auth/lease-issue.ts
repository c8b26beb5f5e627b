import { isAbsolute } from 'node:path'
import {
  isoMillis,
  isoSeconds,
  type Json,
  type JsonObject,
  type LeaseClaims,
  type LeaseRequest,
  type LeaseResponse,
  type Result,
} from '@latchgate/protocol'
import {
  importP256Jwk,
  type P256Jwk,
  signLease,
  uuidv7,
  verifyLease,
} from '@latchgate/protocol/node'
import type { LeaseEntry, ProofUse } from '../ledger/port.js'
import { ledgerFault } from '../ledger-fault.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { acceptProof } from './accept-proof.js'
import { type CredentialHeaders, dpopToken } from './credentials.js'
import type { Identity, Peer } from './identity.js'
import { isScope } from './scopes.js'

/** Seconds after expiry during which a lease can still be renewed (design 10). */
const RENEWAL_GRACE_SECONDS = 3600

/** Who asks for a lease, and what he brought. */
export interface Applicant {
  readonly peer: Peer
  readonly identity: Identity
  /** With the old lease and a proof by its key: a renewal. */
  readonly headers: CredentialHeaders
  readonly agentLabel: string | null
}

interface Session {
  readonly id: string
  readonly budgets: LeaseClaims['budgets']
  readonly isRenewal: boolean
  readonly proof: ProofUse | null
}

/**
 * Issues a lease (spec/auth-and-evidence 5). With the old lease and a proof by its key it is a
 * renewal: session, budget and scopes stay. The record is durable before the lease is handed out.
 */
export async function issueLease(
  services: Services,
  applicant: Applicant,
  request: LeaseRequest,
): Promise<Result<LeaseResponse, Refusal>> {
  const { identity, agentLabel } = applicant
  const renewed = await renewalOf(services, applicant)
  if (!renewed.ok) return renewed
  const scopes = grantedScopes(request.scopes, identity, renewed.value)
  if (!scopes.ok) return scopes
  const root = checkFsRoot(request.fs_root ?? null)
  if (!root.ok) return root
  const key = importP256Jwk(request.dpop_jwk)
  if (!key.ok) return invalid(key.error)
  if (renewed.value !== null && renewed.value.cnf.jkt !== key.value.jkt) {
    return invalid('a renewal must name the key of the lease it renews')
  }
  const session = openSession(services, request, renewed.value)
  const claims = leaseClaims(services, identity, scopes.value, key.value.jkt, session)
  const appended = await recordLease(services, claims, session, agentLabel, key.value.jwk)
  if (!appended.ok) return appended
  return {
    ok: true,
    value: {
      lease_jwt: signLease(claims, services.leaseKey),
      session_id: claims.session_id,
      lease_jti: claims.jti,
      expires_at: isoSeconds(claims.exp * 1000),
    },
  }
}

async function renewalOf(
  services: Services,
  { peer, headers, identity }: Applicant,
): Promise<Result<(LeaseClaims & { readonly proof: ProofUse }) | null, Refusal>> {
  if (headers.authorization === undefined) return { ok: true, value: null }
  const token = dpopToken(headers.authorization)
  // Whoever sends a credential means a renewal: a new session would be a silent change of budget.
  if (token === undefined) {
    const message = 'to renew a lease send `Authorization: DPoP <lease>`; for a new one, none'
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
  if (claims.sub !== identity.principal) {
    const message = 'the lease to renew belongs to another principal than the one connected'
    return { ok: false, error: refuse('identity_forbidden', { message }) }
  }
  const proof = await acceptProof(services, peer, {
    proof: headers.dpop,
    token,
    jkt: claims.cnf.jkt,
    request: { method: 'POST', path: '/v1/leases' },
    owner: claims.sub,
  })
  return proof.ok ? { ok: true, value: { ...claims, proof: proof.value } } : proof
}

function grantedScopes(
  requested: readonly string[],
  identity: Identity,
  renewed: LeaseClaims | null,
): Result<readonly string[], Refusal> {
  if (requested.length === 0) return invalid('scopes must not be empty')
  // Before the intersection: a malformed scope is a fault of the request, whoever sends it.
  const malformed = requested.find((scope) => !isScope(scope))
  if (malformed !== undefined) return invalid(`invalid scope '${malformed}'`)
  const allowed = requested
    .filter((scope) => identity.maximumScopes === null || identity.maximumScopes.includes(scope))
    // A renewal keeps what the lease had: it never adds a scope.
    .filter((scope) => renewed === null || renewed.scope.includes(scope))
  if (allowed.length === 0) return { ok: false, error: refuse('scope_not_permitted') }
  return { ok: true, value: [...new Set(allowed)] }
}

function openSession(
  services: Services,
  request: LeaseRequest,
  renewed: (LeaseClaims & { readonly proof: ProofUse }) | null,
): Session {
  if (renewed !== null) {
    return {
      id: renewed.session_id,
      budgets: renewed.budgets,
      isRenewal: true,
      proof: renewed.proof,
    }
  }
  const asked = request.budgets ?? undefined
  const budgets = asked === undefined ? undefined : { max_calls: asked.max_calls ?? null }
  return { id: uuidv7(services.now()), budgets, isRenewal: false, proof: null }
}

function leaseClaims(
  services: Services,
  identity: Identity,
  scope: readonly string[],
  jkt: string,
  session: Session,
): LeaseClaims {
  const iat = Math.floor(services.now() / 1000)
  return {
    iss: 'latchgate',
    sub: identity.principal,
    aud: 'latchgate',
    exp: iat + services.config.lease_ttl_seconds,
    nbf: iat,
    iat,
    jti: uuidv7(services.now()),
    session_id: session.id,
    scope,
    ...(session.budgets === undefined ? {} : { budgets: session.budgets }),
    cnf: { jkt },
    ...(identity.owner === null ? {} : { owner: identity.owner }),
    epoch: services.revocations.epoch,
    idm: identity.method,
  }
}

async function recordLease(
  services: Services,
  claims: LeaseClaims,
  session: Session,
  agentLabel: string | null,
  jwk: P256Jwk,
): Promise<Result<void, Refusal>> {
  const traceId = uuidv7(services.now())
  const body: JsonObject = {
    trace_id: traceId,
    event_type: 'lease_issued',
    principal: claims.sub,
    identity_method: claims.idm,
    owner: claims.owner ?? null,
    agent_label: agentLabel,
    session_id: claims.session_id,
    lease_jti: claims.jti,
    scopes: claims.scope,
    max_calls: (claims.budgets?.max_calls ?? null) as Json,
    budgeted: claims.budgets !== undefined,
    renewal: session.isRenewal,
    jkt: claims.cnf.jkt,
    dpop_jwk: { ...jwk },
    epoch: claims.epoch,
    issued_at: isoMillis(claims.iat * 1000),
    expires_at: isoMillis(claims.exp * 1000),
    dev_mode: services.devMode,
  }
  const entry: LeaseEntry = {
    leaf: { type: 'lease', id: claims.jti, body },
    sessionId: claims.session_id,
    principal: claims.sub,
    ...(session.proof === null ? {} : { proof: session.proof }),
    ...(session.isRenewal || claims.budgets === undefined
      ? {}
      : { maxCalls: claims.budgets.max_calls }),
  }
  try {
    const appended = await services.ledger.issueLease(entry)
    if (appended.ok) return { ok: true, value: undefined }
    return { ok: false, error: refuse(appended.error.code) }
  } catch (error) {
    throw ledgerFault(error)
  }
}

// Actions on files are not served yet, so the feature is off. The root is not looked at: the answer
// would tell an agent what exists where only the gate may read.
function checkFsRoot(root: string | null): Result<void, Refusal> {
  if (root === null) return { ok: true, value: undefined }
  const bad = (message: string): Result<never, Refusal> => ({
    ok: false,
    error: refuse('invalid_fs_root', { message }),
  })
  if (root === '') return bad('empty path')
  if (!isAbsolute(root)) return bad(`must be absolute, got: ${root}`)
  const message = 'per-session fs_root is disabled (fs_root_allowed_prefixes is empty)'
  return { ok: false, error: refuse('fs_root_denied', { message }) }
}

function invalid(message: string): Refused {
  return { ok: false, error: refuse('invalid_request', { message, status: 400 }) }
}
