import type { Result } from '@latchgate/protocol'
import type { Refusal, Refused } from '../refusal.js'
import { isPrintable } from './document-reader.js'
import { refused } from './policy-edit.js'

/** Checks a principal, or `*`, as an edit names it (spec/http-api 12.7). */
export function checkPrincipal(principal: string): Result<void, Refusal> {
  const wrong = (detail: string): Refused => refused('invalid_principal', detail)
  if (principal.length === 0 || principal.length > 253) {
    return wrong('principal must be 1-253 characters')
  }
  if (!isPrintable(principal, 253)) return wrong('principal must not contain control characters')
  // The document would take it for a comment, and the principal for one without an entry.
  if (principal.startsWith('_')) return wrong('principal must not begin with _')
  return { ok: true, value: undefined }
}

/** Checks the form of an action's id (spec/http-api 12.6). */
export function checkActionId(actionId: string): Result<void, Refusal> {
  if (actionId.length === 0 || actionId.length > 253) {
    return refused('invalid_action_id', 'action_id must be 1-253 characters')
  }
  if (/^[a-zA-Z0-9_-]+$/.test(actionId)) return { ok: true, value: undefined }
  return refused('invalid_action_id', 'action_id must contain only [a-zA-Z0-9_-]')
}

/** Actions that one grant or revoke may name. */
export const MAX_ACTIONS = 100

/** Checks the list of actions of a grant or a revoke. */
export function checkActions(actions: readonly string[]): Result<void, Refusal> {
  if (actions.length === 0) return refused('empty_actions', 'at least one action required')
  if (actions.length > MAX_ACTIONS) {
    return refused('too_many_actions', `max ${MAX_ACTIONS} actions per request`)
  }
  for (const action of actions) {
    const checked = checkActionId(action)
    if (!checked.ok) return checked
  }
  return { ok: true, value: undefined }
}

/**
 * Checks a member of the bypass list (spec/http-api 12.8). `.` and `@` beyond the published set, since
 * principals may have them.
 */
export function checkBypassName(member: string, name: string): Result<void, Refusal> {
  if (name.length === 0 || name.length > 128) {
    return refused('invalid_input', `${member} must be 1-128 characters`)
  }
  if (/^[a-zA-Z0-9][a-zA-Z0-9_:.@-]*$/.test(name)) return { ok: true, value: undefined }
  return refused('invalid_input', `${member} must contain only [a-zA-Z0-9_-:.@]`)
}
