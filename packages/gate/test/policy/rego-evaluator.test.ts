import { defaultPolicy } from '@latchgate/policy'
import type { JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { compileRules, RegoEvaluator } from '../../src/policy/rego-evaluator.js'
import { acl, request } from './request.js'

// Documents that the gate refuses to load: the rules do not rely on that.
const rules = compileRules(defaultPolicy().wasm)
const fallback = { allow: false, deny_reason: 'no matching allow rule' }

function evaluate(document: JsonObject, change: JsonObject = {}): unknown {
  return new RegoEvaluator(rules, document).evaluate({ ...request, ...change })
}

test('an entry whose inheritance is not a boolean allows nothing, not even what the entry itself lists', () => {
  for (const inherits of ['yes', 'true', 1, null, {}]) {
    const entry = { ...(acl['agent:billing'] as JsonObject), inherits_wildcard: inherits }
    const document = { policy_version: 'v1', acl: { ...acl, 'agent:billing': entry } }
    expect(evaluate(document)).toEqual({ ...fallback, policy_version: 'v1' })
  }
})

test('without policy_version nothing is allowed', () => {
  expect(evaluate({ acl })).toEqual(fallback)
  expect(evaluate({ acl, policy_version: 7 })).toEqual(fallback)
})

test('an entry without allowed_sinks denies, even when no sink is requested', () => {
  const document = {
    policy_version: 'v1',
    acl: { 'agent:billing': { allowed_actions: ['http_post'] } },
  }
  expect(evaluate(document, { requested_sinks: [] })).toEqual({ ...fallback, policy_version: 'v1' })
})

test('an empty input is denied by the fallback', () => {
  const evaluator = new RegoEvaluator(rules, { policy_version: 'v1', acl })
  expect(evaluator.evaluate({})).toEqual({ ...fallback, policy_version: 'v1' })
})

test('a missing member of the input is never a permission', () => {
  const everything = { policy_version: 'v1', acl: { '*': acl['agent:billing'] ?? null } }
  const evaluator = new RegoEvaluator(rules, everything)
  expect(evaluator.evaluate({ ...request })).toMatchObject({ allow: true })
  const needed = [
    'principal',
    'scopes',
    'required_scopes',
    'action_id',
    'action_risk_level',
    'action_trust_verdict',
    'requested_sinks',
    'requested_secrets',
    'egress_profile',
    'budgets_before',
  ] as const
  for (const member of needed) {
    const { [member]: _left, ...rest } = request
    expect(evaluator.evaluate({ ...rest }), member).toMatchObject({ allow: false })
  }
})

test('a budget that is not a number is denied', () => {
  for (const calls of ['12', {}, [], true]) {
    const decision = evaluate(
      { policy_version: 'v1', acl },
      { budgets_before: { calls_remaining: calls } },
    )
    expect(decision).toMatchObject({ allow: false })
  }
})

test('data under the name of the rules cannot take their place', () => {
  const allow = { allow: true, requires_approval: false, allowed_sinks: [], policy_version: 'v1' }
  const document = { policy_version: 'v1', acl: {}, latchgate: { decision: allow, held: false } }
  expect(evaluate(document)).toMatchObject({ allow: false })
})

test('a document without an ACL denies', () => {
  expect(evaluate({ policy_version: 'v1' })).toMatchObject({ allow: false })
})
