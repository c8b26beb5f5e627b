import { resolveTarget } from '@latchgate/catalogue'
import type {
  ApprovalDetail,
  ApprovalPollBody,
  ApprovalSummary,
  JsonObject,
  PlannedTarget,
  RiskLevel,
} from '@latchgate/protocol'
import type { StoredApproval } from '../ledger/port.js'
import { readLedger } from '../ledger-fault.js'
import type { Services } from '../services.js'
import type { StoredPlan } from './plan.js'
import { HIDDEN, mayShowSensitive, sensitiveMembers, withoutSensitive } from './sensitive.js'
import { failureOf, stateAt } from './state.js'

/** Seconds after which a client is asked to poll again. */
const RETRY_SECONDS = { pending: 2, claimed: 1 } as const

/** What the principal that asked may know (spec/http-api 11.1, design 9). */
export async function pollBody(
  services: Services,
  approval: StoredApproval,
): Promise<ApprovalPollBody> {
  const state = stateAt(approval, services.now())
  const { approvalId, hold, end } = approval
  const common = {
    approval_id: approvalId,
    action_id: String(hold.body['action_id']),
    expires_at: String(hold.body['expires_at']),
  }
  switch (state) {
    case 'pending':
    case 'claimed':
      return { ...common, status: 'pending', retry_after_seconds: RETRY_SECONDS[state] }
    case 'approved': {
      const output = await outputOf(services, approval)
      const receiptId = String(end?.body['receipt_id'])
      const kept = output === undefined ? {} : { output }
      return { ...common, status: 'approved', receipt_id: receiptId, ...kept }
    }
    case 'denied':
      return { ...common, status: 'denied', reason: String(end?.body['reason']) }
    case 'revoked':
      return { ...common, status: 'denied', reason: revokedReason(approval) }
    case 'expired':
      return { ...common, status: 'expired', reason: 'nobody decided in time: repeat the call' }
    case 'failed': {
      const reason = failureOf(approval)?.reason ?? 'execution_failed'
      const receiptId =
        end?.type === 'receipt' ? { receipt_id: String(end.body['receipt_id']) } : {}
      return { ...common, status: 'failed', reason, ...receiptId }
    }
  }
}

/** The output of an approved call; undefined once it is erased. */
export async function outputOf(
  services: Services,
  { hold }: StoredApproval,
): Promise<JsonObject | undefined> {
  const traceId = String(hold.body['trace_id'])
  const bytes = await readLedger(services.ledger.payload(traceId, 'output'))
  if (bytes === undefined) return undefined
  // This gate's own canonical form, which has one reading. The strict parser takes 150 ms for a
  // megabyte, and whoever polls pays nothing: he could keep everybody else waiting.
  return JSON.parse(Buffer.from(bytes).toString()) as JsonObject
}

/** What a revoked approval ended of. */
export function revokedReason({ end }: StoredApproval): string {
  const reason = end?.body['reason']
  return `revoked by an operator${typeof reason === 'string' ? `: ${reason}` : ''}`
}

/** One line of the list (spec/http-api 11.3). */
export function summaryOf(services: Services, approval: StoredApproval): ApprovalSummary {
  const { hold, votes, required } = approval
  const { body } = hold
  const state = stateAt(approval, services.now())
  const target = (body['target'] ?? {}) as JsonObject
  const text = (member: string): string => String(body[member] ?? '')
  const claimedBy = ['pending', 'expired', 'revoked', 'denied'].includes(state)
    ? undefined
    : votes.at(-1)?.operator
  return {
    approval_id: approval.approvalId,
    status: state,
    action_id: text('action_id'),
    action_version: text('action_version'),
    principal: approval.principal,
    session_id: text('session_id'),
    ...(typeof body['owner'] === 'string' ? { owner: body['owner'] } : {}),
    risk_level: text('risk_level') as RiskLevel,
    request_hash: text('request_hash'),
    created_at: text('created_at'),
    expires_at: text('expires_at'),
    ...(claimedBy === undefined ? {} : { claimed_by: claimedBy }),
    trace_id: text('trace_id'),
    plan_hash: approval.planHash,
    reasons: (body['reasons'] ?? []) as ApprovalSummary['reasons'],
    approvals: votes.length,
    required,
    target: `${String(target['method'])} ${urlOf(services, body)}`,
  }
}

