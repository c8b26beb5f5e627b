import { isoMillis, type LeaseClaims } from '@latchgate/protocol'
import type { PolicyInput } from '../policy/engine.js'
import { egressProfile, type RegisteredAction } from '../registered-action.js'
import type { Services } from '../services.js'

type OfOneCall =
  | 'request_hash'
  | 'budgets_before'
  | 'unresolved_domains'
  | 'unresolved_paths'
  | 'params'
  | 'target'
  | 'session'
  | 'approved'

/**
 * What policy is told of a principal and an action, whatever the call (spec/pipeline 5.1). One place
 * for calls and for the list of permitted actions, so that the list cannot answer another question.
 */
export function standingInput(
  services: Services,
  claims: LeaseClaims,
  { manifest }: RegisteredAction,
): Omit<PolicyInput, OfOneCall> {
  return {
    principal: claims.sub,
    session_id: claims.session_id,
    scopes: claims.scope,
    required_scopes: manifest.required_scopes,
    action_id: manifest.action_id,
    action_version: manifest.version,
    action_risk_level: manifest.risk_level,
    action_trust_verdict: 'digest_ok',
    requested_sinks: manifest.declared_side_effects,
    requested_secrets: manifest.secrets.map((secret) => secret.name),
    egress_profile: egressProfile(manifest),
    time: isoMillis(services.now()),
    owner: claims.owner ?? null,
    identity_method: claims.idm,
  }
}
