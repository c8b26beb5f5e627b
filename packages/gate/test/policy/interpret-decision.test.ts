import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PolicyFault, type PolicyInput } from '../../src/policy/engine.js'
import { interpretDecision } from '../../src/policy/interpret-decision.js'
import { request } from './request.js'

const held = {
  allow: true,
  requires_approval: true,
  allowed_sinks: ['http_write'],
  approved_secrets: ['API_TOKEN'],
  approved_egress: { proxy_allowlist: { allowed_domains: ['api.example.com'] } },
  policy_version: 'v1',
}

function interpret(document: unknown, change: Partial<PolicyInput> = {}): unknown {
  return interpretDecision(document, { ...request, ...change })
}

function violation(what: string): unknown {
  return { kind: 'deny', reason: `policy contract violation: ${what}`, code: null, version: 'v1' }
}

test('a denial keeps its reason, and one without a reason says so', () => {
  expect(interpret({ allow: false, deny_reason: 'no', policy_version: 'v1' })).toEqual({
    kind: 'deny',
    reason: 'no',
    code: null,
    version: 'v1',
  })
  expect(interpret({ allow: false })).toEqual({
    kind: 'deny',
    reason: 'denied by policy (no reason provided)',
    code: null,
    version: null,
  })
})

test('a denial has a code where the gate knows it, and stays a denial with any other', () => {
  const withCode = (deny_code: unknown): unknown =>
    interpret({ allow: false, deny_reason: 'no', deny_code, policy_version: 'v1' })
  const denied = { kind: 'deny', reason: 'no', version: 'v1' }
  expect(withCode('budget_exhausted')).toEqual({ ...denied, code: 'budget_exhausted' })
  expect(withCode('action_not_granted')).toEqual({ ...denied, code: 'action_not_granted' })
  for (const other of ['BUDGET_EXHAUSTED', '', 7, null, {}]) {
    expect(withCode(other)).toEqual({ ...denied, code: null })
  }
})

test('what the reason says is no code', () => {
  const deny_reason = "budget exhausted: principal 'a' is not authorised for action 'b'"
  expect(interpret({ allow: false, deny_reason })).toMatchObject({ code: null })
})

test('a denial is a denial whatever else the document says', () => {
  expect(interpret({ ...held, allow: false, allowed_sinks: ['smtp'] })).toMatchObject({
    kind: 'deny',
  })
})

test.each([
  ['no object', 'allow'],
  ['null', null],
  ['a list', []],
  ['no allow', {}],
  ['allow as a text', { allow: 'true' }],
  ['requires_approval as a text', { allow: true, requires_approval: 'no' }],
  ['sinks as a text', { allow: true, allowed_sinks: 'http_write' }],
  ['sinks with a number', { allow: true, allowed_sinks: [1] }],
  ['secrets as an object', { allow: true, approved_secrets: {} }],
  ['egress as another text', { allow: true, approved_egress: 'all' }],
  ['egress without a list', { allow: true, approved_egress: { proxy_allowlist: null } }],
  ['a version that is a number', { allow: true, policy_version: 1 }],
  ['approval as a text', { allow: true, approval: 'yes' }],
  ['required as a text', { allow: true, approval: { required: 'yes' } }],
  ['reasons as a text', { ...held, approval: { reasons: 'risk' } }],
  ['a reason of unknown code', { ...held, approval: { reasons: [{ code: 'x', detail: '' }] } }],
  ['a reason without detail', { ...held, approval: { reasons: [{ code: 'risk' }] } }],
  ['a quorum of none', { ...held, approval: { quorum: { min: 0 } } }],
  ['a quorum that is a text', { ...held, approval: { quorum: { min: '1' } } }],
  ['a quorum of a half', { ...held, approval: { quorum: { min: 1.5 } } }],
  ['a quorum beyond reach', { ...held, approval: { quorum: { min: 6 } } }],
])('a document with %s is not a decision', (_what, document) => {
  expect(() => interpret(document)).toThrow(PolicyFault)
  expect(() => interpret(document)).toThrow(
    expect.objectContaining({ code: 'policy_engine_invalid_response' }),
  )
})

test.each(['allowed_sinks', 'approved_secrets', 'approved_egress'] as const)(
  'a hold without %s is a contract violation',
  (field) => {
    const { [field]: _left, ...rest } = held
    expect(interpret(rest)).toEqual(violation(`requires_approval without ${field}`))
  },
)

test('the lists of a hold are asked for in the order of the specification', () => {
  const bare = { allow: true, requires_approval: true, policy_version: 'v1' }
  expect(interpret(bare)).toEqual(violation('requires_approval without allowed_sinks'))
})

