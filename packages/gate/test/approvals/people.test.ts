import { expect, test } from 'vitest'
import { otherNameOf, peopleAmong } from '../../src/approvals/people.js'

const api_key = 'key-0123456789abcdef'
const CREDENTIALS = {
  alice: { api_key, dpop_jkt: 'a' },
  laptop: { api_key, dpop_jkt: 'b', owner: 'alice' },
  bob: { api_key, dpop_jkt: 'c', owner: 'robert' },
  phone: { api_key, dpop_jkt: 'd', owner: 'robert' },
  carol: { api_key, dpop_jkt: 'e' },
  twin: { api_key, dpop_jkt: 'e' },
  unbound: { api_key },
}

const given = (...names: readonly string[]): { operator: string; jkt: string }[] =>
  names.map((name) => {
    const [operator = '', jkt = ''] = name.split(' ')
    return { operator, jkt }
  })

test.each([
  ['nobody', [], 0],
  ['one', ['alice a'], 1],
  ['two people', ['alice a', 'bob c'], 2],
  ['one name twice', ['alice a', 'alice a'], 1],
  ['a person and a credential of his', ['laptop b', 'alice a'], 1],
  ['two credentials of one owner', ['bob c', 'phone d'], 1],
  ['one key under two names', ['carol e', 'twin e'], 1],
  ['a key that is not the configured one any more', ['alice x', 'bob c'], 1],
  ['a name that is not configured any more', ['dave a', 'bob c'], 1],
  ['what every object has', ['constructor undefined', '__proto__ undefined'], 0],
  ['a credential without a key', ['unbound undefined', 'unbound '], 0],
  ['all of them', ['alice a', 'laptop b', 'bob c', 'phone d', 'carol e', 'twin e'], 3],
] as const)('people are counted, not credentials: %s', (_what, names, people) => {
  expect(peopleAmong(CREDENTIALS, given(...names))).toBe(people)
  expect(peopleAmong(CREDENTIALS, given(...names).reverse())).toBe(people)
})

test('who has approved under another name is told under which', () => {
  const [alice, laptop, bob] = given('alice a', 'laptop b', 'bob c')
  if (alice === undefined || laptop === undefined || bob === undefined) throw new Error('given')
  expect(otherNameOf(CREDENTIALS, laptop, [bob, alice])).toBe('alice')
  expect(otherNameOf(CREDENTIALS, alice, [alice, bob])).toBeUndefined()
  expect(otherNameOf(CREDENTIALS, alice, [{ ...laptop, jkt: 'old' }])).toBeUndefined()
})
