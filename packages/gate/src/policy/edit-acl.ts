import type { Json, JsonObject, Result } from '@latchgate/protocol'
import type { Refusal, Refused } from '../refusal.js'
import { isList, isObject } from './document-reader.js'
import { valueAt, withoutValueAt, withValueAt } from './policy-document.js'
import {
  type Edited,
  type KnownActions,
  type PolicyEdit,
  refused,
  unknownAction,
} from './policy-edit.js'
import { checkActions, checkPrincipal } from './policy-names.js'

/** Who is given or loses what. */
export interface AclChange {
  readonly principal: string
  readonly actions: readonly string[]
}

/** Gives a principal actions, and the sinks that they declare; what it has it keeps. */
export function grantEdit({ principal, actions }: AclChange): PolicyEdit {
  return {
    event: 'policy_grant',
    apply: (document, known) => {
      const checked = checkChange({ principal, actions })
      if (!checked.ok) return checked
      const missing = actions.find((action) => !known.has(action))
      if (missing !== undefined) return unknownAction('unknown_action', missing, known)
      const entry = entryOf(document, principal) ?? {}
      // An entry of its own shadows the wildcard, which was the principal's until now.
      const shadowed = Object.keys(entry).length === 0 ? wildcardActions(document) : []
      const lost = principal === '*' ? [] : shadowed.filter((action) => !actions.includes(action))
      const allowed_actions = sorted([...listOf(entry.allowed_actions), ...actions])
      const allowed_sinks = sorted([...listOf(entry.allowed_sinks), ...declaredBy(actions, known)])
      const changed = { ...entry, allowed_actions, allowed_sinks }
      return done({
        document: withValueAt(document, ['acl', principal], changed),
        answer: {
          principal,
          granted: actions,
          total_actions: allowed_actions.length,
          allowed_sinks,
          ...(lost.length === 0 ? {} : { no_longer_allowed: sorted(lost) }),
        },
        text: `principal=${principal} actions=${actions.join(',')} total=${allowed_actions.length}`,
        detail: { principal, actions: sorted(actions) },
      })
    },
  }
}

/**
 * Takes actions from a principal. A sink goes with them when one of them declared it and no action
 * that is left needs it. The entry stays, however empty: without one the wildcard's rights would be
 * the principal's. `removePrincipal` takes the entry as well, unless that would give it something.
 */
export function revokeEdit(change: AclChange & { readonly removePrincipal?: boolean }): PolicyEdit {
  const { principal, actions, removePrincipal = false } = change
  return {
    event: 'policy_revoke',
    apply: (document, known) => {
      const checked =
        removePrincipal && actions.length === 0 ? checkPrincipal(principal) : checkChange(change)
      if (!checked.ok) return checked
      const entry = entryOf(document, principal)
      const left = entry === undefined ? undefined : without(entry, actions, known)
      const reduced =
        left === undefined ? document : withValueAt(document, ['acl', principal], left)
      const removed = removePrincipal && left !== undefined
      if (removed && principal !== '*') {
        const gained = gainedByRemoval(left, entryOf(document, '*'))
        if (gained.length > 0) return wouldGain(principal, gained)
      }
      const result = removed ? withoutValueAt(reduced, ['acl', principal]) : reduced
      const remaining = removed ? 0 : listOf(left?.allowed_actions).length
      const kept = sorted(actions.filter((action) => isStillAllowed(result, principal, action)))
      return done({
        document: result,
        answer: {
          principal,
          revoked: actions,
          remaining_actions: remaining,
          allowed_sinks: removed ? [] : listOf(left?.allowed_sinks),
          principal_removed: removed,
          ...(kept.length === 0 ? {} : { still_allowed: kept }),
        },
        text: `principal=${principal} actions=${actions.join(',')} remaining=${remaining}`,
        detail: {
          principal,
          // What was taken, not what was asked for: a name that it did not have may be of any length.
          actions: sorted(
            listOf(entry?.allowed_actions).filter((action) => removed || actions.includes(action)),
          ),
          principal_removed: removed,
        },
      })
    },
  }
}

function without(entry: JsonObject, actions: readonly string[], known: KnownActions): JsonObject {
  const had = listOf(entry.allowed_actions)
  const taken = had.filter((action) => actions.includes(action))
  if (taken.length === 0) return entry
  const left = had.filter((action) => !actions.includes(action))
  const needed = declaredBy(left, known)
  const dropped = declaredBy(taken, known).filter((sink) => !needed.includes(sink))
  return {
    ...entry,
    allowed_actions: sorted(left),
    allowed_sinks: listOf(entry.allowed_sinks).filter((sink) => !dropped.includes(sink)),
  }
}

// An entry shadows the wildcard; once it is gone the wildcard's lists are the principal's.
function gainedByRemoval(left: JsonObject, everybody: JsonObject | undefined): readonly string[] {
  if (everybody === undefined || left.inherits_wildcard === true) return []
  return ['allowed_actions', 'allowed_sinks'].flatMap((list) =>
    listOf(everybody[list]).filter((name) => !listOf(left[list]).includes(name)),
  )
}

function wouldGain(principal: string, gained: readonly string[]): Refused {
  const shown = gained.slice(0, 5).join(', ')
  const more = gained.length > 5 ? ` and ${gained.length - 5} more` : ''
  return refused(
    'invalid_input',
    `without an entry '${principal}' would have what '*' gives everybody (${shown}${more}): ` +
      'leave the entry, which may be empty, or revoke those from `*` first',
  )
}

function isStillAllowed(document: JsonObject, principal: string, action: string): boolean {
  const entry = entryOf(document, principal)
  if (listOf(entry?.allowed_actions).includes(action)) return true
  const inherits = entry === undefined || entry.inherits_wildcard === true
  return inherits && wildcardActions(document).includes(action)
}

function wildcardActions(document: JsonObject): readonly string[] {
  return listOf(entryOf(document, '*')?.allowed_actions)
}

function checkChange({ principal, actions }: AclChange): Result<void, Refusal> {
  const checked = checkPrincipal(principal)
  return checked.ok ? checkActions(actions) : checked
}

function entryOf(document: JsonObject, principal: string): JsonObject | undefined {
  const entry = valueAt(document, ['acl', principal])
  return isObject(entry) ? entry : undefined
}

function declaredBy(actions: readonly string[], known: KnownActions): readonly string[] {
  return actions.flatMap((action) => known.get(action)?.manifest.declared_side_effects ?? [])
}

function listOf(value: Json | undefined): readonly string[] {
  return isList(value) ? value.filter((one) => typeof one === 'string') : []
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}

function done(edited: Edited): Result<Edited, Refusal> {
  return { ok: true, value: edited }
}
