import type { JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { grantEdit, revokeEdit } from '../../src/policy/edit-acl.js'
import {
  allowlistEdit,
  quorumEdit,
  quotaEdit,
  requireApprovalEdit,
} from '../../src/policy/edit-rules.js'
import { nextVersion, withoutValueAt } from '../../src/policy/policy-document.js'
import { applyEdit, type PolicyEdit } from '../../src/policy/policy-edit.js'
import { actionsOf } from './known-actions.js'

const known = actionsOf({
  read: ['http_read'],
  write: ['http_write'],
  both: ['http_read', 'http_write'],
  high_pay: ['money'],
})

const start: JsonObject = {
  _WARNING: 'kept',
  policy_version: 'team-12',
  acl: {
    _comment: 'kept too',
    '*': { allowed_actions: ['read'], allowed_sinks: ['http_read'] },
    alice: {
      _why: 'ticket 7',
      allowed_actions: ['write'],
      allowed_sinks: ['http_write', 'by_hand'],
    },
    heir: { allowed_actions: ['write'], allowed_sinks: ['http_write'], inherits_wildcard: true },
  },
  latchgate: { allowlist: { write: { alice: true } } },
}

function edited(
  edit: PolicyEdit,
  document: JsonObject = start,
  aclInsecure = false,
): { readonly document: JsonObject; readonly answer: JsonObject; readonly changed: boolean } {
  const result = applyEdit(document, edit, { known, aclInsecure })
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`)
  const { document: next, answer, changed } = result.value
  return { document: next, answer, changed }
}

function refusalOf(edit: PolicyEdit, document: JsonObject = start): unknown {
  const result = applyEdit(document, edit, { known, aclInsecure: false })
  if (result.ok) throw new Error('accepted')
  const { status, code, message, body } = result.error
  return [status, code, message, body]
}

const entry = (document: JsonObject, principal: string): unknown =>
  (document['acl'] as JsonObject)[principal]

test('a grant adds actions and their sinks, and keeps comments, order and sinks by hand', () => {
  const { document, answer } = edited(grantEdit({ principal: 'alice', actions: ['read', 'both'] }))
  expect(answer).toEqual({
    principal: 'alice',
    granted: ['read', 'both'],
    total_actions: 3,
    allowed_sinks: ['by_hand', 'http_read', 'http_write'],
  })
  expect(JSON.stringify(document)).toBe(
    JSON.stringify({
      ...start,
      policy_version: 'team-13',
      acl: {
        ...(start['acl'] as JsonObject),
        alice: {
          _why: 'ticket 7',
          allowed_actions: ['both', 'read', 'write'],
          allowed_sinks: ['by_hand', 'http_read', 'http_write'],
        },
      },
    }),
  )
})

test('a grant to somebody new makes an entry that does not inherit', () => {
  const { document, answer } = edited(grantEdit({ principal: 'constructor', actions: ['read'] }))
  expect(answer).toEqual({
    principal: 'constructor',
    granted: ['read'],
    total_actions: 1,
    allowed_sinks: ['http_read'],
  })
  expect(entry(document, 'constructor')).toEqual({
    allowed_actions: ['read'],
    allowed_sinks: ['http_read'],
  })
})

test('a grant that makes an entry says what of the wildcard it shadows', () => {
  const { answer } = edited(grantEdit({ principal: 'carol', actions: ['write'] }))
  expect(answer['no_longer_allowed']).toEqual(['read'])
})

test('a name that would make an entry a comment is refused', () => {
  expect(refusalOf(grantEdit({ principal: '__proto__', actions: ['read'] }))).toEqual([
    400,
    'invalid_principal',
    'principal must not begin with _',
    { detail: 'principal must not begin with _' },
  ])
})

test('a grant that says nothing new changes nothing, and keeps the version', () => {
  const sorted = edited(grantEdit({ principal: 'alice', actions: ['write'] })).document
  const again = edited(grantEdit({ principal: 'alice', actions: ['write'] }), sorted)
  expect([again.changed, again.document]).toEqual([false, sorted])
})

test.each<[string, PolicyEdit, unknown]>([
  [
    'an unknown action, with the one that was meant',
    grantEdit({ principal: 'alice', actions: ['read', 'wirte'] }),
    [
      400,
      'unknown_action',
      "there is no action 'wirte' (did you mean 'write'?)",
      { action_id: 'wirte' },
    ],
  ],
  [
    'an action of high risk for everybody',
    grantEdit({ principal: '*', actions: ['high_pay'] }),
    [
      400,
      'invalid_input',
      'policy data: `acl.*.allowed_actions` gives everybody actions of high risk (high_pay): grant them to principals by name, or set `[posture] acl_insecure = true`',
      {
        detail:
          'policy data: `acl.*.allowed_actions` gives everybody actions of high risk (high_pay): grant them to principals by name, or set `[posture] acl_insecure = true`',
      },
    ],
  ],
  [
    'no principal',
    grantEdit({ principal: '', actions: ['read'] }),
    [
      400,
      'invalid_principal',
      'principal must be 1-253 characters',
      { detail: 'principal must be 1-253 characters' },
    ],
  ],
  [
    'too long a principal',
    revokeEdit({ principal: 'x'.repeat(254), actions: ['read'] }),
    [
      400,
      'invalid_principal',
      'principal must be 1-253 characters',
      { detail: 'principal must be 1-253 characters' },
    ],
  ],
  [
    'a principal of control characters',
    grantEdit({ principal: 'a\nb', actions: ['read'] }),
    [
      400,
      'invalid_principal',
      'principal must not contain control characters',
      { detail: 'principal must not contain control characters' },
    ],
  ],
  [
    'no action',
    grantEdit({ principal: 'alice', actions: [] }),
    [
      400,
      'empty_actions',
      'at least one action required',
      { detail: 'at least one action required' },
    ],
  ],
  [
    'too many actions',
    revokeEdit({ principal: 'alice', actions: Array.from({ length: 101 }, () => 'read') }),
    [
      400,
      'too_many_actions',
      'max 100 actions per request',
      { detail: 'max 100 actions per request' },
    ],
  ],
  [
    'a pattern for an action',
    revokeEdit({ principal: 'alice', actions: ['http_*'] }),
    [
      400,
      'invalid_action_id',
      'action_id must contain only [a-zA-Z0-9_-]',
      { detail: 'action_id must contain only [a-zA-Z0-9_-]' },
    ],
  ],
  [
    'an empty action',
    revokeEdit({ principal: 'alice', actions: [''] }),
    [
      400,
      'invalid_action_id',
      'action_id must be 1-253 characters',
      { detail: 'action_id must be 1-253 characters' },
    ],
  ],
  [
    'a bypass for everybody',
    allowlistEdit('add', { actionId: 'high_pay', agentId: '*' }),
    [
      400,
      'invalid_input',
      'agent_id must contain only [a-zA-Z0-9_-:.@]',
      { detail: 'agent_id must contain only [a-zA-Z0-9_-:.@]' },
    ],
  ],
  [
    'a bypass that would be a comment',
    allowlistEdit('add', { actionId: 'high_pay', agentId: '_a' }),
    [
      400,
      'invalid_input',
      'agent_id must contain only [a-zA-Z0-9_-:.@]',
      { detail: 'agent_id must contain only [a-zA-Z0-9_-:.@]' },
    ],
  ],
  [
    'a bypass of an action without a name',
    allowlistEdit('add', { actionId: '', agentId: 'a' }),
    [
      400,
      'invalid_input',
      'action_id must be 1-128 characters',
      { detail: 'action_id must be 1-128 characters' },
    ],
  ],
  [
    'a bypass of an unknown action',
    allowlistEdit('add', { actionId: 'high_pya', agentId: 'a' }),
    [
      404,
      'action_not_found',
      "there is no action 'high_pya' (did you mean 'high_pay'?)",
      { action_id: 'high_pya' },
    ],
  ],
  [
    'no bypass to take away',
    allowlistEdit('remove', { actionId: 'write', agentId: 'bob' }),
    [
      404,
      'allowlist_entry_not_found',
      "there is no bypass of 'write' for 'bob'",
      { detail: "there is no bypass of 'write' for 'bob'" },
    ],
  ],
  [
    'no rule to take away',
    requireApprovalEdit('remove', { actionId: 'write', principal: '*' }),
    [
      404,
      'not_found',
      "there is no rule that 'write' needs an approval for '*'",
      { detail: "there is no rule that 'write' needs an approval for '*'" },
    ],
  ],
  [
    'a rule that would be a comment',
    requireApprovalEdit('add', { actionId: 'write', principal: '_x' }),
    [
      400,
      'invalid_principal',
      'principal must not begin with _',
      { detail: 'principal must not begin with _' },
    ],
  ],
  [
    'a quorum out of reach',
    quorumEdit({ actionId: '*', principal: '*', approvals: 6 }),
    [
      400,
      'invalid_input',
      'approvals must be a whole number from 1 to 5',
      { detail: 'approvals must be a whole number from 1 to 5' },
    ],
  ],
  [
    'a quorum for an unknown action',
    quorumEdit({ actionId: 'nope', principal: '*', approvals: 2 }),
    [404, 'action_not_found', "there is no action 'nope'", { action_id: 'nope' }],
  ],
  [
    'a quota of nothing',
    quotaEdit('alice', [{ window_seconds: 60 }]),
    [
      400,
      'invalid_input',
      'a quota needs calls, cost_usd_cents or both',
      { detail: 'a quota needs calls, cost_usd_cents or both' },
    ],
  ],
  [
    'a quota of half a call',
    quotaEdit('alice', [{ calls: 0.5, window_seconds: 60 }]),
    [
      400,
      'invalid_input',
      'calls and cost_usd_cents must be whole numbers, 0 or more',
      { detail: 'calls and cost_usd_cents must be whole numbers, 0 or more' },
    ],
  ],
  [
    'a quota without a window',
    quotaEdit('alice', [{ calls: 1, window_seconds: 0 }]),
    [
      400,
      'invalid_input',
      'window_seconds must be a whole number from 1 to 31622400',
      { detail: 'window_seconds must be a whole number from 1 to 31622400' },
    ],
  ],
  [
    'more quotas than anybody understands',
    quotaEdit(
      'alice',
      Array.from({ length: 17 }, () => ({ calls: 1, window_seconds: 1 })),
    ),
    [
      400,
      'invalid_input',
      'max 16 quotas per principal',
      { detail: 'max 16 quotas per principal' },
    ],
  ],
])('refused: %s', (_name, edit, expected) => {
  expect(refusalOf(edit)).toEqual(expected)
})

test('the posture flag for the wildcard relaxes exactly that', () => {
  const { document } = edited(grantEdit({ principal: '*', actions: ['high_pay'] }), start, true)
  expect(entry(document, '*')).toEqual({
    allowed_actions: ['high_pay', 'read'],
    allowed_sinks: ['http_read', 'money'],
  })
})

test('a revoke takes a sink only when a revoked action declared it and none that is left needs it', () => {
  const granted = edited(grantEdit({ principal: 'alice', actions: ['read', 'both'] })).document
  const one = edited(revokeEdit({ principal: 'alice', actions: ['read'] }), granted)
  expect(one.answer).toEqual({
    principal: 'alice',
    revoked: ['read'],
    remaining_actions: 2,
    allowed_sinks: ['by_hand', 'http_read', 'http_write'],
    principal_removed: false,
  })
  const two = edited(revokeEdit({ principal: 'alice', actions: ['both'] }), one.document)
  expect(two.answer['allowed_sinks']).toEqual(['by_hand', 'http_write'])
})

test('a revoke of the last action leaves an empty entry, which shadows the wildcard', () => {
  const { document, answer } = edited(revokeEdit({ principal: 'alice', actions: ['write'] }))
  expect(entry(document, 'alice')).toEqual({
    _why: 'ticket 7',
    allowed_actions: [],
    allowed_sinks: ['by_hand'],
  })
  expect(answer).toEqual({
    principal: 'alice',
    revoked: ['write'],
    remaining_actions: 0,
    allowed_sinks: ['by_hand'],
    principal_removed: false,
  })
})

test('a revoke of what the principal does not have touches no sink', () => {
  const { changed } = edited(revokeEdit({ principal: 'alice', actions: ['both'] }))
  expect(changed).toBe(false)
})

test('a revoke says what the principal keeps through the wildcard', () => {
  const heir = edited(revokeEdit({ principal: 'heir', actions: ['write', 'read'] }))
  expect(heir.answer['still_allowed']).toEqual(['read'])
  const stranger = edited(revokeEdit({ principal: 'stranger', actions: ['read', 'write'] }))
  expect([stranger.changed, stranger.answer]).toEqual([
    false,
    {
      principal: 'stranger',
      revoked: ['read', 'write'],
      remaining_actions: 0,
      allowed_sinks: [],
      principal_removed: false,
      still_allowed: ['read'],
    },
  ])
})

test('a principal is removed only where the wildcard gives it nothing more', () => {
  const remove = (principal: string, actions: readonly string[] = []): PolicyEdit =>
    revokeEdit({ principal, actions, removePrincipal: true })
  const detail =
    "without an entry 'alice' would have what '*' gives everybody (read, http_read): " +
    'leave the entry, which may be empty, or revoke those from `*` first'
  expect(refusalOf(remove('alice'))).toEqual([400, 'invalid_input', detail, { detail }])
  const heir = edited(remove('heir', ['write']))
  expect(heir.answer).toEqual({
    principal: 'heir',
    revoked: ['write'],
    remaining_actions: 0,
    allowed_sinks: [],
    principal_removed: true,
  })
  expect(entry(heir.document, 'heir')).toBeUndefined()
  const nobody = edited(revokeEdit({ principal: '*', actions: ['read'] })).document
  expect(entry(edited(remove('alice'), nobody).document, 'alice')).toBeUndefined()
  expect(entry(edited(remove('*')).document, '*')).toBeUndefined()
})

test('bypasses, rules, quorums and quotas come and go, each with a version, and leave nothing behind', () => {
  const steps: readonly (readonly [PolicyEdit, unknown])[] = [
    [
      allowlistEdit('add', { actionId: 'read', agentId: 'bob.x@y' }),
      { allowlist: { write: { alice: true }, read: { 'bob.x@y': true } } },
    ],
    [
      allowlistEdit('remove', { actionId: 'read', agentId: 'bob.x@y' }),
      { allowlist: { write: { alice: true } } },
    ],
    [allowlistEdit('remove', { actionId: 'write', agentId: 'alice' }), { allowlist: {} }],
    [
      requireApprovalEdit('add', { actionId: 'read', principal: '*' }),
      { allowlist: {}, require_approval: { read: { '*': true } } },
    ],
    [
      requireApprovalEdit('remove', { actionId: 'read', principal: '*' }),
      { allowlist: {}, require_approval: {} },
    ],
    [
      quorumEdit({ actionId: '*', principal: 'alice', approvals: 5 }),
      { allowlist: {}, require_approval: {}, quorum: { '*': { alice: 5 } } },
    ],
    [
      quorumEdit({ actionId: '*', principal: 'alice', approvals: 1 }),
      { allowlist: {}, require_approval: {}, quorum: {} },
    ],
    [
      quotaEdit('*', [{ calls: 5, window_seconds: 60 }]),
      {
        allowlist: {},
        require_approval: {},
        quorum: {},
        quotas: { '*': [{ calls: 5, window_seconds: 60 }] },
      },
    ],
    [quotaEdit('*', []), { allowlist: {}, require_approval: {}, quorum: {}, quotas: {} }],
  ]
  let document = start
  for (const [at, [edit, latchgate]] of steps.entries()) {
    document = edited(edit, document).document
    expect([document['policy_version'], document['latchgate']]).toEqual([
      `team-${13 + at}`,
      latchgate,
    ])
  }
  expect(document['acl']).toEqual(start['acl'])
})

test.each([
  ['', 'v1'],
  ['v1', 'v1-1'],
  ['v1-1', 'v1-2'],
  ['team-12', 'team-13'],
  ['a-b-9', 'a-b-10'],
  ['x-9007199254740993', 'x-9007199254740994'],
  ['-', '--1'],
])('version %j becomes %j', (before, after) => {
  expect(nextVersion(before)).toBe(after)
})

test('a version that would become too long is refused, and says so', () => {
  const document = { ...start, policy_version: 'x'.repeat(127) }
  expect(String(refusalOf(grantEdit({ principal: 'a', actions: ['read'] }), document))).toMatch(
    /^400,invalid_input,policy data: `policy_version` is not a text of 1 to 128 printable characters/,
  )
})

test('comments keep an object alive that would be empty without them', () => {
  const document = { a: { b: { _note: 'x', c: 1 } } }
  expect(withoutValueAt(document, ['a', 'b', 'c'], 0)).toEqual({ a: { b: { _note: 'x' } } })
  expect(withoutValueAt({ a: { b: { c: 1 } } }, ['a', 'b', 'c'], 1)).toEqual({ a: {} })
})