test('an allow without lists grants no sinks, and the secrets and egress of the request', () => {
  expect(interpret({ allow: true })).toEqual({
    kind: 'allow',
    version: null,
    sinks: [],
    secrets: ['API_TOKEN'],
    egress: request.egress_profile,
  })
})

test('a hold of a policy that knows `requires_approval` only gets a reason and a quorum of one', () => {
  expect(interpret(held)).toMatchObject({
    kind: 'hold',
    reasons: [{ code: 'rule', detail: 'the policy requires approval and names no reason' }],
    quorum: { min: 1, distinctFromRequester: true },
  })
})

test('`approval.required` alone holds too', () => {
  const { requires_approval: _left, ...rest } = held
  const approval = {
    required: true,
    reasons: [{ code: 'sensitive_path', detail: 'x' }],
    quorum: { min: 2, distinct_from_requester: false },
  }
  expect(interpret({ ...rest, approval })).toMatchObject({
    kind: 'hold',
    reasons: [{ code: 'sensitive_path', detail: 'x' }],
    quorum: { min: 2, distinctFromRequester: false },
  })
})

test('a sink, a secret or a domain that was not requested is a contract violation', () => {
  expect(interpret({ ...held, allowed_sinks: ['http_write', 'smtp'] })).toEqual(
    violation("allowed_sinks has 'smtp', which was not requested"),
  )
  expect(interpret({ ...held, approved_secrets: ['OTHER'] })).toEqual(
    violation("approved_secrets has 'OTHER', which was not requested"),
  )
  const wider = { proxy_allowlist: { allowed_domains: ['*.example.com'] } }
  expect(interpret({ ...held, approved_egress: wider })).toEqual(
    violation("approved_egress has '*.example.com', which was not requested"),
  )
})

test('a name below a requested domain is not a narrower list: it may cover more', () => {
  const input = { egress_profile: { proxy_allowlist: { allowed_domains: ['=example.com'] } } }
  const below = { proxy_allowlist: { allowed_domains: ['example.com'] } }
  expect(interpret({ ...held, approved_egress: below }, input)).toEqual(
    violation("approved_egress has 'example.com', which was not requested"),
  )
})

test('egress for an action that has none is a contract violation', () => {
  const empty = { proxy_allowlist: { allowed_domains: [] } }
  expect(interpret({ ...held, approved_egress: empty }, { egress_profile: 'none' })).toEqual(
    violation('approved_egress is an allow list, and no egress was requested'),
  )
})

test('a policy may narrow what was requested', () => {
  const document = { allow: true, allowed_sinks: [], approved_secrets: [], approved_egress: 'none' }
  expect(interpret(document)).toMatchObject({ kind: 'allow', secrets: [], egress: 'none' })
})

const names = fc.subarray(['a', 'b', 'c', 'd'])
const profile = fc.oneof(
  fc.constant('none' as const),
  names.map((allowed_domains) => ({ proxy_allowlist: { allowed_domains } })),
)

test('property: whatever a policy grants, a decision never widens the request', () => {
  const documents = fc.record(
    {
      allow: fc.boolean(),
      requires_approval: fc.boolean(),
      allowed_sinks: names,
      approved_secrets: names,
      approved_egress: profile,
    },
    { requiredKeys: ['allow'] },
  )
  const requests = fc.record({
    requested_sinks: names,
    requested_secrets: names,
    egress_profile: profile,
  })
  fc.assert(
    fc.property(documents, requests, (document, change) => {
      const decision = interpretDecision(document, { ...request, ...change })
      if (decision.kind === 'deny') return
      const domains = (of: typeof decision.egress): readonly string[] =>
        of === 'none' ? [] : of.proxy_allowlist.allowed_domains
      expect(change.requested_sinks).toEqual(expect.arrayContaining([...decision.sinks]))
      expect(change.requested_secrets).toEqual(expect.arrayContaining([...decision.secrets]))
      expect(domains(change.egress_profile)).toEqual(
        expect.arrayContaining([...domains(decision.egress)]),
      )
      if (change.egress_profile === 'none') expect(decision.egress).toBe('none')
    }),
    { numRuns: 1000 },
  )
})

test('property: any JSON is a decision or a fault, never another error', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), (value, allow) => {
      for (const document of [value, { allow, ...(value as object) }]) {
        try {
          expect(['allow', 'hold', 'deny']).toContain(interpretDecision(document, request).kind)
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyFault)
        }
      }
    }),
    { numRuns: 1000 },
  )
})
