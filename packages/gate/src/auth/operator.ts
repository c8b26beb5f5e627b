import type { Result } from '@latchgate/protocol'
import { timingSafeEqualText } from '@latchgate/protocol/node'
import { type Refusal, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { acceptProof, type BoundRequest } from './accept-proof.js'
import { type CredentialHeaders, dpopToken } from './credentials.js'
import type { Peer } from './identity.js'

/** An authenticated operator (spec/auth-and-evidence 9.3). */
export interface OperatorContext {
  readonly operator: string
  readonly jkt: string
  readonly proofJti: string
}

/**
 * Authenticates an operator by API key and proof. Every failure is 401 `unauthorized`, except a
 * broken replay memory, which is 503: wrong credentials and a broken gate must not look the same.
 */
export async function authenticateOperator(
  services: Services,
  peer: Peer,
  headers: CredentialHeaders,
  request: BoundRequest,
): Promise<Result<OperatorContext, Refusal>> {
  const token = headers.authorization === undefined ? undefined : dpopToken(headers.authorization)
  if (token === undefined || headers.dpop === undefined || headers.duplicated) {
    return unauthorized('missing or malformed operator credentials')
  }
  const found = findCredential(services, token)
  if (found === undefined) return unauthorized('unknown operator key')
  const { name, jkt } = found
  if (jkt === undefined) return unauthorized('this operator has no dpop_jkt')
  const owner = `operator:${name}`
  const proof = await acceptProof(services, peer, {
    proof: headers.dpop,
    token,
    jkt,
    request,
    owner,
  })
  if (proof.ok) return { ok: true, value: { operator: name, jkt, proofJti: proof.value.jti } }
  const { code, detail } = proof.error
  return code === 'replay_cache_unavailable' ? proof : unauthorized(detail)
}

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

function unauthorized(detail: string): { readonly ok: false; readonly error: Refusal } {
  return { ok: false, error: refuse('unauthorized', { detail }) }
}
