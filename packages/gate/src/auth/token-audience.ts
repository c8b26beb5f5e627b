import { type JsonObject, type Result, sanitizeText } from '@latchgate/protocol'
import type { TokenIssuer, TokenIssuers } from './token-issuers.js'

/** Bytes of an issuer's name that a refusal repeats. */
const MAX_SHOWN = 100

/**
 * The configured entry that a token claims to be of, by its `iss` and `aud` (RFC 7519 4.1.1, 4.1.3). The
 * token is not verified yet: this chooses with what to verify it. The error is for its holder.
 */
export function chooseIssuer(
  issuers: TokenIssuers,
  { iss, aud }: JsonObject,
): Result<TokenIssuer, string> {
  if (issuers.isEmpty) return wrong('this gate has no [[identity.jwt]] issuers')
  if (typeof iss !== 'string') return wrong('it has no iss')
  const entries = issuers.of(iss)
  if (entries.length === 0) {
    return wrong(`its issuer '${sanitizeText(iss, MAX_SHOWN)}' is not one of this gate's`)
  }
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  const fitting = entries.filter((one) => audiences.includes(one.audience))
  const [entry] = fitting
  if (entry === undefined) return wrong('its audience is not this gate')
  // Each entry gives rights of its own: the token must not get to choose.
  if (fitting.length > 1) return wrong('it is for several audiences of this gate at once')
  return { ok: true, value: entry }
}

function wrong(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error }
}
