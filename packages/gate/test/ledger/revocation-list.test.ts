import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Revocation } from '../../src/ledger/port.js'
import { type RevocableLease, RevocationList } from '../../src/ledger/revocation-list.js'

const LEASE = { jti: 'lease', sessionId: 'session', principal: 'agent', epoch: 0 }

function listOf(...revocations: readonly Revocation[]): RevocationList {
  const list = new RevocationList()
  for (const revocation of revocations) list.add(revocation)
  return list
}

test.each([
  [{ kind: 'all', value: null, epoch: 1 }],
  [{ kind: 'principal', value: 'agent', epoch: 1 }],
  [{ kind: 'session', value: 'session', epoch: 1 }],
  [{ kind: 'lease', value: 'lease', epoch: 1 }],
] as const)('%j reaches the lease', (revocation) => {
  expect(listOf(revocation).reaches(LEASE)).toBe(true)
})

test.each([
  [{ kind: 'principal', value: 'other', epoch: 1 }],
  [{ kind: 'session', value: 'other', epoch: 1 }],
  [{ kind: 'lease', value: 'other', epoch: 1 }],
] as const)('%j does not', (revocation) => {
  expect(listOf(revocation).reaches(LEASE)).toBe(false)
})

test('a lease issued after a revocation of everybody, or of its principal, is good again', () => {
  const list = listOf(
    { kind: 'all', value: null, epoch: 1 },
    { kind: 'principal', value: 'agent', epoch: 2 },
  )
  expect(list.reaches({ ...LEASE, epoch: 1 })).toBe(true)
  expect(list.reaches({ ...LEASE, epoch: 2 })).toBe(false)
})

test('an epoch that has not come is refused: the revocation that gave it out was never recorded', () => {
  expect(listOf().reaches({ ...LEASE, epoch: 1 })).toBe(true)
})

test('no revocation ever makes a revoked lease good again', () => {
  const name = fc.constantFrom('a', 'b')
  const revocation = fc.oneof(
    fc.record({ kind: fc.constant('all' as const), value: fc.constant(null) }),
    fc.record({ kind: fc.constantFrom('principal', 'session', 'lease'), value: name }),
  ) as fc.Arbitrary<Omit<Revocation, 'epoch'>>
  const lease: fc.Arbitrary<RevocableLease> = fc.record({
    jti: name,
    sessionId: name,
    principal: name,
    epoch: fc.nat(6),
  })
  fc.assert(
    fc.property(fc.array(revocation, { maxLength: 6 }), lease, (revocations, one) => {
      const list = new RevocationList()
      let wasRevoked = false
      for (const [index, each] of revocations.entries()) {
        list.add({ ...each, epoch: index + 1 })
        const isIssued = one.epoch <= index + 1
        if (wasRevoked) expect(list.reaches(one)).toBe(true)
        if (isIssued) wasRevoked = list.reaches(one)
      }
    }),
  )
})
