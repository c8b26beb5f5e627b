import { hostMatches } from '@latchgate/catalogue'
import type { Result } from '@latchgate/protocol'
import {
  type Decision,
  PolicyFault,
  type PolicyGrant,
  type PolicyInput,
  UNLIMITED_CALLS,
} from '../policy/engine.js'
import { Fault, type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import type { Authorized, Budgeted, Held, Targeted } from './call.js'
import { policyRevision } from './decision-body.js'
import { type VisibleDestination, visibleDestination } from './egress-visibility.js'
import { obtainSecrets } from './obtain-secrets.js'
import { policyDenied } from './policy-denied.js'
import { standingInput } from './standing-input.js'

/**
 * Policy over everything known, then what policy cannot waive: destinations that are visibly not
 * allowed, an exhausted budget, secrets that are missing or not bound to this host.
 */
export async function authorize(
  services: Services,
  call: Budgeted,
): Promise<Result<Authorized | Held, Refusal>> {
  const revision = policyRevision(services)
  const judged = await judge(services, call, false)
  if (!judged.ok) return judged
  const { decision, seen } = judged.value
  const secrets = await obtainSecrets(services, call, decision.secrets)
  if (!secrets.ok) return secrets
  if (decision.kind === 'hold') {
    const secretNames = [...secrets.value.keys()]
    const allow = reachableOnceApproved(services, call, judged.value)
    const shown = seen.onAllowList ? decision : namingHost(decision, seen.destination.host)
    return { ok: true, value: { ...call, decision: shown, secretNames, allow } }
  }
  return {
    ok: true,
    value: {
      ...call,
      decision,
      secrets: secrets.value,
      allow: reachable(services, call, decision, seen.destination.host),
      policyRevision: revision,
      approval: null,
    },
  }
}

type HoldDecision = Extract<Decision, { kind: 'hold' }>

/** A decision that lets the call go on, and what of its destination can be seen. */
export interface Judgement {
  readonly decision: Exclude<Decision, { kind: 'deny' }>
  readonly seen: VisibleDestination
}

/**
 * What policy says of a call, and what it cannot waive. `approved`: operators have approved it, so
 * that a policy which asks for an approval again is satisfied.
 */
export async function judge(
  services: Services,
  call: Budgeted,
  approved: boolean,
): Promise<Result<Judgement, Refusal>> {
  const { callsBefore } = call
  const visible = visibleDestination(services, call)
  const seen = visible.ok ? visible.value : null
  const decision = await decide(services, policyInput(services, call, { seen, approved }))
  if (decision.kind === 'deny') return denied(call, decision)
  if (!visible.ok) return policyDenied(call, `egress_denied: ${visible.error}`)
  if (callsBefore !== null && callsBefore <= 0) return exhausted()
  return { ok: true, value: { decision, seen: visible.value } }
}

/**
 * Hosts that an approved call may reach: those it could have reached anyway, and the one that was asked
 * for, exactly. Approving one call opens nothing else.
 */
export function reachableOnceApproved(
  services: Services,
  call: Budgeted,
  { decision, seen }: Judgement,
): readonly string[] {
  const asked = seen.onAllowList ? [] : [`=${seen.destination.host}`]
  return [...reachable(services, call, decision, seen.destination.host), ...asked]
}

// Hosts of the manifest, as policy left them, and of what was learned for this principal the one entry
// that covers `host`: one request leaves, and a plan and its record have no room for a thousand entries.
function reachable(
  services: Services,
  call: Budgeted,
  { egress }: PolicyGrant,
  host: string,
): readonly string[] {
  if (egress === 'none') return []
  const learned = services.learned.values('domain', call.actionId, call.agent.claims.sub)
  const covering = learned.find((entry) => hostMatches(host, [entry]))
  const listed = egress.proxy_allowlist.allowed_domains
  return covering === undefined ? listed : [...listed, covering]
}

// Whatever the policy names: that a host is on no list is for the operator to see, and `recheck` tells
// by it whether the host was on a list when the call was held.
function namingHost(decision: HoldDecision, host: string): HoldDecision {
  const code = 'unresolved_domain'
  if (decision.reasons.some((reason) => reason.code === code)) return decision
  const detail = `'${host}' is not on the allow list`
  return { ...decision, reasons: [{ code, detail }, ...decision.reasons] }
}

async function decide(services: Services, input: PolicyInput): Promise<Decision> {
  try {
    return await services.policy.decide(input)
  } catch (error) {
    if (error instanceof PolicyFault) throw new Fault(error.code, error.message, { cause: error })
    throw error
  }
}

function denied(call: Targeted, { reason, code }: Extract<Decision, { kind: 'deny' }>): Refused {
  if (code === 'budget_exhausted') return exhausted()
  return policyDenied(call, reason, { isNotGranted: code === 'action_not_granted' })
}

function exhausted(): Refused {
  return { ok: false, error: refuse('budget_exhausted') }
}

function policyInput(
  services: Services,
  call: Budgeted,
  about: { readonly seen: VisibleDestination | null; readonly approved: boolean },
): PolicyInput {
  const { seen, approved } = about
  const calls = call.callsBefore
  const destination = seen?.destination ?? null
  return {
    ...standingInput(services, call.agent.claims, call.registered),
    request_hash: call.requestHash,
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
    session: { calls: calls ?? UNLIMITED_CALLS },
    approved,
  }
}
