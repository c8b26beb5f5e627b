import type { JsonObject } from '@latchgate/protocol'
import {
  type ApprovalReason,
  type ApprovalReasonCode,
  type Decision,
  type DenyCode,
  type EgressProfile,
  PolicyFault,
  type PolicyInput,
} from './engine.js'

const REASON_CODES: readonly string[] = [
  'risk',
  'unresolved_domain',
  'unresolved_path',
  'sensitive_path',
  'rule',
] satisfies readonly ApprovalReasonCode[]

const DENY_CODES: readonly DenyCode[] = ['action_not_granted', 'budget_exhausted']
const DEFAULT_DENY_REASON = 'denied by policy (no reason provided)'
const UNDEFINED_DECISION = 'embedded policy returned undefined (no matching rule)'

/** Most approvals that a policy may ask for. */
export const MAX_QUORUM = 5

/**
 * Reads a decision document (spec/pipeline 5.3, in its order) against the request it was made for.
 * What it grants beyond the request is a denial: whoever wrote the policy gave more than anybody
 * asked for, and nobody reviewed that. Throws `PolicyFault` (`policy_engine_invalid_response`) when
 * the document is not one.
 */
export function interpretDecision(document: unknown, input: PolicyInput): Decision {
  if (document === undefined) return deny(UNDEFINED_DECISION, null)
  if (!isObject(document)) throw invalid('the decision', 'an object')
  const version = optionalText(document, 'policy_version')
  if (!boolean(document, 'allow')) {
    const reason = document.deny_reason
    const text = typeof reason === 'string' ? reason : DEFAULT_DENY_REASON
    return deny(text, version, DENY_CODES.find((code) => code === document.deny_code) ?? null)
  }
  const approval = readApproval(document)
  if (approval !== null) {
    for (const field of ['allowed_sinks', 'approved_secrets', 'approved_egress']) {
      if (document[field] === undefined) {
        return violation(`requires_approval without ${field}`, version)
      }
    }
  }
  const granted = {
    version,
    // Once each: they stand in records, whose size was reckoned from what was requested.
    sinks: once(optionalList(document, 'allowed_sinks') ?? []),
    secrets: once(optionalList(document, 'approved_secrets') ?? input.requested_secrets),
    egress: optionalEgress(document) ?? input.egress_profile,
  }
  const excess = excessOf(granted, input)
  if (excess !== null) return violation(excess, version)
  if (approval === null) return { kind: 'allow', ...granted }
  return { kind: 'hold', ...granted, ...approval }
}

function excessOf(
  granted: {
    readonly sinks: readonly string[]
    readonly secrets: readonly string[]
    readonly egress: EgressProfile
  },
  input: PolicyInput,
): string | null {
  const sink = granted.sinks.find((one) => !input.requested_sinks.includes(one))
  if (sink !== undefined) return `allowed_sinks has '${sink}', which was not requested`
  const secret = granted.secrets.find((one) => !input.requested_secrets.includes(one))
  if (secret !== undefined) return `approved_secrets has '${secret}', which was not requested`
  if (granted.egress === 'none') return null
  if (input.egress_profile === 'none') {
    return 'approved_egress is an allow list, and no egress was requested'
  }
  // Entry by entry: a name below a requested entry may still cover more, as `a.example` covers
  // everything below it and `=a.example` does not.
  const requested = input.egress_profile.proxy_allowlist.allowed_domains
  const domain = granted.egress.proxy_allowlist.allowed_domains.find(
    (one) => !requested.includes(one),
  )
  return domain === undefined ? null : `approved_egress has '${domain}', which was not requested`
}

interface Approval {
  readonly reasons: readonly ApprovalReason[]
  readonly quorum: { readonly min: number; readonly distinctFromRequester: boolean }
}

// Held when either member says so: a policy written for 0.2.0 knows `requires_approval` only.
function readApproval(document: JsonObject): Approval | null {
  const approval = document.approval ?? {}
  if (!isObject(approval)) throw invalid('approval', 'an object')
  const held = optionalBoolean(document, 'requires_approval') ?? false
  if (!held && optionalBoolean(approval, 'required') !== true) return null
  const quorum = approval.quorum ?? {}
  if (!isObject(quorum)) throw invalid('approval.quorum', 'an object')
  const min = quorum.min ?? 1
  if (typeof min !== 'number' || !Number.isInteger(min) || min < 1 || min > MAX_QUORUM) {
    throw invalid('approval.quorum.min', `an integer from 1 to ${MAX_QUORUM}`)
  }
  const distinctFromRequester = optionalBoolean(quorum, 'distinct_from_requester') ?? true
  return { reasons: readReasons(approval), quorum: { min, distinctFromRequester } }
}

function readReasons(approval: JsonObject): readonly ApprovalReason[] {
  const reasons = approval.reasons ?? []
  if (!Array.isArray(reasons)) throw invalid('approval.reasons', 'a list')
  if (reasons.length === 0) {
    return [{ code: 'rule', detail: 'the policy requires approval and names no reason' }]
  }
  return reasons.map((reason: unknown) => {
    const { code, detail } = isObject(reason) ? reason : {}
    if (!isReasonCode(code) || typeof detail !== 'string') {
      throw invalid('approval.reasons', `a list of {code: ${REASON_CODES.join(' | ')}, detail}`)
    }
    return { code, detail }
  })
}

function isReasonCode(code: unknown): code is ApprovalReasonCode {
  return typeof code === 'string' && REASON_CODES.includes(code)
}

function optionalEgress(document: JsonObject): EgressProfile | undefined {
  const profile = document.approved_egress
  if (profile === undefined || profile === 'none') return profile
  const allowlist = isObject(profile) ? profile.proxy_allowlist : undefined
  if (!isObject(allowlist)) {
    throw invalid('approved_egress', '"none" or {"proxy_allowlist": {"allowed_domains": […]}}')
  }
  const domains = once(optionalList(allowlist, 'allowed_domains') ?? [])
  return { proxy_allowlist: { allowed_domains: domains } }
}

function once(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)]
}

function optionalList(object: JsonObject, member: string): readonly string[] | undefined {
  const value = object[member]
  if (value === undefined) return undefined
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) {
    throw invalid(member, 'a list of strings')
  }
  return value
}

function boolean(object: JsonObject, member: string): boolean {
  const value = optionalBoolean(object, member)
  if (value === undefined) throw invalid(member, 'there')
  return value
}

function optionalBoolean(object: JsonObject, member: string): boolean | undefined {
  const value = object[member]
  if (value !== undefined && typeof value !== 'boolean') throw invalid(member, 'a boolean')
  return value
}

function optionalText(object: JsonObject, member: string): string | null {
  const value = object[member] ?? null
  if (value !== null && typeof value !== 'string') throw invalid(member, 'a string')
  return value
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function deny(reason: string, version: string | null, code: DenyCode | null = null): Decision {
  return { kind: 'deny', reason, code, version }
}

function violation(what: string, version: string | null): Decision {
  return deny(`policy contract violation: ${what}`, version)
}

function invalid(member: string, expected: string): PolicyFault {
  return new PolicyFault('policy_engine_invalid_response', `${member} is not ${expected}`)
}
