import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { UnreadAnswers } from '../../src/http/unread-answers.js'

test('answers that a peer does not read are bounded, and room comes back with reading', () => {
  const unread = new UnreadAnswers(100)
  const first = new EventEmitter()
  expect(unread.take('a', 60, first)).toBe(true)
  expect(unread.take('a', 60, new EventEmitter())).toBe(false)
  expect(unread.take('b', 60, new EventEmitter())).toBe(true)
  first.emit('close')
  expect(unread.take('a', 60, new EventEmitter())).toBe(true)
})

test('an answer larger than all that may wait is sent when nothing else waits', () => {
  const unread = new UnreadAnswers(100)
  expect(unread.take('a', 500, new EventEmitter())).toBe(true)
  expect(unread.take('a', 1, new EventEmitter())).toBe(false)
})
