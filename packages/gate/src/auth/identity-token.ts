import { decodeBase64url, type JsonObject, type Result } from '@latchgate/protocol'
import {
  PROOF_MAX_SKEW_SECONDS,
  readPart,
  sha256Hex,
  splitCompactJws,
} from '@latchgate/protocol/node'
import { errors, type JWTPayload, jwtVerify } from 'jose'
import type { IdentityTokenUse } from '../ledger/port.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { KeyLookup, SigningHeader } from './issuer-keys.js'
import { chooseIssuer } from './token-audience.js'
import type { TokenIssuer } from './token-issuers.js'
import { confirmedKey, principalOf } from './token-subject.js'

/** Characters of a token beyond which it is not looked at. */
export const MAX_IDENTITY_TOKEN_LENGTH = 8192

/** Seconds by which the clocks of gate and issuer may differ: those of a proof. */
export const TOKEN_LEEWAY_SECONDS: number = PROOF_MAX_SKEW_SECONDS

/** Seconds before its expiry from which a token can be used: so long a used one has to be remembered. */
export const MAX_TOKEN_LIFE_SECONDS = 86_400

const MAX_JTI_LENGTH = 512

/** A token whose signature and claims are good. That it is used for the first time the ledger decides. */
export interface VerifiedToken {
  readonly issuer: TokenIssuer
  readonly principal: string
  /** Unix seconds, whole. */
  readonly exp: number
  readonly use: IdentityTokenUse
  /** Thumbprint of the only key that may present it (RFC 9449 6.1); null: whoever holds it. */
  readonly jkt: string | null
}

/** 401 `identity_unauthenticated`: why a token is not accepted, in words that do not repeat it. */
export function refuseToken(why: string): Refused {
  const message = `the identity token is not accepted: ${why}`
  return { ok: false, error: refuse('identity_unauthenticated', { message }) }
}

/**
 * Verifies the token of a configured issuer (RFC 7519 7.2, RFC 8725). What it says of itself chooses
 * among what the operator has configured, and nothing else, until its signature is verified. Refuses with
 * `identity_unauthenticated`, or `identity_provider_unavailable` while there are no keys.
 */
export async function verifyIdentityToken(
  services: Pick<Services, 'now' | 'tokenIssuers'>,
  token: string,
): Promise<Result<VerifiedToken, Refusal>> {
  if (token.length > MAX_IDENTITY_TOKEN_LENGTH) {
    return refuseToken(`it is longer than ${MAX_IDENTITY_TOKEN_LENGTH} characters`)
  }
  const parts = readParts(token)
  if (parts === null) return refuseToken('it is not a signed JWT in compact form')
  const chosen = chooseIssuer(services.tokenIssuers, parts.payload)
  if (!chosen.ok) return refuseToken(chosen.error)
  const issuer = chosen.value
  const header = signingHeader(parts.header, issuer)
  if (!header.ok) return refuseToken(header.error)
  const found = await issuer.keys.find(header.value)
  if ('missing' in found) return refuseKey(found.missing)
  const nowSeconds = Math.floor(services.now() / 1000)
  const payload = await verified(token, found.key, issuer, nowSeconds)
  if (!payload.ok) return refuseToken(payload.error)
  return readClaims(payload.value, issuer, nowSeconds)
}

// Strictly: of a member that stands there twice one reader would take the first, another the last.
function readParts(
  token: string,
): { readonly header: JsonObject; readonly payload: JsonObject } | null {
  const jws = splitCompactJws(token)
  if (jws === null || decodeBase64url(jws.signature) === null) return null
  const header = readPart(jws.header)
  const payload = readPart(jws.payload, { maxDepth: 16 })
  return typeof header === 'string' || typeof payload === 'string' ? null : { header, payload }
}

function signingHeader(header: JsonObject, issuer: TokenIssuer): Result<SigningHeader, string> {
  const { alg, kid } = header
  // The algorithm is the issuer's, never the token's own choice (RFC 8725 3.1).
  if (typeof alg !== 'string' || !issuer.algorithms.includes(alg)) {
    return { ok: false, error: `its algorithm is not one of ${issuer.algorithms.join(', ')}` }
  }
  if (kid === undefined) return { ok: true, value: { alg } }
  if (typeof kid !== 'string') return { ok: false, error: 'its kid is not a text' }
  return { ok: true, value: { alg, kid } }
}

function refuseKey(why: Extract<KeyLookup, { missing: string }>['missing']): Refused {
  switch (why) {
    case 'unknown':
      return refuseToken('its issuer has no key of that kid and algorithm')
    case 'ambiguous':
      return refuseToken('several keys of its issuer fit: the issuer must name one by kid')
    case 'unavailable': {
      const message = "the keys of the token's issuer cannot be had now: repeat the request later"
      return { ok: false, error: refuse('identity_provider_unavailable', { message }) }
    }
  }
}

async function verified(
  token: string,
  key: Parameters<typeof jwtVerify>[1],
  issuer: TokenIssuer,
  nowSeconds: number,
): Promise<Result<JWTPayload, string>> {
  try {
    const { payload } = await jwtVerify(token, key, {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: [...issuer.algorithms],
      requiredClaims: ['exp', 'jti'],
      clockTolerance: TOKEN_LEEWAY_SECONDS,
      currentDate: new Date(nowSeconds * 1000),
    })
    return { ok: true, value: payload }
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    return { ok: false, error: reasonOf(error) }
  }
}

// Not the library's own words: some of them repeat what the token says.
function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature does not verify'
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'it cannot be verified'
  if (error.reason === 'missing') return `it has no ${error.claim}`
  if (error.claim === 'nbf' && error.reason === 'check_failed') return 'it is not valid yet'
  return `its ${error.claim} is not what it must be`
}

function readClaims(
  payload: JWTPayload,
  issuer: TokenIssuer,
  nowSeconds: number,
): Result<VerifiedToken, Refusal> {
  const { jti, exp, iat } = payload
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) {
    return refuseToken(`its jti is not a text of 1 to ${MAX_JTI_LENGTH} characters`)
  }
  if (typeof exp !== 'number' || exp > nowSeconds + MAX_TOKEN_LIFE_SECONDS + TOKEN_LEEWAY_SECONDS) {
    const hours = MAX_TOKEN_LIFE_SECONDS / 3600
    return refuseToken(
      `it is valid for more than ${hours} hours: have its issuer make shorter ones`,
    )
  }
  if (iat !== undefined && iat > nowSeconds + TOKEN_LEEWAY_SECONDS) {
    return refuseToken('it was issued in the future')
  }
  const principal = principalOf(payload, issuer.principalClaim)
  if (!principal.ok) return refuseToken(principal.error)
  const jkt = confirmedKey(payload)
  if (!jkt.ok) return refuseToken(jkt.error)
  return {
    ok: true,
    value: {
      issuer,
      principal: principal.value,
      exp: Math.floor(exp),
      use: {
        hash: sha256Hex(JSON.stringify([issuer.issuer, jti])),
        expiresAt: Math.ceil(exp * 1000),
      },
      jkt: jkt.value,
    },
  }
}
