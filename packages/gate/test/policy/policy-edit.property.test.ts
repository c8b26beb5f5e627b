import type { JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { validatePolicyData } from '../../src/policy/data-document.js'
import { grantEdit, revokeEdit } from '../../src/policy/edit-acl.js'
import {
  allowlistEdit,
  quorumEdit,
  quotaEdit,
  requireApprovalEdit,
} from '../../src/policy/edit-rules.js'
import { policyDataDigest } from '../../src/policy/policy-document.js'
import { applyEdit, type PolicyEdit } from '../../src/policy/policy-edit.js'
import { actionsOf } from './known-actions.js'

const SINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['s1'],
  b: ['s1', 's2'],
  c: ['s2', 's3'],
  d: [],
  high: ['s4'],
}
const known = actionsOf(SINKS)
const PRINCIPALS = ['*', 'p', 'q', 'r']

const actions = fc.subarray(Object.keys(SINKS), { minLength: 1 })
const principal = fc.constantFrom(...PRINCIPALS)
const entry = fc.record(
  {
    allowed_actions: fc.subarray([...Object.keys(SINKS), 'gone']),
    allowed_sinks: fc.subarray(['s1', 's2', 's3', 's4', 'by_hand']),
    _why: fc.constant('because'),
  },
  { requiredKeys: ['allowed_actions', 'allowed_sinks'] },
)
const named = fc
  .tuple(entry, fc.constantFrom({}, { inherits_wildcard: true }, { inherits_wildcard: false }))
  .map(([lists, inherits]) => ({ ...lists, ...inherits }))
const document = fc
  .record(
    {
      policy_version: fc.constantFrom('v1', 'team-7'),
      acl: fc.record({ '*': entry, p: named, q: named, r: named }, { requiredKeys: [] }),
    },
    { requiredKeys: ['policy_version', 'acl'] },
  )
  .map((value) => value as unknown as JsonObject)

const revoke = fc
  .record({ principal, actions, removePrincipal: fc.boolean() })
  .map((change) => revokeEdit(change))
const rule = fc.record({ actionId: fc.constantFrom(...Object.keys(SINKS)), principal })
const edit: fc.Arbitrary<PolicyEdit> = fc.oneof(
  fc.record({ principal, actions }).map((change) => grantEdit(change)),
  revoke,
  fc
    .tuple(fc.constantFrom('add' as const, 'remove' as const), rule)
    .map(([kind, one]) => requireApprovalEdit(kind, one)),
  fc
    .tuple(fc.constantFrom('add' as const, 'remove' as const), rule)
    .map(([kind, one]) => allowlistEdit(kind, { actionId: one.actionId, agentId: one.principal })),
  fc
    .tuple(rule, fc.integer({ min: 1, max: 5 }))
    .map(([one, approvals]) => quorumEdit({ ...one, approvals })),
  principal.map((who) => quotaEdit(who, [{ calls: 3, window_seconds: 60 }])),
)

/** The rights in a document by the words of the table, in another form than the rules' own. */
function rightsIn(value: JsonObject): ReadonlySet<string> {
  const acl = value['acl'] as unknown as Readonly<
    Record<
      string,
      { allowed_actions: string[]; allowed_sinks: string[]; inherits_wildcard?: boolean }
    >
  >
  const none: { allowed_actions: string[]; allowed_sinks: string[] } = {
    allowed_actions: [],
    allowed_sinks: [],
  }
  const everybody = acl['*'] ?? none
  const rights = new Set<string>()
  for (const who of [...PRINCIPALS.slice(1), 'somebody else']) {
    const own = acl[who]
    const lists = own === undefined ? [everybody] : own.inherits_wildcard ? [own, everybody] : [own]
    const has = (list: 'allowed_actions' | 'allowed_sinks', name: string): boolean =>
      lists.some((one) => one[list].includes(name))
    for (const [action, sinks] of Object.entries(SINKS)) {
      if (!has('allowed_actions', action)) continue
      if (sinks.every((sink) => has('allowed_sinks', sink))) rights.add(`${who} may ${action}`)
    }
  }
  return rights
}

function after(value: JsonObject, one: PolicyEdit, aclInsecure: boolean): JsonObject {
  const result = applyEdit(value, one, { known, aclInsecure })
  return result.ok ? result.value.document : value
}

test('property: a revoke, after whatever edits, lets nobody do what he could not do before it', () => {
  let narrowed = 0
  fc.assert(
    fc.property(
      document,
      fc.array(edit, { maxLength: 8 }),
      revoke,
      fc.boolean(),
      (first, edits, last, insecure) => {
        const before = edits.reduce((value, one) => after(value, one, insecure), first)
        const rights = rightsIn(before)
        const left = rightsIn(after(before, last, insecure))
        for (const right of left) expect(rights).toContain(right)
        if (left.size < rights.size) narrowed += 1
      },
    ),
    { numRuns: 2000 },
  )
  // Otherwise the property held because nothing happened.
  expect(narrowed).toBeGreaterThan(200)
})

test('property: a grant gives what it names, and takes nothing from anybody', () => {
  fc.assert(
    fc.property(document, principal, actions, (first, who, given) => {
      const next = after(first, grantEdit({ principal: who, actions: given }), true)
      const rights = rightsIn(next)
      if (who !== '*') for (const one of given) expect(rights).toContain(`${who} may ${one}`)
      // Somebody without an entry gets one of his own, which shadows the wildcard.
      const shadowed = (first['acl'] as JsonObject)[who] === undefined
      for (const right of rightsIn(first)) {
        if (!shadowed || !right.startsWith(`${who} may `)) expect(rights).toContain(right)
      }
    }),
    { numRuns: 1000 },
  )
})

test('property: every result of an edit is a valid document, and says under which version', () => {
  fc.assert(
    fc.property(document, fc.array(edit, { maxLength: 10 }), (first, edits) => {
      let value = first
      for (const one of edits) {
        const next = after(value, one, true)
        const read = validatePolicyData(next)
        const changed = policyDataDigest(read) !== policyDataDigest(validatePolicyData(value))
        expect(next['policy_version'] !== value['policy_version']).toBe(changed)
        value = next
      }
    }),
    { numRuns: 500 },
  )
})
