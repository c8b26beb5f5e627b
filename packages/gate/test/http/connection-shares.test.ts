import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { ConnectionShares, connectionLimits } from '../../src/http/connection-shares.js'

const socket = (): EventEmitter => new EventEmitter()

test('a peer gets its share of a listener, and again what it has closed', () => {
  const shares = new ConnectionShares({ total: 4, perPeer: 2 })
  const first = socket()
  expect(shares.take('a', first)).toBe(true)
  expect(shares.take('a', socket())).toBe(true)
  expect(shares.take('a', socket())).toBe(false)
  expect(shares.take('b', socket())).toBe(true)
  first.emit('close')
  expect(shares.take('a', socket())).toBe(true)
})

test('all peers together get no more than the listener has', () => {
  const shares = new ConnectionShares({ total: 3, perPeer: 2 })
  const taken = ['a', 'a', 'b', 'b', 'c'].map((peer) => shares.take(peer, socket()))
  expect(taken).toEqual([true, true, true, false, false])
})

test.each([64, 400, 1024, 4096, 1_048_576])(
  'four listeners of a process with %i descriptors leave a third of them',
  (openFiles) => {
    const { total, perPeer } = connectionLimits(openFiles)
    expect(total * 4).toBeLessThanOrEqual((openFiles * 2) / 3)
    expect(perPeer).toBeLessThan(total)
    expect(perPeer).toBeGreaterThan(0)
  },
)
