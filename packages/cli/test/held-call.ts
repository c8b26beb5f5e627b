import { type ApprovalDetail, canonicalBytes, type JsonObject } from '@latchgate/protocol'
import { digestBytes, sha256Hex } from '@latchgate/protocol/node'

/** What a test wants different about a held call. */
export interface HeldCall {
  /** Decides the id, and with it the order. */
  readonly number?: number
  readonly action?: string
  readonly principal?: string
  readonly url?: string
  readonly arguments?: JsonObject
  readonly body?: string | null
  readonly log?: string
  readonly expiresInMs?: number
  readonly timeoutSeconds?: number
  readonly more?: Partial<ApprovalDetail>
}

/** The detail of a held call, as a gate would give it. */
export function heldCall(given: HeldCall = {}): ApprovalDetail {
  const number = given.number ?? 1
  const tail = number.toString(16).padStart(12, '0')
  const url = given.url ?? 'https://new.example.com/v1/things'
  const args = given.arguments ?? { url, body: { title: 'a thing' } }
  const body = given.body === undefined ? JSON.stringify(args['body'] ?? '') : given.body
  const bytes = Buffer.byteLength(body ?? '')
  const expires = new Date(Date.now() + (given.expiresInMs ?? 290_000)).toISOString()
  const base = {
    approval_id: `0196a1b2-c3d4-7000-8000-${tail}`,
    status: 'pending',
    action_id: given.action ?? 'http_post',
    action_version: '2.0.0',
    principal: given.principal ?? 'agent-test',
    session_id: '0196a1b2-0000-7000-8000-000000000aaa',
    risk_level: 'high',
    request_hash: `sha256:${'1'.repeat(64)}`,
    created_at: new Date().toISOString(),
    expires_at: expires,
    trace_id: '0196a1b2-0000-7000-8000-000000000bbb',
    plan_hash: '',
    reasons: [
      { code: 'risk', detail: 'high' },
      { code: 'unresolved_domain', detail: new URL(url).hostname },
    ],
    approvals: 0,
    required: 1,
    target: `POST ${url}`,
    approved_targets: ['http_write'],
    approved_secrets: ['API_BEARER_TOKEN'],
    approved_egress: { proxy_allowlist: { allowed_domains: [new URL(url).hostname] } },
    verifier_kind: 'http_status',
    provider_module_digest: 'builtin:http_api',
    unresolved_domains: [new URL(url).hostname],
    budget_snapshot: { calls_remaining: 9, policy_approved_calls_after: 8 },
    quorum: { min: 1, distinct_from_requester: false },
    approved_by: [],
    log: given.log ?? 'latchgate-test',
    plan: {
      approval_id: `0196a1b2-c3d4-7000-8000-${tail}`,
      arguments: args,
      target: {
        method: 'POST',
        url,
        headers: [['content-type', 'application/json']],
        body_sha256: body === null ? null : digestBytes(Buffer.from(body)),
        body_bytes: bytes,
        body,
      },
      limits: { timeout_seconds: given.timeoutSeconds ?? 30 },
      policy: { version: 'test-1', digest: null },
    },
    hidden: [],
  } satisfies ApprovalDetail
  const told: ApprovalDetail = { ...base, ...given.more }
  const held = given.more?.plan === undefined ? { ...told, plan: planOf(told) } : told
  return { ...held, plan_hash: given.more?.plan_hash ?? hashOf(held.plan) }
}

// Beside the request a plan has what the detail tells of it in words of its own.
function planOf(detail: ApprovalDetail): ApprovalDetail['plan'] {
  const { approved_egress: egress, owner } = detail
  return {
    ...detail.plan,
    v: 1,
    principal: detail.principal,
    ...(owner === undefined ? {} : { owner }),
    session_id: detail.session_id,
    action: { id: detail.action_id, version: detail.action_version, digest: 'sha256:00' },
    provider_digest: detail.provider_module_digest,
    request_hash: detail.request_hash,
    secrets: detail.approved_secrets,
    egress: egress === 'none' ? [] : egress.proxy_allowlist.allowed_domains,
    sinks: detail.approved_targets,
    verifier: { kind: detail.verifier_kind },
    reasons: detail.reasons.map(({ code, detail: text }) => ({ code, detail: text })),
    quorum: { ...detail.quorum, min: detail.required },
    expires_at: detail.expires_at,
  }
}

function hashOf(plan: ApprovalDetail['plan']): string {
  const { body: _body, ...target } = plan.target
  return sha256Hex(canonicalBytes({ ...plan, target }))
}
