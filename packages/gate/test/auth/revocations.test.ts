import type { LeaseClaims } from '@latchgate/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Revocations } from '../../src/auth/revocations.js'
import { freshProof } from '../ledger/entries.js'
import { type LedgerDir, ledgerDir } from '../ledger/sqlite-fixture.js'

let place: LedgerDir

beforeEach(() => {
  place = ledgerDir()
})

afterEach(() => place.remove())

const leaseOf = (epoch: number): LeaseClaims =>
  ({ jti: 'lease-a', session_id: 's-1', sub: 'agent-a', epoch }) as LeaseClaims

const describeIt = (epoch: number) =>
  ({ type: 'revocation', id: `revocation-${epoch}`, body: {} }) as const

const ALL = { kind: 'all', value: null } as const

test('a revocation counts its epoch up, and reaches the leases of before', async () => {
  const revocations = new Revocations(await place.open())
  await revocations.load()
  expect(revocations.epoch).toBe(0)
  const done = await revocations.revoke(ALL, freshProof(), describeIt)
  expect(done).toEqual({ ok: true, value: { previousEpoch: 0, epoch: 1, approvals: 0 } })
  expect(revocations.epoch).toBe(1)
  expect(revocations.reaches(leaseOf(0))).toBe(true)
  expect(revocations.reaches(leaseOf(1))).toBe(false)
})

test('one whose record failed still stops everything, and its epoch is given to no lease', async () => {
  const ledger = await place.open()
  const revocations = new Revocations(ledger)
  await revocations.load()
  await ledger.close()
  await expect(revocations.revoke(ALL, freshProof(), describeIt)).rejects.toThrow()
  const { epoch } = revocations
  expect(epoch).toBe(0)
  expect(revocations.reaches(leaseOf(epoch))).toBe(true)
  // After a restart the next revocation has the number of the one that was lost.
  const restarted = new Revocations(await place.open())
  await restarted.load()
  await restarted.revoke(ALL, freshProof(), describeIt)
  expect(restarted.reaches(leaseOf(epoch))).toBe(true)
  expect(restarted.reaches(leaseOf(restarted.epoch))).toBe(false)
})

test('after a new start everything that is on record still holds', async () => {
  const ledger = await place.open()
  const revocations = new Revocations(ledger)
  await revocations.load()
  const session = { kind: 'session', value: 's-1' } as const
  await revocations.revoke(session, freshProof(), describeIt)
  await ledger.close()
  const restarted = new Revocations(await place.open())
  expect(restarted.reaches(leaseOf(0))).toBe(false)
  await restarted.load()
  expect(restarted.epoch).toBe(1)
  expect(restarted.reaches(leaseOf(0))).toBe(true)
  expect(restarted.reaches({ ...leaseOf(1), session_id: 's-2' })).toBe(false)
})
