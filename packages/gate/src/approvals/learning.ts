import { DOMAIN_FAULTS, hostMatches, validateLearnedDomain } from '@latchgate/catalogue'
import type { Learning, Result } from '@latchgate/protocol'
import { uuidv7 } from '@latchgate/protocol/node'
import type { OperatorContext } from '../auth/operator.js'
import type { LearnEntry, LearnedRule, StoredApproval } from '../ledger/port.js'
import { actBody } from '../operator-act.js'
import { type Refusal, type Refused, refuse } from '../refusal.js'
import type { Services } from '../services.js'
import { pathGlobProblem } from './path-glob.js'

/**
 * What is to be remembered when the approved call has succeeded (design 9): for the principal that
 * asked, unless the operator says everybody. Only what covers this very call can be learned by
 * approving it. Refuses with `bad_request`, before anything is decided.
 */
export function learnEntries(
  services: Services,
  approval: StoredApproval,
  operator: OperatorContext,
  learn: Learning | undefined,
): Result<readonly LearnEntry[], Refusal> {
  if (learn === undefined) return { ok: true, value: [] }
  const principal = learn.everybody === true ? '*' : approval.principal
  const actionId = String(approval.hold.body['action_id'])
  const entries: LearnEntry[] = []
  if (learn.domain !== undefined) {
    const domain = learnedDomain(approval, learn.domain)
    if (!domain.ok) return badLearning(`invalid learn_domain '${learn.domain}': ${domain.error}`)
    const rule = { kind: 'domain', actionId, value: domain.value, principal } as const
    entries.push(learnEntry(services, approval, operator, rule))
  }
  if (learn.path !== undefined) {
    const problem = pathGlobProblem(learn.path) ?? unaskedPath(approval)
    if (problem !== null) return badLearning(`invalid learn_path '${learn.path}': ${problem}`)
    const rule = { kind: 'path', actionId, value: learn.path, principal } as const
    entries.push(learnEntry(services, approval, operator, rule))
  }
  return { ok: true, value: entries }
}

function learnedDomain(approval: StoredApproval, text: string): Result<string, string> {
  const valid = validateLearnedDomain(text)
  if (!valid.ok) return { ok: false, error: DOMAIN_FAULTS[valid.error] }
  const target = approval.hold.body['target'] as { readonly url?: string } | undefined
  const url = String(target?.url)
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  if (hostMatches(host, [valid.value])) return valid
  return { ok: false, error: `it does not cover '${host}', which this call goes to` }
}

function unaskedPath({ hold }: StoredApproval): string | null {
  const reasons = hold.body['reasons'] as readonly { readonly code: string }[] | undefined
  const isAsked = reasons?.some(({ code }) => code === 'unresolved_path') === true
  return isAsked ? null : 'this call was not held for a path'
}

function learnEntry(
  services: Services,
  approval: StoredApproval,
  operator: OperatorContext,
  rule: LearnedRule,
): LearnEntry {
  const traceId = String(approval.hold.body['trace_id'])
  const name = rule.kind === 'domain' ? 'domain' : 'path_glob'
  const act = {
    type: 'policy',
    event: `${rule.kind}_add`,
    text: `action=${rule.actionId} ${name}=${rule.value} inserted=true`,
    detail: { action_id: rule.actionId, [name]: rule.value, principal: rule.principal },
  } as const
  const body = {
    ...actBody(services, operator, act, traceId),
    source: 'approval',
    approval_id: approval.approvalId,
  }
  const leaf = { type: 'policy', id: uuidv7(services.now()), body } as const
  return { leaf, change: 'add', rule }
}

/** 400 `bad_request` for a wish to learn, with the member that published clients read (11.5). */
export function badLearning(reason: string): Refused {
  return {
    ok: false,
    error: refuse('bad_request', { message: reason, body: { deny_reason: reason } }),
  }
}
