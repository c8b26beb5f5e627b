import type { JsonObject, Result } from '@latchgate/protocol'
import type { Refusal, Refused } from '../refusal.js'
import { MAX_WINDOW_SECONDS, type Quota } from './data-document.js'
import { MAX_QUORUM } from './interpret-decision.js'
import { valueAt, withoutValueAt, withValueAt } from './policy-document.js'
import { type Edited, type PolicyEdit, refused, unknownAction } from './policy-edit.js'
import { checkActionId, checkBypassName, checkPrincipal } from './policy-names.js'

/** Most quotas of one principal. */
export const MAX_QUOTAS = 16

/** An action, and whom a rule about it is for. */
export interface RuleOf {
  readonly actionId: string
  /** `*` is everybody. */
  readonly principal: string
}

/** Waives the approval that the risk of an action needs, for one principal (spec/http-api 12.8). */
export function allowlistEdit(
  kind: 'add' | 'remove',
  { actionId, agentId }: { readonly actionId: string; readonly agentId: string },
): PolicyEdit {
  const path = ['latchgate', 'allowlist', actionId, agentId]
  const answer = { ok: true, action_id: actionId, agent_id: agentId }
  const texts = {
    answer,
    text: `action_id=${actionId} agent_id=${agentId}`,
    detail: { principal: agentId, actions: [actionId] },
  }
  return {
    event: kind === 'add' ? 'policy_allowlist_added' : 'policy_allowlist_removed',
    apply: (document, known) => {
      const checked = checkBypassName('action_id', actionId)
      if (!checked.ok) return checked
      const agent = checkBypassName('agent_id', agentId)
      if (!agent.ok) return agent
      if (kind === 'remove') {
        const code = 'allowlist_entry_not_found'
        const missing = `there is no bypass of '${actionId}' for '${agentId}'`
        return removed(document, path, texts, () => refused(code, missing))
      }
      if (!known.has(actionId)) return unknownAction('action_not_found', actionId, known)
      return done({ ...texts, document: withValueAt(document, path, true) })
    },
  }
}

/** Requires an approval for an action whatever its risk, or no longer does. */
export function requireApprovalEdit(kind: 'add' | 'remove', rule: RuleOf): PolicyEdit {
  const { actionId, principal } = rule
  const path = ['latchgate', 'require_approval', actionId, principal]
  const texts = {
    answer: { ok: true, action_id: actionId, principal },
    text: `action_id=${actionId} principal=${principal}`,
    detail: { principal, actions: [actionId] },
  }
  return {
    event: kind === 'add' ? 'policy_require_approval_added' : 'policy_require_approval_removed',
    apply: (document, known) => {
      const checked = checkRule(rule)
      if (!checked.ok) return checked
      if (kind === 'remove') {
        const missing = `there is no rule that '${actionId}' needs an approval for '${principal}'`
        return removed(document, path, texts, () => refused('not_found', missing))
      }
      if (!known.has(actionId)) return unknownAction('action_not_found', actionId, known)
      return done({ ...texts, document: withValueAt(document, path, true) })
    },
  }
}

/** Sets how many must approve where an approval is needed. One is what holds without a rule. */
export function quorumEdit(rule: RuleOf & { readonly approvals: number }): PolicyEdit {
  const { actionId, principal, approvals } = rule
  const path = ['latchgate', 'quorum', actionId, principal]
  return {
    event: 'policy_quorum_set',
    apply: (document, known) => {
      const checked = actionId === '*' ? checkPrincipal(principal) : checkRule(rule)
      if (!checked.ok) return checked
      if (!Number.isInteger(approvals) || approvals < 1 || approvals > MAX_QUORUM) {
        const detail = `approvals must be a whole number from 1 to ${MAX_QUORUM}`
        return refused('invalid_input', detail)
      }
      // What no longer exists can still be put back to one.
      if (approvals > 1 && actionId !== '*' && !known.has(actionId)) {
        return unknownAction('action_not_found', actionId, known)
      }
      return done({
        document:
          approvals === 1
            ? withoutValueAt(document, path, 2)
            : withValueAt(document, path, approvals),
        answer: { ok: true, action_id: actionId, principal, approvals },
        text: `action_id=${actionId} principal=${principal} approvals=${approvals}`,
        detail: { principal, actions: [actionId], approvals },
      })
    },
  }
}

/** Sets the quotas of a principal or of `*`: the whole list; an empty one takes them away. */
export function quotaEdit(principal: string, quotas: readonly Quota[]): PolicyEdit {
  const path = ['latchgate', 'quotas', principal]
  return {
    event: 'policy_quota_set',
    apply: (document) => {
      const checked = checkPrincipal(principal)
      if (!checked.ok) return checked
      const problem = quotaProblem(quotas)
      if (problem !== null) return refused('invalid_input', problem)
      const list = quotas.map((quota): JsonObject => ({ ...quota }))
      return done({
        document:
          list.length === 0 ? withoutValueAt(document, path, 2) : withValueAt(document, path, list),
        answer: { ok: true, principal, quotas: list },
        text: `principal=${principal} quotas=${JSON.stringify(list)}`,
        detail: { principal, actions: [], quotas: list },
      })
    },
  }
}

function quotaProblem(quotas: readonly Quota[]): string | null {
  if (quotas.length > MAX_QUOTAS) return `max ${MAX_QUOTAS} quotas per principal`
  for (const { calls, cost_usd_cents, window_seconds } of quotas) {
    if (calls === undefined && cost_usd_cents === undefined) {
      return 'a quota needs calls, cost_usd_cents or both'
    }
    if (!isWhole(window_seconds, 1, MAX_WINDOW_SECONDS)) {
      return `window_seconds must be a whole number from 1 to ${MAX_WINDOW_SECONDS}`
    }
    for (const limit of [calls, cost_usd_cents]) {
      if (limit !== undefined && !isWhole(limit, 0, Number.MAX_SAFE_INTEGER)) {
        return 'calls and cost_usd_cents must be whole numbers, 0 or more'
      }
    }
  }
  return null
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}

function checkRule({ actionId, principal }: RuleOf): Result<void, Refusal> {
  const checked = checkActionId(actionId)
  return checked.ok ? checkPrincipal(principal) : checked
}

function removed(
  document: JsonObject,
  path: readonly string[],
  texts: Omit<Edited, 'document'>,
  missing: () => Refused,
): Result<Edited, Refusal> {
  if (valueAt(document, path) === undefined) return missing()
  return done({ ...texts, document: withoutValueAt(document, path, 2) })
}

function done(edited: Edited): Result<Edited, Refusal> {
  return { ok: true, value: edited }
}
