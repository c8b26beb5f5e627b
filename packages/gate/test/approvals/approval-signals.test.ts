import { setMaxListeners } from 'node:events'
import { expect, test } from 'vitest'
import { ApprovalSignals } from '../../src/approvals/approval-signals.js'

const NEVER = new AbortController().signal

test('whoever waits for an approval is woken when it changes, and nobody else', async () => {
  const signals = new ApprovalSignals()
  const options = { timeoutMs: 60_000, signal: NEVER }
  const first = signals.wait('a', 'agent', options)
  const second = signals.wait('a', 'agent', options)
  let other = 'waiting'
  const third = signals.wait('b', 'agent', options).then((why) => {
    other = why
  })
  signals.changed('a')
  expect(await Promise.all([first, second])).toEqual(['changed', 'changed'])
  expect(other).toBe('waiting')
  signals.changed()
  await third
  expect(other).toBe('changed')
})

test('a wait ends with its time, and with the client', async () => {
  const signals = new ApprovalSignals()
  expect(await signals.wait('a', 'agent', { timeoutMs: 1, signal: NEVER })).toBe('elapsed')
  const gone = new AbortController()
  const wait = signals.wait('a', 'agent', { timeoutMs: 60_000, signal: gone.signal })
  gone.abort()
  expect(await wait).toBe('elapsed')
  const before = { timeoutMs: 60_000, signal: gone.signal }
  expect(await signals.wait('a', 'agent', before)).toBe('elapsed')
})

test('a principal has 64 places to wait; another one has its own, and places are given back', async () => {
  const signals = new ApprovalSignals()
  const gone = new AbortController()
  setMaxListeners(0, gone.signal)
  const options = { timeoutMs: 60_000, signal: gone.signal }
  const waits = Array.from({ length: 64 }, (_, i) => signals.wait(`a${i}`, 'agent', options))
  expect(await signals.wait('b', 'agent', options)).toBe('full')
  const other = signals.wait('b', 'another', options)
  gone.abort()
  expect(new Set(await Promise.all([...waits, other]))).toEqual(new Set(['elapsed']))
  const again = { timeoutMs: 1, signal: NEVER }
  expect(await signals.wait('b', 'agent', again)).toBe('elapsed')
})
