import type { KeyObject } from 'node:crypto'
import { decodeBase64url } from '../base64url.js'
import type { DpopClaims, DpopRejectKind } from '../dpop-claims.js'
import { normalizeHtu } from '../htu.js'
import type { JsonObject } from '../json-value.js'
import type { P256Jwk } from '../p256-jwk.js'
import { err, ok, type Result } from '../result.js'
import { sanitizeText } from '../sanitize.js'
import { type CompactJws, ES256_BYTES, readPart, splitCompactJws, verifyEs256 } from './jws.js'
import { importPoint, readP256Jwk } from './p256-key.js'
import type { ProofKeyCache } from './proof-key-cache.js'
import { computeAth, jwkThumbprint } from './thumbprint.js'
import { timingSafeEqualText } from './timing-safe.js'

/** Seconds that a proof may be old, and ahead of our clock (auth spec 1). */
export const PROOF_MAX_AGE_SECONDS = 60
/** See `PROOF_MAX_AGE_SECONDS`. */
export const PROOF_MAX_SKEW_SECONDS = 5

/** The request that a proof must have been made for. */
export interface DpopExpectation {
  readonly method: string
  /** Acceptable URLs, normalised or not; messages name the first. */
  readonly urls: readonly string[]
  /** The token beside the proof. Null where there is none: then `ath` must be absent. */
  readonly token: string | null
  /** Thumbprint that the token is bound to. Null: any key; the verdict tells which. */
  readonly jkt: string | null
  /** Unix seconds. */
  readonly nowSeconds: number
}

/** What a proof turned out to be. `reason` is at most 200 bytes of printable text. */
export type DpopVerdict =
  | { readonly ok: true; readonly jti: string; readonly iat: number; readonly jkt: string }
  | { readonly ok: false; readonly kind: DpopRejectKind; readonly reason: string }

type Rejection = { readonly kind: DpopRejectKind; readonly reason: string }

const JTI = /^[\x21-\x7e]{1,128}$/
const MAX_REASON_BYTES = 200
const MALFORMED_SEGMENTS = 'malformed JWT: expected exactly 3 dot-separated segments'

/**
 * Verifies a DPoP proof (RFC 9449 4.3) with the checks of auth spec 7.4 in their order, all of them
 * on every proof. That its `jti` is new is for the caller to find out, afterwards.
 */
export function verifyDpopProof(
  proof: string,
  expect: DpopExpectation,
  keys: ProofKeyCache,
): DpopVerdict {
  const jws = splitCompactJws(proof)
  if (jws === null) return refused({ kind: 'malformed', reason: MALFORMED_SEGMENTS })
  const jwk = checkHeader(jws.header)
  if (!jwk.ok) return refused(jwk.error)
  const jkt = jwkThumbprint(jwk.value)
  const signed = checkSignature(jws, jwk.value, jkt, expect.jkt, keys)
  if (!signed.ok) return refused(signed.error)
  const claims = readClaims(jws.payload, expect.token !== null)
  if (!claims.ok) return refused(claims.error)
  const mismatch = compareClaims(claims.value, expect)
  if (mismatch !== null) return refused(mismatch)
  return { ok: true, jti: claims.value.jti, iat: claims.value.iat, jkt }
}

function refused(rejection: Rejection): DpopVerdict {
  const reason = sanitizeText(rejection.reason, MAX_REASON_BYTES)
  return { ok: false, kind: rejection.kind, reason }
}

function checkHeader(part: string): Result<P256Jwk, Rejection> {
  const header = readPart(part)
  if (header === 'base64url') return malformed('invalid base64url encoding in JWT header')
  if (typeof header === 'string') return malformed('JWT header is not valid JSON')
  const { typ, alg, jwk } = header
  if (typ !== 'dpop+jwt') return badHeader(`typ must be 'dpop+jwt', got ${shown(typ)}`)
  if (alg !== 'ES256') return badHeader(`alg must be 'ES256', got ${shown(alg)}`)
  // RFC 7515 4.1.11: an extension that we do not know must not be ignored.
  if (Object.hasOwn(header, 'crit')) return badHeader('crit names extensions we do not know')
  if (jwk === undefined) return badHeader('jwk is missing from the header')
  return readP256Jwk(jwk, 'jwk')
}

