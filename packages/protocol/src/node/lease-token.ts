import { decodeBase64url, encodeBase64url } from '../base64url.js'
import type { Json, JsonObject } from '../json-value.js'
import { LEASE_ISSUER, type LeaseClaims, type LeaseToken } from '../lease-claims.js'
import { sanitizeText } from '../sanitize.js'
import { readPart, signEs256, splitCompactJws, verifyEs256 } from './jws.js'
import type { LeaseKey } from './lease-key.js'

/** What a lease turned out to be. `reason` is for the log, at most 200 bytes of printable text. */
export type LeaseVerdict =
  | { readonly ok: true; readonly claims: LeaseClaims }
  | {
      readonly ok: false
      readonly code: 'invalid_lease' | 'lease_expired'
      readonly reason: string
      /** Only when nothing but `exp` failed: what a renewal goes by. */
      readonly claims?: LeaseClaims
    }

const MAX_REASON_BYTES = 200
const INTEGER_CLAIMS: readonly string[] = ['exp', 'nbf', 'iat', 'epoch']
const encoder = new TextEncoder()

/** Signs a lease, members in the order of auth spec 6.1. Throws when the private half is missing. */
export function signLease(claims: LeaseClaims, key: LeaseKey): string {
  if (key.privateKey === undefined) throw new TypeError(`the private key of ${key.kid} is not here`)
  const header = encodeJson({ typ: 'JWT', alg: 'ES256', kid: key.kid })
  const signed = `${header}.${encodeJson(inWireOrder(claims))}`
  return `${signed}.${signEs256(signed, key.privateKey)}`
}

/**
 * Verifies a lease (auth spec 6.4). `lease_expired` means that nothing else is wrong with it
 * (http-api 5.1): issuer, audience and `nbf` are checked before `exp`, which has no leeway.
 */
export function verifyLease(
  token: string,
  keys: ReadonlyMap<string, LeaseKey>,
  nowSeconds: number,
): LeaseVerdict {
  const jws = splitCompactJws(token)
  if (jws === null) return invalid('malformed JWT: expected exactly 3 dot-separated segments')
  const header = readPart(jws.header)
  if (typeof header === 'string') return invalid(`the header does not parse (${header})`)
  const { typ, alg, kid } = header
  if (typ !== undefined && typ !== 'JWT') return invalid("typ must be 'JWT'")
  // RFC 7515 4.1.11: an extension that we do not know must not be ignored.
  if (Object.hasOwn(header, 'crit')) return invalid('crit names extensions we do not know')
  if (typeof kid !== 'string') return invalid('missing kid in header')
  const key = keys.get(kid)
  if (key === undefined) return invalid(`unknown kid: ${kid}`)
  if (alg !== 'ES256') return invalid("alg must be 'ES256'")
  const signature = decodeBase64url(jws.signature)
  if (signature === null || !verifyEs256(jws.signed, signature, key.publicKey)) {
    return invalid('signature verification failed')
  }
  const payload = readPart(jws.payload, { integerMembers: INTEGER_CLAIMS })
  if (typeof payload === 'string') return invalid(`the payload does not parse (${payload})`)
  const claims = readClaims(payload)
  if (typeof claims === 'string') return invalid(`claim ${claims} is missing or of the wrong type`)
  return checkTimes(claims, nowSeconds)
}

function checkTimes(claims: LeaseClaims, nowSeconds: number): LeaseVerdict {
  if (claims.iss !== LEASE_ISSUER) return invalid(`iss must be '${LEASE_ISSUER}'`)
  if (claims.aud !== LEASE_ISSUER) return invalid(`aud must be '${LEASE_ISSUER}'`)
  // Both written so that a clock that is not a number refuses.
  if (!(claims.nbf <= nowSeconds)) return invalid('lease not yet valid (nbf)')
  if (!(claims.exp >= nowSeconds)) {
    return { ok: false, code: 'lease_expired', reason: 'lease expired', claims }
  }
  return { ok: true, claims }
}

function invalid(reason: string): LeaseVerdict {
  return { ok: false, code: 'invalid_lease', reason: sanitizeText(reason, MAX_REASON_BYTES) }
}

// The claims one by one, or the name of the first that is wrong. What else the payload holds is
// not passed on: nobody has checked it.
function readClaims(payload: JsonObject): LeaseClaims | string {
  const { iss, sub, aud, exp, nbf, iat, jti, session_id, scope, owner, epoch, idm } = payload
  if (typeof iss !== 'string') return 'iss'
  if (typeof sub !== 'string' || sub === '') return 'sub'
  if (typeof aud !== 'string') return 'aud'
  if (typeof exp !== 'number') return 'exp'
  if (typeof nbf !== 'number') return 'nbf'
  if (typeof iat !== 'number') return 'iat'
  if (typeof jti !== 'string' || jti === '') return 'jti'
  if (typeof session_id !== 'string' || session_id === '') return 'session_id'
  if (!isStringArray(scope)) return 'scope'
  const budgets = readBudgets(payload['budgets'])
  if (budgets === null) return 'budgets'
  const jkt = isObject(payload['cnf']) ? payload['cnf']['jkt'] : undefined
  if (typeof jkt !== 'string') return 'cnf'
  if (owner !== undefined && typeof owner !== 'string') return 'owner'
  if (typeof epoch !== 'number' || epoch < 0) return 'epoch'
  if (typeof idm !== 'string') return 'idm'
  const idp = readToken(payload['idp'])
  if (idp === null) return 'idp'
  const required = {
    iss,
    sub,
    aud,
    exp,
    nbf,
    iat,
    jti,
    session_id,
    scope,
    cnf: { jkt },
    epoch,
    idm,
  }
  return inWireOrder({ ...required, ...budgets, ...(owner === undefined ? {} : { owner }), ...idp })
}

function readToken(value: Json | undefined): Pick<LeaseClaims, 'idp'> | null {
  if (value === undefined) return {}
  if (!isObject(value)) return null
  const { iss, aud, exp, principal_claim } = value
  const texts = [iss, aud, principal_claim]
  if (!texts.every((text) => typeof text === 'string') || !Number.isSafeInteger(exp)) return null
  return { idp: { iss, aud, exp, principal_claim } as LeaseToken }
}

function readBudgets(value: Json | undefined): Pick<LeaseClaims, 'budgets'> | null {
  if (value === undefined) return {}
  if (!isObject(value)) return null
  const calls = value['max_calls']
  if (calls === null) return { budgets: { max_calls: null } }
  if (typeof calls !== 'number' || !Number.isInteger(calls) || calls < 0) return null
  return { budgets: { max_calls: calls } }
}

function inWireOrder(claims: LeaseClaims): LeaseClaims {
  const { iss, sub, aud, exp, nbf, iat, jti, session_id, scope, budgets, cnf, owner } = claims
  const first = { iss, sub, aud, exp, nbf, iat, jti, session_id, scope }
  return {
    ...first,
    ...(budgets === undefined ? {} : { budgets }),
    cnf,
    ...(owner === undefined ? {} : { owner }),
    epoch: claims.epoch,
    idm: claims.idm,
    ...(claims.idp === undefined ? {} : { idp: claims.idp }),
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStringArray(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function encodeJson(value: JsonObject): string {
  return encodeBase64url(encoder.encode(JSON.stringify(value)))
}
