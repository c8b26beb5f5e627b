import { isObject, textMember } from './error-mapping.js'

type Members = Readonly<Record<string, unknown>>

/** What a call gave (spec/http-api 15.4): the inner objects stay as the gate sent them. */
export interface ActionResult {
  readonly output: unknown
  readonly receiptId: string
  readonly traceId: string
  readonly grantId: string
  readonly verification: Members
  readonly runtime: Members
}

/** A receipt without its signature: the 0.2.0 client drops it. */
export interface ExecutionReceipt {
  readonly receiptId: string
  readonly grantId: string
  readonly resultHash: string
  readonly startedAt: string
  readonly finishedAt: string
  readonly providerModule: string
  readonly providerReceipt: unknown
  readonly normalizedResult: Members
  readonly verificationOutcome: Members
  readonly failureClass: string | null
}

/** State of an approval. */
export interface ApprovalStatus {
  readonly approvalId: string
  readonly status: string
  readonly actionId: string
  readonly receiptId: string | null
  readonly reason: string | null
  readonly retryAfterSeconds: number | null
  readonly raw: Members
}

/** Egress of an action. */
export interface EgressProfile {
  readonly profile: 'none' | 'proxy_allowlist'
  readonly allowedDomains: readonly string[]
}

/** Reads the 200 of execute. */
export function actionResult(body: Record<string, unknown>): ActionResult {
  return {
    output: body['output'],
    receiptId: textMember(body, 'receipt_id') ?? '',
    traceId: textMember(body, 'trace_id') ?? '',
    grantId: textMember(body, 'grant_id') ?? '',
    verification: objectMember(body, 'verification'),
    runtime: objectMember(body, 'runtime'),
  }
}

/** Reads a receipt. */
export function executionReceipt(body: Record<string, unknown>): ExecutionReceipt {
  const text = (member: string): string => textMember(body, member) ?? ''
  return {
    receiptId: text('receipt_id'),
    grantId: text('grant_id'),
    resultHash: text('result_hash'),
    startedAt: text('started_at'),
    finishedAt: text('finished_at'),
    providerModule: textMember(body, 'provider_module_digest') ?? text('provider_module'),
    providerReceipt: body['provider_receipt'],
    normalizedResult: objectMember(body, 'normalized_result'),
    verificationOutcome: objectMember(body, 'verification_outcome'),
    failureClass: textMember(body, 'failure_class') ?? null,
  }
}

/** Success of the provider and a verified, or declared unverifiable, effect. */
export function isFullySuccessful(receipt: ExecutionReceipt): boolean {
  const status = receipt.verificationOutcome['status']
  return (
    receipt.normalizedResult['kind'] === 'success' &&
    (status === 'verified' || status === 'unverifiable_declared')
  )
}

/** Reads an answer to a poll. */
export function approvalStatus(body: Record<string, unknown>, approvalId: string): ApprovalStatus {
  const seconds = body['retry_after_seconds']
  return {
    approvalId: textMember(body, 'approval_id') ?? approvalId,
    status: textMember(body, 'status') ?? 'pending',
    actionId: textMember(body, 'action_id') ?? '',
    receiptId: textMember(body, 'receipt_id') ?? null,
    reason: textMember(body, 'reason') ?? null,
    retryAfterSeconds: typeof seconds === 'number' ? seconds : null,
    raw: body,
  }
}

/** Anything else than the `proxy_allowlist` object is `none`. */
export function egressProfileFromJson(json: unknown): EgressProfile {
  const inner = isObject(json) ? json['proxy_allowlist'] : undefined
  if (!isObject(inner)) return { profile: 'none', allowedDomains: [] }
  const domains = inner['allowed_domains']
  return {
    profile: 'proxy_allowlist',
    allowedDomains: Array.isArray(domains)
      ? domains.filter((domain): domain is string => typeof domain === 'string')
      : [],
  }
}

function objectMember(body: Record<string, unknown>, member: string): Members {
  const value = body[member]
  return isObject(value) ? value : {}
}
