import type { JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import type { Decision, PolicyInput } from '../../src/policy/engine.js'
import { createRegoEngine } from '../../src/policy/rego-wasm.js'
import { acl, data, dataWith, request } from './request.js'

const engine = createRegoEngine(data)

function decide(change: Partial<PolicyInput>, document: JsonObject = data): Promise<Decision> {
  if (document === data) return engine.decide({ ...request, ...change })
  return createRegoEngine(document).decide({ ...request, ...change })
}

function denial(
  reason: string,
  code: Extract<Decision, { kind: 'deny' }>['code'] = null,
): Decision {
  return { kind: 'deny', reason, code, version: 'team-12' }
}

async function codes(change: Partial<PolicyInput>, document = data): Promise<readonly string[]> {
  const decision = await decide(change, document)
  if (decision.kind === 'deny') throw new Error(decision.reason)
  return decision.kind === 'hold' ? decision.reasons.map((reason) => reason.code) : []
}

const bypass = dataWith({ allowlist: { http_post: { 'agent:billing': true } } })

test('row 1: a module with another digest is denied', async () => {
  const mismatch = { digest_mismatch: { expected: 'sha256:aa', actual: 'sha256:bb' } }
  const expected = denial('untrusted action: digest verification failed')
  expect(await decide({ action_trust_verdict: mismatch })).toEqual(expected)
  expect(await decide({ action_trust_verdict: 'not_registered' })).toEqual(expected)
})

test('row 2: an action that the principal does not have is denied', async () => {
  expect(await decide({ action_id: 'rm' })).toEqual(
    denial("principal 'agent:billing' is not authorised for action 'rm'", 'action_not_granted'),
  )
})

test('row 2: a named entry without inheritance shadows the wildcard', async () => {
  expect(await decide({ action_id: 'http_fetch', requested_sinks: ['http_read'] })).toEqual(
    denial(
      "principal 'agent:billing' is not authorised for action 'http_fetch'",
      'action_not_granted',
    ),
  )
})

test('row 2: an entry with empty lists is still an entry, so a revoke never widens', async () => {
  const fetch = { action_id: 'http_fetch', requested_sinks: ['http_read'] }
  expect(await decide({ ...fetch, principal: 'agent:revoked' })).toEqual(
    denial(
      "principal 'agent:revoked' is not authorised for action 'http_fetch'",
      'action_not_granted',
    ),
  )
  expect((await decide({ ...fetch, principal: 'agent:nobody' })).kind).toBe('allow')
})

test('row 3a: a lease without the scope tools:call is denied, and its scopes are shown', async () => {
  expect(await decide({ scopes: [] })).toEqual(
    denial(
      "scope 'tools:call' is required for action execution but is absent from lease scopes: []",
    ),
  )
  expect(await decide({ scopes: ['b', 'a"'] })).toEqual(
    denial(
      "scope 'tools:call' is required for action execution but is absent from lease scopes: " +
        '["b", "a\\""]',
    ),
  )
})

test('row 3b: a missing scope is denied; arrays keep their order, sets are sorted', async () => {
  const required = ['tools:call', 'z', 'b', 'z']
  expect(await decide({ scopes: ['tools:call', 'a'], required_scopes: required })).toEqual(
    denial(
      "lease is missing required scope(s) for action 'http_post': " +
        'required=["tools:call", "z", "b", "z"], present=["tools:call", "a"], missing={"b", "z"}',
    ),
  )
})

test('row 4: a budget of nothing, or less, is denied', async () => {
  for (const left of [0, -1]) {
    expect(await decide({ budgets_before: { calls_remaining: left } })).toEqual(
      denial('budget exhausted: no calls remaining', 'budget_exhausted'),
    )
  }
})

test('row 5: a sink that the principal does not have is denied', async () => {
  expect(await decide({ requested_sinks: ['smtp', 'http_write', 'http_delete', 'smtp'] })).toEqual(
    denial('disallowed sink(s): {"http_delete", "smtp"}'),
  )
})

test('row 5b: the bypass waives approval at high and at critical risk', async () => {
  expect((await decide({ action_risk_level: 'high' }, bypass)).kind).toBe('allow')
  expect((await decide({ action_risk_level: 'critical' }, bypass)).kind).toBe('allow')
  expect((await decide({ action_risk_level: 'high' })).kind).toBe('hold')
})

test('row 5b: the bypass waives the reason `risk` and no other', async () => {
  const everything: Partial<PolicyInput> = {
    action_risk_level: 'high',
    action_category: 'fs',
    fs_path: 'app/.env',
    unresolved_paths: ['app/.env'],
    unresolved_domains: ['new.example.net'],
  }
  const others = ['sensitive_path', 'unresolved_path', 'unresolved_domain', 'rule']
  const rule = { require_approval: { http_post: { '*': true } } }
  expect(await codes(everything, dataWith(rule))).toEqual(['risk', ...others])
  const both = dataWith({ ...rule, allowlist: { http_post: { 'agent:billing': true } } })
  expect(await codes(everything, both)).toEqual(others)
})

test('row 5b: a bypass of another principal, of another action, or of `false` is none', async () => {
  for (const allowlist of [
    { http_post: { 'agent:other': true } },
    { http_fetch: { 'agent:billing': true } },
    { http_post: { 'agent:billing': false } },
  ]) {
    expect(await codes({ action_risk_level: 'high' }, dataWith({ allowlist }))).toEqual(['risk'])
  }
})

const violations: readonly (readonly [string, Partial<PolicyInput>])[] = [
  ['untrusted action', { action_trust_verdict: 'not_registered' }],
  ["principal 'agent:revoked' is not", { principal: 'agent:revoked' }],
  ["scope 'tools:call' is required", { scopes: ['other'] }],
  ['lease is missing required scope(s)', { required_scopes: ['more'] }],
  ['budget exhausted', { budgets_before: { calls_remaining: 0 } }],
  ['disallowed sink(s)', { requested_sinks: ['smtp'] }],
]

test('row 5b: the bypass never overrules one of the rows 1 to 5', async () => {
  const allowlist = { http_post: { 'agent:billing': true, 'agent:revoked': true } }
  for (const [reason, change] of violations) {
    const decision = await decide(change, dataWith({ allowlist }))
    expect(decision).toMatchObject({ kind: 'deny', reason: expect.stringContaining(reason) })
  }
})

test('row 6a: high and critical risk are held, with the reason and a quorum', async () => {
  for (const level of ['high', 'critical'] as const) {
    expect(await decide({ action_risk_level: level })).toEqual({
      kind: 'hold',
      version: 'team-12',
      sinks: ['http_write'],
      secrets: ['API_TOKEN'],
      egress: request.egress_profile,
      reasons: [{ code: 'risk', detail: `the action's risk level is ${level}` }],
      quorum: { min: 1, distinctFromRequester: true },
    })
  }
})

test('row 6a: a risk level that the policy does not know is held, not allowed', async () => {
  const level = 'extreme' as unknown as 'high'
  expect(await codes({ action_risk_level: level })).toEqual(['risk'])
})

test.each([
  '.env',
  'app/.env',
  'my.app/.env',
  '/home/u/.config/.env',
  'APP/.ENV',
  'x/.env/',
  '.env.local',
  'a/.env.local',
  'a/.env.a.b',
  'secrets/x',
  'a/secrets/key',
  'a/secrets/key.pem',
  'a/secrets/b/c',
  '.ssh/id',
  'home/.ssh/id_rsa',
  'x/.ssh/id_rsa.pub',
  'x/./.ssh//id',
  '.aws/credentials',
  'u/.aws/credentials',
  'v1.2/.aws/credentials',
  'u/.aws//credentials',
])('row 6b: %s is a sensitive path', async (path) => {
  expect(await codes({ action_category: 'fs', fs_path: path })).toEqual(['sensitive_path'])
})

test.each([
  'a/env',
  '.environment',
  'a/.envrc',
  'secrets',
  'a/secrets',
  '.ssh',
  'my-secrets/x',
  'aws/credentials',
  '.aws/config',
  'credentials',
  '.aws/credentials/x',
  '',
])("row 6b: '%s' is not a sensitive path", async (path) => {
  expect(await codes({ action_category: 'fs', fs_path: path })).toEqual([])
})

test('row 6b: a path is looked at in the category fs only', async () => {
  expect(await codes({ fs_path: '.env' })).toEqual([])
})

test('rows 6c and 6d: every unresolved path and domain is a reason of its own', async () => {
  const decision = await decide({
    unresolved_paths: ['a/b'],
    unresolved_domains: ['x.example', 'y.example'],
  })
  expect(decision).toMatchObject({
    kind: 'hold',
    reasons: [
      { code: 'unresolved_path', detail: "'a/b' is not among the allowed paths" },
      { code: 'unresolved_domain', detail: "'x.example' is not on the allow list" },
      { code: 'unresolved_domain', detail: "'y.example' is not on the allow list" },
    ],
  })
  expect(await codes({ unresolved_paths: [], unresolved_domains: [] })).toEqual([])
})

test('a rule of the data document holds calls of low risk, for one principal or for all', async () => {
  for (const who of ['agent:billing', '*']) {
    const document = dataWith({ require_approval: { http_post: { [who]: true } } })
    expect(await decide({ action_risk_level: 'low' }, document)).toMatchObject({
      kind: 'hold',
      reasons: [{ code: 'rule', detail: `latchgate.require_approval.http_post.${who} is set` }],
    })
  }
  const other = dataWith({
    require_approval: { http_post: { 'agent:other': true }, http_fetch: { '*': true } },
  })
  expect(await codes({}, other)).toEqual([])
})

test('row 7: low and medium risk need no approval', async () => {
  for (const level of ['low', 'medium'] as const) {
    expect(await decide({ action_risk_level: level })).toEqual({
      kind: 'allow',
      version: 'team-12',
      sinks: ['http_write'],
      secrets: ['API_TOKEN'],
      egress: request.egress_profile,
    })
  }
})

test('row 7: an allowed call is granted the sinks it asked for and not the whole list', async () => {
  const decision = await decide({ principal: 'agent:heir', requested_sinks: ['http_read'] })
  expect(decision).toMatchObject({ kind: 'allow', sinks: ['http_read'] })
})

test('an entry that inherits has the actions and sinks of the wildcard too', async () => {
  const heir = { principal: 'agent:heir' }
  expect((await decide({ ...heir, action_id: 'http_fetch', requested_sinks: [] })).kind).toBe(
    'allow',
  )
  expect((await decide({ ...heir, requested_sinks: ['http_read', 'http_write'] })).kind).toBe(
    'allow',
  )
  expect((await decide({ ...heir, action_id: 'http_delete' })).kind).toBe('deny')
})

test('without a wildcard, an entry that inherits has its own, and strangers have nothing', async () => {
  const document = { policy_version: 'team-12', acl: { 'agent:heir': acl['agent:heir'] ?? null } }
  expect((await decide({ principal: 'agent:heir' }, document)).kind).toBe('allow')
  expect(await decide({ principal: 'agent:new' }, document)).toEqual(
    denial("principal 'agent:new' is not authorised for action 'http_post'", 'action_not_granted'),
  )
})

test('a request that violates several rows reports the lowest', async () => {
  for (let first = 0; first < violations.length; first += 1) {
    const rest = violations.slice(first)
    // 3a and 3b exclude each other: later violations must not undo the one that is looked for.
    const change = Object.assign({}, ...rest.map(([, one]) => one).reverse())
    const scopes = first > 2 ? { scopes: ['tools:call'] } : {}
    const decision = await decide({ ...change, ...scopes, action_risk_level: 'critical' })
    expect(decision).toMatchObject({ kind: 'deny', reason: expect.stringContaining(rest[0]![0]) })
  }
})

test('an approved call is no longer held, whatever its reasons were', async () => {
  const document = dataWith({ require_approval: { http_post: { '*': true } } })
  const change: Partial<PolicyInput> = {
    action_risk_level: 'critical',
    unresolved_domains: ['x.example'],
  }
  expect((await decide(change, document)).kind).toBe('hold')
  expect((await decide({ ...change, approved: true }, document)).kind).toBe('allow')
})

test('an approval does not overrule a denial: what was revoked since stays revoked', async () => {
  for (const [reason, change] of violations) {
    const decision = await decide({ ...change, approved: true })
    expect(decision).toMatchObject({ kind: 'deny', reason: expect.stringContaining(reason) })
  }
})

test('a call without a limit is allowed on the number that stands for one', async () => {
  expect((await decide({ budgets_before: { calls_remaining: 9007199254740991 } })).kind).toBe(
    'allow',
  )
})

test('a principal named like a member of every object has no rights by that', async () => {
  const document = { policy_version: 'team-12', acl: {} }
  for (const principal of ['constructor', '__proto__', 'toString', '']) {
    expect((await decide({ principal }, document)).kind).toBe('deny')
  }
})

test('a quorum says how many must approve, the largest that matches, and needs none by itself', async () => {
  const document = dataWith({
    quorum: { '*': { '*': 2 }, http_post: { 'agent:billing': 3, '*': 1 }, http_get: { '*': 5 } },
  })
  expect(await decide({ action_risk_level: 'high' }, document)).toMatchObject({
    kind: 'hold',
    quorum: { min: 3, distinctFromRequester: true },
  })
  expect(await decide({}, document)).toMatchObject({ kind: 'allow' })
})
