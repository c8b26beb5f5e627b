import type { LeaseClaims, Result } from '@latchgate/protocol'
import type { ProofUse } from '../ledger/port.js'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { SentToken } from './credentials.js'
import {
  refuseToken,
  TOKEN_LEEWAY_SECONDS,
  type VerifiedToken,
  verifyIdentityToken,
} from './identity-token.js'

/** What the key of a lease request has to do with a token. */
export interface KeyHolder {
  /** Thumbprint of the key that the lease is for; null: the request names none that can be used. */
  readonly jkt: string | null
  /** Undefined: no proof was sent. */
  readonly prove: ((token: VerifiedToken) => Promise<Result<ProofUse, Refusal>>) | undefined
}

/**
 * Who presents `Authorization: Bearer <jwt>`: the token in full, that it may be presented for this key,
 * and the proof by the key where one was sent or is needed.
 */
export async function acceptBearer(
  services: Services,
  token: string,
  { jkt, prove }: KeyHolder,
): Promise<Result<{ readonly token: VerifiedToken; readonly proof: ProofUse | null }, Refusal>> {
  const verified = await verifyIdentityToken(services, token)
  if (!verified.ok) return verified
  const { value } = verified
  if (value.jkt !== null && value.jkt !== jkt) return refuseOtherKey()
  if (prove === undefined) {
    // Whoever stole a bound token can name its key, but not use it.
    if (value.jkt !== null) {
      return refuseToken('it is bound to a key (cnf): send a DPoP proof by that key with it')
    }
    return { ok: true, value: { token: value, proof: null } }
  }
  const proof = await prove(value)
  return proof.ok ? { ok: true, value: { token: value, proof: proof.value } } : proof
}

/**
 * The fresh token of a renewal, null where none is needed: until the token that opened the session, or
 * renewed it last, has expired the key alone is enough. One that was sent is checked in any case.
 */
export async function acceptFreshToken(
  services: Services,
  sent: SentToken,
  { idm, idp, sub, cnf }: LeaseClaims,
): Promise<Result<VerifiedToken | null, Refusal>> {
  if (idm !== 'jwt' || idp === undefined) {
    if (sent === undefined) return { ok: true, value: null }
    return refuseToken('this session was not opened by a token; renew it without')
  }
  if (sent === undefined) {
    const nowSeconds = Math.floor(services.now() / 1000)
    if (nowSeconds < idp.exp + TOKEN_LEEWAY_SECONDS) return { ok: true, value: null }
    const message =
      'the token by which this session was opened or last renewed has expired: send a fresh one of the ' +
      'same issuer and principal in X-LatchGate-Identity-Token'
    return { ok: false, error: refuse('identity_unauthenticated', { message }) }
  }
  if (sent === null) return refuseUnreadable()
  const verified = await verifyIdentityToken(services, sent)
  if (!verified.ok) return verified
  const { issuer, principal, jkt } = verified.value
  if (issuer.issuer !== idp.iss || issuer.audience !== idp.aud) {
    return refuseToken('it is of another issuer or audience than the one that opened this session')
  }
  if (principal !== sub)
    return refuseToken('it names another principal than the one of this session')
  if (jkt !== null && jkt !== cnf.jkt) return refuseOtherKey()
  return verified
}

/** `X-LatchGate-Identity-Token` beside anything but a renewal. */
export function refuseStrayToken(): ReturnType<typeof refuseToken> {
  return refuseToken(
    'X-LatchGate-Identity-Token belongs to a renewal; for a new session send `Authorization: Bearer <jwt>`',
  )
}

function refuseUnreadable(): ReturnType<typeof refuseToken> {
  return refuseToken('X-LatchGate-Identity-Token must be sent once, in visible ASCII')
}

function refuseOtherKey(): ReturnType<typeof refuseToken> {
  return refuseToken('it is bound (cnf) to another key than the one of this request')
}
