import type { AuditEvent, AuditEventsBody } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import {
  type AuditPlace,
  limitArgument,
  newestPages,
  timeArgument,
} from '../src/audit/audit-question.js'

const NOW = Date.parse('2026-03-08T12:00:00Z')

test.each([
  ['30s', '2026-03-08T11:59:30.000Z'],
  ['90m', '2026-03-08T10:30:00.000Z'],
  ['1h', '2026-03-08T11:00:00.000Z'],
  ['2d', '2026-03-06T12:00:00.000Z'],
  ['1w', '2026-03-01T12:00:00.000Z'],
  ['999999w', '1970-01-01T00:00:00.000Z'],
  ['2026-03-01', '2026-03-01T00:00:00Z'],
  ['2026-03-01T10:00:00.5+02:00', '2026-03-01T10:00:00.5+02:00'],
])('%s is %s', (given, expected) => {
  expect(timeArgument(given, NOW)).toBe(expected)
})

test.each(['', 'yesterday', '1', '1y', '-1h', '1.5h', '2026-13-01', '2026-03-01 10:00', '10:00'])(
  "'%s' is no time",
  (given) => {
    expect(() => timeArgument(given, NOW)).toThrow('Write 2026-03-01T10:00:00Z')
  },
)

test.each(['0', '-1', '1.5', 'ten', '', '1e3'])("'%s' is no number of events", (given) => {
  expect(() => limitArgument(given)).toThrow('Write a whole number from 1 on.')
})

test('more than a page is fetched in pages, through those that found nothing', async () => {
  const asked: AuditPlace[] = []
  const found = [1000, 0, 1000, 1000]
  const ask = async (place: AuditPlace): Promise<AuditEventsBody> => {
    asked.push(place)
    const count = Math.min(place.limit, found[asked.length - 1] ?? 0)
    const events = Array.from({ length: count }, () => ({}) as AuditEvent)
    return { events, newest_index: 9, next_cursor: `after-${asked.length}` }
  }
  let total = 0
  for await (const { events } of newestPages(ask, 2500)) total += events.length
  expect([total, asked]).toEqual([
    2500,
    [
      { limit: 1000 },
      { limit: 1000, cursor: 'after-1' },
      { limit: 1000, cursor: 'after-2' },
      { limit: 500, cursor: 'after-3' },
    ],
  ])
})
