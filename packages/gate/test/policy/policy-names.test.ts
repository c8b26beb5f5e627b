import { expect, test } from 'vitest'
import { checkActions, checkBypassName, checkPrincipal } from '../../src/policy/policy-names.js'

function codeOf(checked: ReturnType<typeof checkPrincipal>): string | null {
  return checked.ok ? null : checked.error.code
}

test.each(['*', 'a', 'agent:billing', 'user@example.com', 'ü', 'x'.repeat(253), 'constructor'])(
  'the principal %s can be named',
  (name) => {
    expect(codeOf(checkPrincipal(name))).toBeNull()
  },
)

test.each(['', 'x'.repeat(254), 'a\nb', 'a\u0000', 'a\u009b', '\ud800', '_comment'])(
  'the principal %j cannot: it would be none, a comment, or a line of its own',
  (name) => {
    expect(codeOf(checkPrincipal(name))).toBe('invalid_principal')
  },
)

test('a list of actions has one at least, a hundred at most, each of them an id', () => {
  expect(codeOf(checkActions([]))).toBe('empty_actions')
  expect(codeOf(checkActions(Array.from({ length: 101 }, () => 'a')))).toBe('too_many_actions')
  expect(codeOf(checkActions(['http_fetch', 'a b']))).toBe('invalid_action_id')
  expect(codeOf(checkActions(['http_fetch', '']))).toBe('invalid_action_id')
  expect(codeOf(checkActions(Array.from({ length: 100 }, () => 'a')))).toBeNull()
})

test.each(['', '*', '_x', '-x', 'a b', 'x'.repeat(129), 'ü'])(
  'the bypass list does not take %j: nobody waives an approval for everybody',
  (name) => {
    expect(codeOf(checkBypassName('agent_id', name))).toBe('invalid_input')
  },
)
