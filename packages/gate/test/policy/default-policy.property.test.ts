import { defaultPolicy } from '@latchgate/policy'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AclEntry } from '../../src/policy/data-document.js'
import type { PolicyInput } from '../../src/policy/engine.js'
import { interpretDecision } from '../../src/policy/interpret-decision.js'
import { compileRules, RegoEvaluator } from '../../src/policy/rego-evaluator.js'
import { createRegoEngine } from '../../src/policy/rego-wasm.js'
import { request } from './request.js'

const ACTIONS = ['a', 'b', 'c']
const SINKS = ['r', 'w']
const PRINCIPALS = ['p', 'q', '*']

const entry: fc.Arbitrary<AclEntry> = fc.record(
  {
    allowed_actions: fc.subarray(ACTIONS),
    allowed_sinks: fc.subarray(SINKS),
    inherits_wildcard: fc.boolean(),
  },
  { requiredKeys: ['allowed_actions', 'allowed_sinks'] },
)

const wildcard = fc.record({
  allowed_actions: fc.subarray(ACTIONS),
  allowed_sinks: fc.subarray(SINKS),
})

const documents = fc.record({
  policy_version: fc.constant('v1'),
  acl: fc.record({ p: entry, q: entry, '*': wildcard }, { requiredKeys: [] }) as fc.Arbitrary<
    Readonly<Record<string, AclEntry>>
  >,
  latchgate: fc.record({
    allowlist: fc.dictionary(
      fc.constantFrom(...ACTIONS),
      fc.dictionary(fc.constantFrom('p', 'q'), fc.boolean()),
    ),
    require_approval: fc.dictionary(
      fc.constantFrom(...ACTIONS),
      fc.dictionary(fc.constantFrom(...PRINCIPALS), fc.constant(true)),
    ),
  }),
})

const inputs: fc.Arbitrary<PolicyInput> = fc
  .record({
    principal: fc.constantFrom('p', 'q', 'stranger'),
    action_id: fc.constantFrom(...ACTIONS, 'unheard'),
    action_risk_level: fc.constantFrom('low' as const, 'medium', 'high', 'critical'),
    requested_sinks: fc.subarray([...SINKS, 'x']),
    requested_secrets: fc.subarray(['S', 'T']),
    scopes: fc.subarray(['tools:call', 'more']),
    required_scopes: fc.subarray(['tools:call', 'more']),
    budgets_before: fc.record({ calls_remaining: fc.integer({ min: -1, max: 3 }) }),
    unresolved_domains: fc.subarray(['x.example', 'y.example']),
    approved: fc.boolean(),
  })
  .map((change) => ({ ...request, ...change }))

const rules = compileRules(defaultPolicy().wasm)

// Two instances a run: the engine's own checks of the document are another test's matter.
function decisions(document: object, all: readonly PolicyInput[]): readonly string[] {
  const evaluator = new RegoEvaluator(rules, document as never)
  return all.map((input) => interpretDecision(evaluator.evaluate({ ...input }), input).kind)
}

// What a revocation does: the entry stays, some of its actions or sinks go.
const revocations = fc.record({
  principal: fc.constantFrom(...PRINCIPALS),
  actions: fc.subarray(ACTIONS, { minLength: 1 }),
  sinks: fc.subarray(SINKS),
})

test('property: taking rights from an entry never allows what was denied before', () => {
  fc.assert(
    fc.property(
      documents,
      revocations,
      fc.array(inputs, { minLength: 10, maxLength: 10 }),
      (document, revoked, all) => {
        const old = document.acl[revoked.principal]
        fc.pre(old !== undefined)
        const narrower = {
          ...old,
          allowed_actions: old.allowed_actions.filter((one) => !revoked.actions.includes(one)),
          allowed_sinks: old.allowed_sinks.filter((one) => !revoked.sinks.includes(one)),
        }
        const after = { ...document, acl: { ...document.acl, [revoked.principal]: narrower } }
        const kinds = decisions(after, all)
        for (const [index, kind] of decisions(document, all).entries()) {
          if (kind === 'deny') expect(kinds[index]).toBe('deny')
          if (kind === 'hold') expect(kinds[index]).not.toBe('allow')
        }
      },
    ),
    { numRuns: 500 },
  )
}, 60_000)

test('property: a bypass never turns a denial into anything else, and a rule never into less', () => {
  fc.assert(
    fc.property(documents, fc.array(inputs, { minLength: 10, maxLength: 10 }), (document, all) => {
      const bare = { ...document, latchgate: { allowlist: {}, require_approval: {} } }
      const bypassed = {
        ...document,
        latchgate: { ...bare.latchgate, allowlist: document.latchgate.allowlist },
      }
      const plain = decisions(bare, all)
      const waived = decisions(bypassed, all)
      const tightened = decisions(document, all)
      for (const [index, kind] of plain.entries()) {
        expect(waived[index] === 'deny').toBe(kind === 'deny')
        if (waived[index] === 'hold') expect(tightened[index]).toBe('hold')
      }
    }),
    { numRuns: 500 },
  )
}, 60_000)

test('property: the default policy never widens a request', async () => {
  await fc.assert(
    fc.asyncProperty(documents, inputs, async (document, input) => {
      const decision = await createRegoEngine(document).decide(input)
      if (decision.kind === 'deny') {
        expect(decision.reason).not.toMatch(/contract violation/)
        return
      }
      expect(decision.sinks).toEqual(input.requested_sinks)
      expect(decision.secrets).toEqual(input.requested_secrets)
      expect(decision.egress).toEqual(input.egress_profile)
    }),
    { numRuns: 500 },
  )
}, 60_000)

test('property: nothing is allowed without a grant, a scope, a budget and the sinks', () => {
  fc.assert(
    fc.property(documents, inputs, (document, input) => {
      const [kind] = decisions(document, [input])
      if (kind === 'deny') return
      const own = document.acl[input.principal]
      const wild = document.acl['*']
      const sources = own === undefined ? [wild] : own.inherits_wildcard ? [own, wild] : [own]
      const actions = sources.flatMap((source) => source?.allowed_actions ?? [])
      const sinks = sources.flatMap((source) => source?.allowed_sinks ?? [])
      expect(actions).toContain(input.action_id)
      expect(sinks).toEqual(expect.arrayContaining([...input.requested_sinks]))
      expect(input.scopes).toEqual(expect.arrayContaining(['tools:call', ...input.required_scopes]))
      expect(input.budgets_before.calls_remaining).toBeGreaterThan(0)
    }),
    { numRuns: 500 },
  )
}, 60_000)