// The list has no plan to hide single members of: a URL that a sensitive one may be part of is left
// out, and so is that of a manifest which nobody can look into any more.
function urlOf(services: Services, hold: JsonObject): string {
  const registered = services.actions().actions.get(String(hold['action_id']))
  if (registered === undefined || registered.actionDigest !== hold['action_digest']) return HIDDEN
  if (mayShowSensitive(registered.manifest)) return HIDDEN
  return String((hold['target'] as JsonObject | undefined)?.['url'])
}

/** The whole plan, but for what its schema marks as sensitive (spec/http-api 11.4, design 9). */
export function detailOf(
  services: Services,
  approval: StoredApproval,
  stored: StoredPlan | null,
): ApprovalDetail | (ApprovalSummary & LifeCycle) {
  const common = { ...summaryOf(services, approval), ...lifeCycle(approval) }
  if (stored === null) return common
  const { plan } = stored
  const registered = services.actions().actions.get(plan.action.id)
  const isSame = registered?.actionDigest === plan.action.digest
  const manifest = isSame ? registered.manifest : undefined
  // Which members are sensitive only the schema of that very manifest can say.
  const hidden =
    manifest === undefined ? [''] : sensitiveMembers(manifest.io.request_schema, plan.arguments)
  const shown = withoutSensitive(plan.arguments, hidden) as JsonObject
  const before = (approval.hold.body['budgets_before'] ?? null) as {
    readonly calls_remaining: number
  } | null
  const calls = before?.calls_remaining ?? null
  const isUnlisted = plan.reasons.some(({ code }) => code === 'unresolved_domain')
  const unlisted = isUnlisted ? { unresolved_domains: [new URL(plan.target.url).hostname] } : {}
  const target: PlannedTarget = { ...plan.target, body: null }
  const resolved = manifest === undefined ? null : resolveTarget(manifest, shown)
  const preview =
    resolved?.ok === true
      ? { url: resolved.value.url, body: bodyText(resolved.value.body) }
      : { url: hidden.length === 0 ? plan.target.url : HIDDEN, body: null }
  return {
    ...common,
    target: `${plan.target.method} ${preview.url}`,
    ...(plan.policy.version === null ? {} : { policy_version: plan.policy.version }),
    approved_targets: plan['sinks'] as readonly string[],
    approved_secrets: plan.secrets,
    approved_egress: { proxy_allowlist: { allowed_domains: plan.egress } },
    verifier_kind: String((plan['verifier'] as JsonObject)['kind']),
    provider_module_digest: plan.provider_digest,
    ...unlisted,
    budget_snapshot: {
      calls_remaining: calls,
      policy_approved_calls_after: calls === null ? null : calls - 1,
    },
    quorum: plan.quorum,
    approved_by: approval.votes.map(({ operator }) => operator),
    log: services.ledger.origin,
    plan: { ...plan, arguments: shown, target: { ...target, ...preview } },
    hidden,
  }
}

type LifeCycle = Pick<
  ApprovalDetail,
  'claimed_at' | 'completed_at' | 'receipt_id' | 'deny_reason' | 'error_code'
>

function lifeCycle(approval: StoredApproval): LifeCycle {
  const { end, state } = approval
  if (end === null) return {}
  if (state === 'claimed') return { claimed_at: end.time }
  const failure = failureOf(approval)
  return {
    completed_at: end.time,
    ...(end.type === 'receipt' ? { receipt_id: String(end.body['receipt_id']) } : {}),
    ...(state === 'denied' ? { deny_reason: String(end.body['reason']) } : {}),
    ...(state === 'revoked' ? { deny_reason: revokedReason(approval) } : {}),
    ...(failure === null ? {} : { error_code: failure.code }),
  }
}

// Text if it is text: bytes that are none would be shown as something that they are not.
function bodyText(body: Uint8Array | null): string | null {
  if (body === null) return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}
