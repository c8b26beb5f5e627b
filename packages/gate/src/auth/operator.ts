import type { Result } from '@latchgate/protocol'
import { timingSafeEqualText } from '@latchgate/protocol/node'
import type { ProofUse } from '../ledger/port.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { acceptProof, type BoundRequest } from './accept-proof.js'
import { type CredentialHeaders, dpopToken } from './credentials.js'
import type { Peer } from './identity.js'

/** An authenticated operator (spec/auth-and-evidence 9.3). */
export interface OperatorContext {
  readonly operator: string
  readonly jkt: string
  /** Used up in the commit of whatever the operator does. */
  readonly proof: ProofUse
}

/** How an endpoint wants its operators authenticated. */
export interface OperatorChecks {
  /**
   * The replay memory may be away: the endpoint commits the proof to the ledger, where a second use
   * is refused. What stops an agent must work while `State` is down (design 5).
   */
  readonly proofInLedger?: boolean
}

/**
 * Authenticates an operator by API key and proof, one cause per refusal, in the order of
 * spec/auth-and-evidence 9.3. All are 401, but for a broken replay memory, which is 503.
 */
export async function authenticateOperator(
  services: Services,
  peer: Peer,
  headers: CredentialHeaders,
  request: BoundRequest,
  checks: OperatorChecks = {},
): Promise<Result<OperatorContext, Refusal>> {
  if (headers.authorization === undefined) return refused('missing_auth_header')
  const token = dpopToken(headers.authorization)
  if (token === undefined || headers.duplicated) return refused('invalid_auth_scheme')
  if (headers.dpop === undefined) return refused('missing_dpop_header')
  if (Object.keys(services.config.operator_credentials).length === 0) {
    return refused('operator_auth_not_configured')
  }
  const found = findCredential(services, token)
  if (found === undefined) return refused('invalid_operator_token')
  const { name, jkt } = found
  if (jkt === undefined) {
    return refused('key_binding_failed', 'this operator has no dpop_jkt in the configuration')
  }
  const proof = await acceptProof(services, peer, {
    proof: headers.dpop,
    token,
    jkt,
    request,
    owner: `operator ${name}`,
    // Another key is another mistake than a proof that does not verify.
    ofOtherKey: refused('key_binding_failed', OTHER_KEY).error,
    ...checks,
  })
  return proof.ok ? { ok: true, value: { operator: name, jkt, proof: proof.value } } : proof
}

const OTHER_KEY = 'DPoP proof thumbprint does not match configured dpop_jkt'

// All credentials are compared, without an early exit, so that time tells nothing about the list.
function findCredential(
  services: Services,
  token: string,
): { readonly name: string; readonly jkt: string | undefined } | undefined {
  let found: { readonly name: string; readonly jkt: string | undefined } | undefined
  for (const [name, credential] of Object.entries(services.config.operator_credentials)) {
    if (timingSafeEqualText(credential.api_key, token) && found === undefined) {
      found = { name, jkt: credential.dpop_jkt }
    }
  }
  return found
}

function refused(
  code:
    | 'missing_auth_header'
    | 'invalid_auth_scheme'
    | 'missing_dpop_header'
    | 'operator_auth_not_configured'
    | 'invalid_operator_token'
    | 'key_binding_failed',
  reason?: string,
): Refused {
  const given = reason === undefined ? {} : { body: { deny_reason: reason }, detail: reason }
  return { ok: false, error: refuse(code, given) }
}