function checkSignature(
  jws: CompactJws,
  jwk: P256Jwk,
  jkt: string,
  boundTo: string | null,
  keys: ProofKeyCache,
): Result<void, Rejection> {
  if (boundTo !== null && !timingSafeEqualText(jkt, boundTo)) {
    const reason = 'DPoP key thumbprint does not match lease cnf.jkt (key binding failure)'
    return err({ kind: 'bad_key', reason })
  }
  const cached = keys.get(jkt)
  const imported: Result<KeyObject, Rejection> =
    cached === undefined ? importPoint(jwk, 'jwk') : ok(cached)
  if (!imported.ok) return imported
  const signature = decodeBase64url(jws.signature)
  if (signature === null) return badSignature('invalid base64url encoding in JWT signature')
  if (signature.length !== ES256_BYTES) {
    return badSignature(`an ES256 signature is ${ES256_BYTES} bytes, got ${signature.length}`)
  }
  if (!verifyEs256(jws.signed, signature, imported.value)) {
    return badSignature('signature verification failed')
  }
  // Only a key that the token names: others could push the keys in use out of the cache.
  if (cached === undefined && boundTo !== null) keys.set(jkt, imported.value)
  return ok(undefined)
}

function readClaims(part: string, needsAth: boolean): Result<DpopClaims, Rejection> {
  const payload = readPart(part, { integerMembers: ['iat'] })
  if (payload === 'base64url') return malformed('invalid base64url encoding in JWT payload')
  if (typeof payload === 'string') return malformed('JWT payload is not a valid JSON object')
  const { jti, htm, htu, iat, ath }: JsonObject = payload
  if (typeof jti !== 'string' || !JTI.test(jti)) {
    return malformed('claim jti must be 1 to 128 visible ASCII characters')
  }
  if (typeof htm !== 'string') return malformed('claim htm must be a string')
  if (typeof htu !== 'string') return malformed('claim htu must be a string')
  if (typeof iat !== 'number') return malformed('claim iat must be an integer')
  if (!needsAth) {
    // Made to renew a lease, it would open a new session with a new budget.
    if (ath !== undefined) return malformed('claim ath names a token, and none was presented')
    return ok({ jti, htm, htu, iat })
  }
  // A proof without ath would be good for any lease of the same key.
  if (typeof ath !== 'string') return malformed('claim ath must be a string')
  return ok({ jti, htm, htu, iat, ath })
}

function compareClaims(claims: DpopClaims, expect: DpopExpectation): Rejection | null {
  const method = expect.method.toUpperCase()
  if (claims.htm !== method) {
    return { kind: 'bad_htm', reason: `htm mismatch: expected '${method}', got '${claims.htm}'` }
  }
  if (!matchesOneUrl(claims.htu, expect.urls)) {
    const expected = normalizeHtu(expect.urls[0] ?? '') ?? ''
    return { kind: 'bad_htu', reason: `htu mismatch: expected '${expected}', got '${claims.htu}'` }
  }
  const age = expect.nowSeconds - claims.iat
  // Written so that a clock that is not a number refuses.
  if (!(age <= PROOF_MAX_AGE_SECONDS)) {
    const reason = `iat too old: ${age} s, at most ${PROOF_MAX_AGE_SECONDS} s`
    return { kind: 'bad_iat', reason }
  }
  if (!(age >= -PROOF_MAX_SKEW_SECONDS)) {
    const reason = `iat too far in future: ${-age} s, at most ${PROOF_MAX_SKEW_SECONDS} s`
    return { kind: 'bad_iat', reason }
  }
  if (expect.token === null) return null
  if (timingSafeEqualText(claims.ath ?? '', computeAth(expect.token))) return null
  return { kind: 'bad_ath', reason: 'ath does not match the token of the Authorization header' }
}

function matchesOneUrl(htu: string, urls: readonly string[]): boolean {
  const received = normalizeHtu(htu)
  if (received === null) return false
  let matches = false
  for (const url of urls) {
    const expected = normalizeHtu(url)
    if (expected !== null && timingSafeEqualText(received, expected)) matches = true
  }
  return matches
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : typeof value
}

function malformed(reason: string): { readonly ok: false; readonly error: Rejection } {
  return err({ kind: 'malformed', reason })
}

function badHeader(reason: string): { readonly ok: false; readonly error: Rejection } {
  return err({ kind: 'bad_header', reason })
}

function badSignature(reason: string): { readonly ok: false; readonly error: Rejection } {
  return err({ kind: 'bad_sig', reason })
}
