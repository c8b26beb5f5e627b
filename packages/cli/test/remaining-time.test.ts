import { expect, test } from 'vitest'
import { remainingTime } from '../src/approvals/remaining-time.js'

const NOW = Date.parse('2026-03-01T10:00:00.000Z')

test.each([
  ['2026-03-01T10:00:01.999Z', '1s'],
  ['2026-03-01T10:01:00Z', '1m00s'],
  ['2026-03-01T10:59:59Z', '59m59s'],
  ['2026-03-01T11:02:03Z', '1h02m'],
  ['2026-03-02T10:00:00Z', '24h00m'],
])('until %s there is %s left', (time, left) => {
  expect(remainingTime(time, NOW)).toBe(left)
})

test.each(['2026-03-01T10:00:00Z', '2026-03-01T10:00:00.999Z', '2026-02-28T10:00:00Z', '', 'soon'])(
  'what ends at %j is shown as expired: a time that cannot be read does not go on',
  (time) => {
    expect(remainingTime(time, NOW)).toBe('expired')
  },
)
