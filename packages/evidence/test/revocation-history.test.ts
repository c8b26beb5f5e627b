import type { JsonObject } from '@latchgate/protocol'
import { describe, expect, test } from 'vitest'
import { type Leaf, type LeafType, RevocationHistory, verifyLog } from '../src/index.js'
import { crypto } from './fixtures.js'
import { logSigner, SampleLog } from './sample-log.js'

const leafOf = (type: LeafType, body: JsonObject): Leaf => ({
  v: 1,
  type,
  log: 'l',
  id: 'id',
  time: '2026-01-01T00:00:00.000Z',
  gate: 'g',
  body,
})

const call = (more: JsonObject = {}): JsonObject => ({
  principal: 'agent-a',
  session_id: 's-1',
  lease_jti: 'lease-a',
  lease_epoch: 0,
  ...more,
})

/** What is wrong with a call after the revocations. */
function after(
  revocations: readonly (readonly [string, string | null])[],
  body: JsonObject,
  type: LeafType = 'intent',
): string | null {
  const history = new RevocationHistory()
  revocations.forEach(([kind, value], i) => {
    expect(history.add(i, leafOf('revocation', { kind, value, epoch: i + 1 }))).toBeNull()
  })
  return history.add(revocations.length, leafOf(type, body))
}

describe('a call after the revocation', () => {
  test.each(['intent', 'hold'] as const)('of its lease or session is found: %s', (type) => {
    const problem = 'the lease of this call had been revoked by leaf 0'
    expect(after([['lease', 'lease-a']], call(), type)).toBe(problem)
    expect(after([['session', 's-1']], call(), type)).toBe(problem)
    expect(after([['lease', 'lease-b']], call(), type)).toBeNull()
    expect(after([['session', 's-2']], call(), type)).toBeNull()
    // A newer lease of a revoked session is one of a revoked session.
    expect(after([['session', 's-1']], call({ lease_epoch: 1 }), type)).toBe(problem)
  })

  test('of its principal or of all is found by the epoch of its lease', () => {
    const problem = 'the lease of this call is of epoch 0, revoked by 1'
    expect(after([['principal', 'agent-a']], call())).toBe(problem)
    expect(after([['all', null]], call())).toBe(problem)
    expect(after([['principal', 'agent-b']], call())).toBeNull()
    expect(after([['principal', 'agent-a']], call({ lease_epoch: 1 }))).toBeNull()
    expect(after([['all', null]], call({ lease_epoch: 1 }))).toBeNull()
  })

  test('with a lease of an epoch yet to come is found', () => {
    const problem = 'the lease of this call is of epoch 1, yet to come'
    expect(after([], call({ lease_epoch: 1 }))).toBe(problem)
  })

  test('of a log that does not record epochs is judged by lease and session alone', () => {
    const { lease_epoch: _epoch, ...old } = call()
    expect(after([['all', null]], old)).toBeNull()
    expect(after([['session', 's-1']], old)).not.toBeNull()
  })
})

test.each([
  ['an epoch given twice', { kind: 'all', value: null, epoch: 5 }, /epoch 5 is not after/],
  ['an epoch that goes back', { kind: 'all', value: null, epoch: 4 }, /epoch 4 is not after/],
  ['no epoch', { kind: 'all', value: null }, /has no epoch/],
  ['nobody', { kind: 'lease', value: null, epoch: 6 }, /does not say whose/],
  ['an unknown kind', { kind: 'world', value: 'x', epoch: 6 }, /unknown kind 'world'/],
])('a revocation with %s is found', (_name, body, problem) => {
  const history = new RevocationHistory()
  history.add(0, leafOf('revocation', { kind: 'all', value: null, epoch: 5 }))
  expect(history.add(1, leafOf('revocation', body))).toMatch(problem)
})

test('a walk over a log reports a call of a revoked lease, at its leaf', () => {
  const log = new SampleLog()
  log.addKey('log', logSigner)
  log.add('revocation', { kind: 'all', value: null, epoch: 1 })
  const index = log.add('intent', { ...call(), session_seq: 1, grant_id: 'g' })
  const { findings } = verifyLog({ crypto, leaves: log.rows })
  expect(findings).toMatchObject([
    { index, column: 'revocation', problem: /of epoch 0, revoked by 1/ },
  ])
})
