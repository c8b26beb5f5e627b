import { isoMillis, type Result } from '@latchgate/protocol'
import { type Decision, PolicyFault, type PolicyInput, UNLIMITED_CALLS } from '../policy/engine.js'
import { Fault, type Refusal, refuse } from '../refusal.js'
import { egressProfile } from '../registered-action.js'
import type { Services } from '../services.js'
import type { Authorized, Budgeted, Targeted } from './call.js'
import { type VisibleDestination, visibleDestination } from './egress-visibility.js'
import { obtainSecrets } from './obtain-secrets.js'
import { policyDenied } from './policy-denied.js'

/**
 * Policy over everything known, then what policy cannot waive: destinations that are visibly not
 * allowed, an exhausted budget, secrets that are missing or not bound to this host.
 */
export async function authorize(
  services: Services,
  call: Budgeted,
): Promise<Result<Authorized, Refusal>> {
  const { callsBefore } = call
  const visible = visibleDestination(call, services.config.egress.unsafe_resolve)
  const seen = visible.ok ? visible.value : null
  const decision = await decide(services, policyInput(services, call, seen, callsBefore))
  if (decision.kind === 'deny') return denied(call, decision.reason)
  if (!visible.ok) return policyDenied(call, `egress_denied: ${visible.error}`)
  if (callsBefore !== null && callsBefore <= 0) return exhausted()
  if (decision.kind === 'hold') {
    const reasons = decision.reasons.map(({ code, detail }) => `${code}: ${detail}`).join('; ')
    return policyDenied(call, 'approval_not_available', `approval needed: ${reasons}`)
  }
  const secrets = await obtainSecrets(services, call, decision.secrets)
  if (!secrets.ok) return secrets
  const allow = decision.egress === 'none' ? [] : decision.egress.proxy_allowlist.allowed_domains
  return {
    ok: true,
    value: { ...call, decision, secrets: secrets.value, allow },
  }
}

async function decide(services: Services, input: PolicyInput): Promise<Decision> {
  try {
    return await services.policy.decide(input)
  } catch (error) {
    if (error instanceof PolicyFault) throw new Fault(error.code, error.message, { cause: error })
    throw error
  }
}

function denied(call: Targeted, reason: string): { readonly ok: false; readonly error: Refusal } {
  if (reason.startsWith('budget exhausted')) return exhausted()
  return policyDenied(call, reason)
}

function exhausted(): { readonly ok: false; readonly error: Refusal } {
  return { ok: false, error: refuse('budget_exhausted') }
}

function policyInput(
  services: Services,
  call: Targeted,
  seen: VisibleDestination | null,
  calls: number | null,
): PolicyInput {
  const { manifest } = call.registered
  const { claims } = call.agent
  const destination = seen?.destination ?? null
  return {
    principal: claims.sub,
    session_id: claims.session_id,
    scopes: claims.scope,
    required_scopes: manifest.required_scopes,
    action_id: manifest.action_id,
    action_version: manifest.version,
    action_risk_level: manifest.risk_level,
    action_trust_verdict: 'digest_ok',
    request_hash: call.requestHash,
    requested_sinks: manifest.declared_side_effects,
    requested_secrets: manifest.secrets.map((secret) => secret.name),
    egress_profile: egressProfile(manifest),
    budgets_before: { calls_remaining: calls ?? UNLIMITED_CALLS },
    ...(seen !== null && !seen.onAllowList ? { unresolved_domains: [seen.destination.host] } : {}),
    params: call.params,
    target:
      destination === null
        ? null
        : {
            method: call.target.method,
            scheme: destination.scheme,
            host: destination.host,
            port: destination.port,
            path: destination.path,
          },
    time: isoMillis(services.now()),
    owner: claims.owner ?? null,
    identity_method: claims.idm,
    session: { calls: calls ?? UNLIMITED_CALLS },
    approved: false,
  }
}
