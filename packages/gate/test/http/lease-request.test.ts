import type { Json } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { parseLeaseRequest } from '../../src/http/lease-request.js'

const jwk = { kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }
const pathOf = (json: Json): unknown => {
  const parsed = parseLeaseRequest(json)
  return parsed.ok ? 'ok' : parsed.error.body['path']
}

test('what published clients send is accepted', () => {
  const budgets = { max_calls: 5, max_cost_usd_cents: 100 }
  const parsed = parseLeaseRequest({ scopes: ['tools:call'], dpop_jwk: jwk, budgets })
  expect(parsed).toEqual({
    ok: true,
    value: { scopes: ['tools:call'], dpop_jwk: jwk, budgets: { max_calls: 5 } },
  })
})

test('a budget without max_calls has no limit, and null is no budget', () => {
  const cost = parseLeaseRequest({ scopes: [], dpop_jwk: jwk, budgets: { max_cost_usd_cents: 1 } })
  expect(cost.ok && cost.value.budgets).toEqual({ max_calls: null })
  const none = parseLeaseRequest({ scopes: [], dpop_jwk: jwk, budgets: null })
  expect(none.ok && none.value.budgets).toBeUndefined()
})

test('a wrong member is named', () => {
  expect(pathOf([])).toBe('')
  expect(pathOf({ scopes: ['a'], dpop_jwk: jwk, session_id: 'x' })).toBe('/session_id')
  expect(pathOf({ scopes: 'tools:call', dpop_jwk: jwk })).toBe('/scopes')
  expect(pathOf({ scopes: [1], dpop_jwk: jwk })).toBe('/scopes')
  expect(pathOf({ scopes: [], dpop_jwk: { kty: 'EC' } })).toBe('/dpop_jwk')
  expect(pathOf({ scopes: [], dpop_jwk: { ...jwk, d: 'c' } })).toBe('/dpop_jwk/d')
  expect(pathOf({ scopes: [], dpop_jwk: { ...jwk, kid: 'c' } })).toBe('ok')
  expect(pathOf({ scopes: [], dpop_jwk: jwk, budgets: { max_calls: -1 } })).toBe(
    '/budgets/max_calls',
  )
  expect(pathOf({ scopes: [], dpop_jwk: jwk, budgets: { max_calls: 1.5 } })).toBe(
    '/budgets/max_calls',
  )
  expect(pathOf({ scopes: [], dpop_jwk: jwk, fs_root: 1 })).toBe('/fs_root')
})
