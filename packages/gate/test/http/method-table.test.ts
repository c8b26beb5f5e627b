import { expect, test } from 'vitest'
import { MethodTable } from '../../src/http/method-table.js'

const table = new MethodTable([
  { method: 'GET', path: '/v1/actions' },
  { method: 'GET', path: '/v1/actions/:action_id' },
  { method: 'POST', path: '/v1/actions/:action_id/execute' },
])

test('a known path lists its methods, HEAD beside GET', () => {
  expect(table.allowed('/v1/actions?x=1')).toEqual(['GET', 'HEAD'])
  expect(table.allowed('/v1/actions/a/execute')).toEqual(['POST'])
})

test('an unknown path, a trailing slash and an empty parameter have none', () => {
  expect(table.allowed('/v1/action')).toEqual([])
  expect(table.allowed('/v1/actions/')).toEqual([])
  expect(table.allowed('/v1/actions//execute')).toEqual([])
})

test('escapes, absolute form and fragment are read as the router reads them', () => {
  expect(table.allowed('/v1/%61ctions')).toEqual(['GET', 'HEAD'])
  expect(table.allowed('http://evil.example/v1/actions?x')).toEqual(['GET', 'HEAD'])
  expect(table.allowed('/v1/actions#x')).toEqual(['GET', 'HEAD'])
  expect(table.allowed('/v1/actions/a%2Fexecute')).toEqual(['GET', 'HEAD'])
  expect(table.allowed('/v1/%zz')).toEqual([])
  expect(table.allowed('*')).toEqual([])
})
