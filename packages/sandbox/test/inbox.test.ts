import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Inbox } from '../src/worker/inbox.js'
import type { ToWorker } from '../src/worker/messages.js'

const limits = { fuel: 1, memoryPages: 1, timeoutMs: 1, maxIoCalls: 1, maxOutputBytes: 1 }
const start = (call: number): ToWorker => ({ kind: 'start', call, digest: 'd', input: '', limits })
const reply = (call: number): ToWorker => ({
  kind: 'reply',
  call,
  reply: { ok: false, error: 'none' },
})
const drop = (call: number): ToWorker => ({ kind: 'drop', call })

function drain(inbox: Inbox): string[] {
  const order: string[] = []
  for (let next = inbox.next(); next !== undefined; next = inbox.next()) {
    order.push(next.kind === 'module' ? 'module' : `${next.kind} ${next.call}`)
  }
  return order
}

test('calls that have begun go on before others begin, and each kind stays in its order', () => {
  const inbox = new Inbox()
  inbox.take([start(1), start(2), reply(3)])
  inbox.take([reply(4), start(5)])
  expect(drain(inbox)).toEqual(['reply 3', 'reply 4', 'start 1', 'start 2', 'start 5'])
})

test('a call that is dropped before it begins is not begun, and the drop is still answered', () => {
  const inbox = new Inbox()
  inbox.take([start(1), start(2)])
  expect(inbox.next()).toEqual(start(1))
  inbox.take([drop(2), drop(1)])
  expect(drain(inbox)).toEqual(['drop 2', 'drop 1'])
})

test('every message comes out once, but the start of a call that was dropped behind it', () => {
  const message = fc.tuple(fc.constantFrom(reply, drop), fc.nat(9))
  fc.assert(
    fc.property(fc.array(message), fc.uniqueArray(fc.nat(9)), (others, calls) => {
      const sent = [...calls.map(start), ...others.map(([make, call]) => make(call))]
      const inbox = new Inbox()
      inbox.take(sent)
      const dropped = new Set(others.filter(([make]) => make === drop).map(([, call]) => call))
      const begun = calls.filter((call) => !dropped.has(call)).map((call) => `start ${call}`)
      const order = drain(inbox)
      expect(order.filter((one) => one.startsWith('start'))).toEqual(begun)
      expect(order.length).toBe(others.length + begun.length)
    }),
  )
})
