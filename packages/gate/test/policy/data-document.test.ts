import type { Json, JsonObject } from '@latchgate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  PolicyDataError,
  parsePolicyData,
  validatePolicyData,
} from '../../src/policy/data-document.js'
import { acl, data, dataWith } from './request.js'

function problemsOf(value: Json): readonly string[] {
  try {
    validatePolicyData(value)
    return []
  } catch (error) {
    if (!(error instanceof PolicyDataError)) throw error
    return error.problems.map(({ key, problem, fix }) => `${key} | ${problem} | ${fix}`)
  }
}

function withEntry(entry: Json): JsonObject {
  return { policy_version: 'v1', acl: { 'agent:a': entry } }
}

const entry = { allowed_actions: ['http_post'], allowed_sinks: ['http_write'] }

test('a document of every part is read as it is, and absent parts are empty', () => {
  const quotas = { 'agent:billing': [{ calls: 100, window_seconds: 3600 }] }
  const latchgate = {
    allowlist: { http_post: { 'agent:billing': true } },
    require_approval: { http_fetch: { '*': true as const } },
    quotas,
    quorum: { http_fetch: { '*': 2 } },
  }
  expect(validatePolicyData(dataWith(latchgate))).toEqual({
    policy_version: 'team-12',
    acl,
    latchgate,
  })
  expect(validatePolicyData(data)).toEqual({
    policy_version: 'team-12',
    acl,
    latchgate: { allowlist: {}, require_approval: {}, quotas: {}, quorum: {} },
  })
})

test('keys that start with `_` are comments wherever they stand', () => {
  const commented = {
    _WARNING: 'unsafe',
    policy_version: 'v1',
    acl: { _comment: 'nobody yet', 'agent:a': { ...entry, _why: ['x'] } },
    latchgate: { _note: 1, allowlist: { _note: 'x' } },
  }
  expect(validatePolicyData(commented)).toEqual({
    policy_version: 'v1',
    acl: { 'agent:a': entry },
    latchgate: { allowlist: {}, require_approval: {}, quotas: {}, quorum: {} },
  })
})

test('an entry whose name makes it a comment is refused: its principal would get the wildcard', () => {
  expect(problemsOf({ policy_version: 'v1', acl: { _svc: entry } })).toEqual([
    'acl._svc | would be ignored, as keys that start with `_` are | rename it',
  ])
})

