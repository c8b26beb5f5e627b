import { isAbsolute } from 'node:path'
import {
  isoMillis,
  isoSeconds,
  type Json,
  type JsonObject,
  type LeaseClaims,
  type LeaseRequest,
  type LeaseResponse,
  type LeaseToken,
  type Result,
} from '@latchgate/protocol'
import { importP256Jwk, type P256Jwk, signLease, uuidv7 } from '@latchgate/protocol/node'
import type { LeaseEntry, ProofUse } from '../ledger/port.js'
import { ledgerFault } from '../ledger-fault.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Identity } from './identity.js'
import { refuseToken, type VerifiedToken } from './identity-token.js'
import {
  type Applicant,
  identifyApplicant,
  invalidLeaseRequest,
  type Known,
} from './lease-applicant.js'
import { isScope } from './scopes.js'

interface Session {
  readonly id: string
  readonly budgets: LeaseClaims['budgets']
  readonly isRenewal: boolean
  readonly proof: ProofUse | null
  readonly token: VerifiedToken | null
  /** What the lease says of the token that opened the session, or renewed it last. */
  readonly idp: LeaseToken | undefined
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
  const key = importP256Jwk(request.dpop_jwk)
  const known = await identifyApplicant(services, applicant, key)
  if (!known.ok) return known
  const { identity, renewed } = known.value
  const scopes = grantedScopes(request.scopes, identity, renewed)
  if (!scopes.ok) return scopes
  const root = checkFsRoot(request.fs_root ?? null)
  if (!root.ok) return root
  if (!key.ok) return invalidLeaseRequest(key.error)
  if (renewed !== null && renewed.cnf.jkt !== key.value.jkt) {
    return invalidLeaseRequest('a renewal must name the key of the lease it renews')
  }
  // The keys of an issuer may have been waited for: a lease of an epoch that began meanwhile would
  // outlive the revocation that began it.
  if (renewed !== null && services.revocations.reaches(renewed)) {
    return { ok: false, error: refuse('lease_revoked') }
  }
  const session = openSession(services, request, known.value)
  const claims = leaseClaims(services, identity, scopes.value, key.value.jkt, session)
  const appended = await recordLease(services, claims, session, applicant.agentLabel, key.value.jwk)
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

function grantedScopes(
  requested: readonly string[],
  identity: Identity,
  renewed: LeaseClaims | null,
): Result<readonly string[], Refusal> {
  if (requested.length === 0) return invalidLeaseRequest('scopes must not be empty')
  // Before the intersection: a malformed scope is a fault of the request, whoever sends it.
  const malformed = requested.find((scope) => !isScope(scope))
  if (malformed !== undefined) return invalidLeaseRequest(`invalid scope '${malformed}'`)
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
  { renewed, proof, token }: Known,
): Session {
  if (renewed !== null) {
    return {
      id: renewed.session_id,
      budgets: renewed.budgets,
      isRenewal: true,
      proof,
      token,
      idp: token === null ? renewed.idp : leaseToken(token),
    }
  }
  const asked = request.budgets ?? undefined
  const budgets = asked === undefined ? undefined : { max_calls: asked.max_calls ?? null }
  const idp = token === null ? undefined : leaseToken(token)
  return { id: uuidv7(services.now()), budgets, isRenewal: false, proof, token, idp }
}

function leaseToken({ issuer, exp }: VerifiedToken): LeaseToken {
  return {
    iss: issuer.issuer,
    aud: issuer.audience,
    exp,
    principal_claim: issuer.principalClaim,
  }
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
    ...(session.idp === undefined ? {} : { idp: session.idp }),
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
    ...issuerMembers(claims.idp),
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
    ...(session.token === null ? {} : { identityToken: session.token.use }),
    ...(session.isRenewal || claims.budgets === undefined
      ? {}
      : { maxCalls: claims.budgets.max_calls }),
  }
  try {
    const appended = await services.ledger.issueLease(entry)
    if (appended.ok) return { ok: true, value: undefined }
    return { ok: false, error: leaseRefusal(appended.error.code) }
  } catch (error) {
    throw ledgerFault(error)
  }
}

function issuerMembers(idp: LeaseToken | undefined): JsonObject {
  if (idp === undefined) return {}
  return {
    identity_issuer: idp.iss,
    identity_audience: idp.aud,
    identity_expires_at: isoMillis(idp.exp * 1000),
  }
}

function leaseRefusal(code: 'replay_detected' | 'identity_token_used'): Refusal {
  if (code === 'replay_detected') return refuse(code)
  return refuseToken('it has been used; ask its issuer for a new one').error
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
