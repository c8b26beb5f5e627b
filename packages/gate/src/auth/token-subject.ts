import type { Result } from '@latchgate/protocol'
import type { JWTPayload } from 'jose'

const MAX_PRINCIPAL_LENGTH = 128

/**
 * Whom a verified token names. Never what the gate itself calls a peer (`uid:…`, `dev:…`), nor a name
 * that policy has for everybody (`*`) or cannot hold (`_…` is a comment there). The error is for the
 * token's holder.
 */
export function principalOf(payload: JWTPayload, claim: string): Result<string, string> {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined
  if (value === undefined) return wrong(`it has no claim '${claim}' to name the agent`)
  const isText = typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
  if (!isText || value.length > MAX_PRINCIPAL_LENGTH) {
    return wrong(
      `its claim '${claim}' is not 1 to ${MAX_PRINCIPAL_LENGTH} visible ASCII characters`,
    )
  }
  if (/^(uid|dev):/i.test(value) || value === '*' || value.startsWith('_')) {
    return wrong(`its claim '${claim}' names nobody that a token can name`)
  }
  return { ok: true, value }
}

/**
 * The thumbprint of the key that a token is bound to, null without one. A token that is bound to
 * something else cannot be held to it, so it is refused (RFC 7800 3.1).
 */
export function confirmedKey({ cnf }: JWTPayload): Result<string | null, string> {
  if (cnf === undefined) return { ok: true, value: null }
  const isObject = typeof cnf === 'object' && cnf !== null
  const jkt: unknown = isObject && Object.keys(cnf).length === 1 ? Reflect.get(cnf, 'jkt') : null
  if (typeof jkt === 'string') return { ok: true, value: jkt }
  return wrong('it is bound (cnf) to something else than the thumbprint of a key')
}

function wrong(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error }
}