test.each<[string, Json, string]>([
  ['a list for the document', [], ' | is not an object | write {…}'],
  [
    'no version',
    { acl: {} },
    'policy_version | is missing | name this version of the rights, e.g. "team-1": it is in every record',
  ],
  [
    'an empty version',
    { policy_version: '', acl: {} },
    'policy_version | is not a text of 1 to 128 printable characters | name this version of the rights, e.g. "team-1": it is in every record',
  ],
  ['no acl', { policy_version: 'v1' }, 'acl | is missing | write {} to deny everything'],
  [
    'a misspelt key',
    { ...data, policy_versions: 'x' },
    'policy_versions | is an unknown key | did you mean `policy_version`?',
  ],
  [
    'an unknown key',
    { ...data, roles: {} },
    'roles | is an unknown key | known are policy_version, acl, latchgate',
  ],
  ['an entry that is a list', withEntry([]), 'acl.agent:a | is not an object | write {…}'],
  [
    'an entry without actions',
    withEntry({ allowed_sinks: [] }),
    'acl.agent:a.allowed_actions | is missing | list the names one by one; [] is none',
  ],
  [
    'an entry without sinks',
    withEntry({ allowed_actions: [] }),
    'acl.agent:a.allowed_sinks | is missing | list the names one by one; [] is none',
  ],
  [
    'actions as a text',
    withEntry({ ...entry, allowed_actions: 'http_post' }),
    'acl.agent:a.allowed_actions | is not a list | list the names one by one; [] is none',
  ],
  [
    'a pattern',
    withEntry({ ...entry, allowed_actions: ['a', 'http_*'] }),
    'acl.agent:a.allowed_actions[1] | is not a name: "http_*" | write an exact name; there are no patterns',
  ],
  [
    'a number for a sink',
    withEntry({ ...entry, allowed_sinks: [1] }),
    'acl.agent:a.allowed_sinks[0] | is not a name: 1 | write an exact name; there are no patterns',
  ],
  [
    'inheritance as a text',
    withEntry({ ...entry, inherits_wildcard: 'yes' }),
    'acl.agent:a.inherits_wildcard | is not a boolean | write true or false',
  ],
  [
    'a wildcard that inherits',
    { policy_version: 'v1', acl: { '*': { ...entry, inherits_wildcard: true } } },
    'acl.*.inherits_wildcard | has no meaning in the wildcard | remove it',
  ],
  [
    'a misspelt member of an entry',
    withEntry({ ...entry, inherit_wildcard: true }),
    'acl.agent:a.inherit_wildcard | is an unknown key | did you mean `inherits_wildcard`?',
  ],
  [
    'a principal with a line break',
    { policy_version: 'v1', acl: { 'a\nb': entry } },
    'acl.a\nb | is not a name of 1 to 253 printable characters | rename it',
  ],
  [
    'a list of bypasses',
    dataWith({ allowlist: ['http_post'] }),
    'latchgate.allowlist | is not an object | write {…}',
  ],
  [
    'a bypass for everybody',
    dataWith({ allowlist: { http_post: { '*': true } } }),
    'latchgate.allowlist.http_post.* | cannot waive an approval for everybody | name principals one by one',
  ],
  [
    'a bypass that is a text',
    dataWith({ allowlist: { http_post: { a: 'yes' } } }),
    'latchgate.allowlist.http_post.a | is not a boolean | write true, or remove the key',
  ],
  [
    'a rule of false',
    dataWith({ require_approval: { http_post: { a: false } } }),
    'latchgate.require_approval.http_post.a | is not true | write true, or remove the key',
  ],
  [
    'a rule for every action',
    dataWith({ require_approval: { '*': { a: true } } }),
    'latchgate.require_approval.* | is not an action | name one action; there are no patterns',
  ],
  [
    'data under the name of a rule',
    dataWith({ decision: { allow: true } }),
    'latchgate.decision | is an unknown key | known are allowlist, require_approval, quotas, quorum',
  ],
  [
    'quotas as an object',
    dataWith({ quotas: { a: {} } }),
    'latchgate.quotas.a | is not a list | write [{"calls": 100, "window_seconds": 3600}]',
  ],
  [
    'a quota of nothing',
    dataWith({ quotas: { a: [{ window_seconds: 60 }] } }),
    'latchgate.quotas.a[0] | limits nothing | give `calls`, `cost_usd_cents` or both',
  ],
  [
    'a quota without a window',
    dataWith({ quotas: { a: [{ calls: 1 }] } }),
    'latchgate.quotas.a[0].window_seconds | is missing | write a number from 1 to 31622400',
  ],
  [
    'a quota of less than nothing',
    dataWith({ quotas: { a: [{ calls: -1, window_seconds: 1 }] } }),
    'latchgate.quotas.a[0].calls | is not a whole number in range | write a number from 0 to 9007199254740991',
  ],
])('%s is refused, with the key and what to do', (_what, value, expected) => {
  expect(problemsOf(value)).toEqual([expected])
})

test('every problem is named at once', () => {
  expect(problemsOf({ acl: { a: {} }, extra: 1 })).toHaveLength(4)
})

test('bytes that are not strict JSON are refused, and say where', () => {
  for (const text of ['{"acl":{},"acl":{}}', '{"policy_version":"v1",}', '', '\ufeff{}']) {
    expect(() => parsePolicyData(text), text).toThrow(PolicyDataError)
  }
  expect(() => parsePolicyData('{"acl":{"a":1,"a":2}}')).toThrow(/`\/acl\/a`/)
})

test('a principal called like a member of every object is one like any other', () => {
  const parsed = parsePolicyData(
    '{"policy_version":"v1","acl":{"constructor":{"allowed_actions":[],"allowed_sinks":[]}}}',
  )
  expect(Object.keys(parsed.acl)).toEqual(['constructor'])
})

test('property: any JSON is a document or is refused with problems, never another error', () => {
  const part = fc.jsonValue() as fc.Arbitrary<Json>
  const document = fc.record(
    { policy_version: part, acl: part, latchgate: part },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(part, document), (value) => {
      for (const problem of problemsOf(value)) expect(problem).toMatch(/ \| .+ \| .+/)
    }),
    { numRuns: 1000 },
  )
})

test('property: reading what was read changes nothing', () => {
  const names = fc.array(fc.stringMatching(/^[a-z_]{1,8}$/), { maxLength: 4 })
  const entries = fc.record({ allowed_actions: names, allowed_sinks: names })
  const principals = fc.stringMatching(/^[a-z:][a-z:_]{0,8}$/)
  const documents = fc.record({
    policy_version: fc.constant('v1'),
    acl: fc.dictionary(principals, entries),
  })
  fc.assert(
    fc.property(documents, (value) => {
      const once = validatePolicyData(value)
      expect(parsePolicyData(JSON.stringify(once))).toEqual(once)
    }),
  )
})
