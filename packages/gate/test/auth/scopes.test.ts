import { expect, test } from 'vitest'
import { isScope } from '../../src/auth/scopes.js'

test.each(['tools:call', 'email:send', 's3:put-object', 'ci:trigger_build', 'a:b:c'])(
  '%s is a scope',
  (scope) => {
    expect(isScope(scope)).toBe(true)
  },
)

test.each([
  'Tools:call',
  'toolscall',
  ':call',
  'tools:',
  'a:b',
  'tools:call!',
  'tools:call/read',
  `a:${'x'.repeat(63)}`,
  '',
])('%s is not a scope', (scope) => {
  expect(isScope(scope)).toBe(false)
})
