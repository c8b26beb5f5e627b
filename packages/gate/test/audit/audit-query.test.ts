import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AuditQuery, parseAuditQuery } from '../../src/audit/audit-query.js'

function parsed(raw: Record<string, unknown>): AuditQuery {
  const query = parseAuditQuery(raw)
  if (!query.ok) throw new Error(query.error.message)
  return query.value
}

function refusal(raw: Record<string, unknown>): readonly [string, number, string] {
  const query = parseAuditQuery(raw)
  if (query.ok) throw new Error(JSON.stringify(query.value))
  const { code, status, message } = query.error
  return [code, status, message]
}

test('nothing asked for is the newest hundred', () => {
  expect(parsed({})).toEqual({ equal: {}, limit: 100 })
  expect(parsed({ nonsense: 'x', colour: ['a', 'b'] })).toEqual({ equal: {}, limit: 100 })
})

test('every filter is taken as it is, an empty one too', () => {
  const equal = {
    trace_id: 't',
    event_type: 'e',
    action_id: 'a',
    principal: ' p ',
    session_id: '',
    decision: 'deny',
    approval_id: 'x',
  }
  expect(parsed(equal)).toEqual({ equal, limit: 100 })
})

test.each([
  ['1', 1],
  ['1000', 1000],
  ['1001', 1000],
  ['0', 1],
  ['-7', 1],
  ['+7', 7],
  ['9'.repeat(400), 1000],
])('a limit of %s is %i', (limit, expected) => {
  expect(parsed({ limit }).limit).toBe(expected)
})

test.each([
  [{ limit: 'ten' }, "`limit` is no whole number: 'ten'"],
  [{ limit: '' }, "`limit` is no whole number: ''"],
  [{ limit: '1.5' }, "`limit` is no whole number: '1.5'"],
  [{ limit: ['1', '1'] }, '`limit` is given more than once'],
  [{ trace_id: ['a', 'a'] }, '`trace_id` is given more than once'],
  [{ cursor: 'x' }, "`cursor` is not a `next_cursor` of this gate: 'x'"],
  [{ cursor: '-1' }, "`cursor` is not a `next_cursor` of this gate: '-1'"],
  [{ since_index: '-2' }, "`since_index` is not a `next_since_index` of this gate: '-2'"],
  [
    { cursor: '1', since_index: '1' },
    '`cursor` and `since_index` lead into opposite directions: send one',
  ],
  [
    { after: 'yesterday\u001b[31m' },
    "`after` is no time: 'yesterday?[31m'; write it as 2026-03-01T10:00:00Z or 2026-03-01T11:00:00.5%2B01:00",
  ],
])('%j is refused by name', (raw, message) => {
  expect(refusal(raw)).toEqual(['bad_request', 400, message])
})

test.each([
  ['2026-03-01T10:00:00Z', '2026-03-01T10:00:00.000Z', '2026-03-01T10:00:00.000Z'],
  ['2026-03-01t10:00:00.5z', '2026-03-01T10:00:00.500Z', '2026-03-01T10:00:00.500Z'],
  ['2026-03-01T10:00:00.1234+02:00', '2026-03-01T08:00:00.123Z', '2026-03-01T08:00:00.124Z'],
  ['2026-03-01T10:00:00.123000-00:30', '2026-03-01T10:30:00.123Z', '2026-03-01T10:30:00.123Z'],
  ['2026-03-01T10:00:00.00000000000001Z', '2026-03-01T10:00:00.000Z', '2026-03-01T10:00:00.001Z'],
])('%s is read to the millisecond, outwards', (given, after, before) => {
  expect(parsed({ after: given, before: given })).toMatchObject({ after, before })
})

test.each([
  '',
  '2026-03-01',
  '2026-03-01T10:00:00',
  '2026-03-01 10:00:00Z',
  '2026-02-30T10:00:00Z',
  '2026-13-01T10:00:00Z',
  '2026-03-01T24:00:00Z',
  '2026-03-01T10:60:00Z',
  '2026-03-01T10:00:00.Z',
  '2026-03-01T10:00:00+99:00',
  '0000-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
  '1772359200',
])("'%s' is no time", (after) => {
  expect(refusal({ after })[0]).toBe('bad_request')
  expect(refusal({ before: after })[0]).toBe('bad_request')
})

test('any time that a clock can show is the same time to the gate', () => {
  const day = { min: new Date('0001-01-01T00:00:00Z'), max: new Date('9998-12-31T00:00:00Z') }
  fc.assert(
    fc.property(fc.date({ ...day, noInvalidDate: true }), (date) => {
      expect(parsed({ after: date.toISOString() }).after).toBe(date.toISOString())
    }),
  )
})

test('whatever is sent is answered or refused, never a fault', () => {
  const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.constant(undefined))
  const names = ['limit', 'after', 'before', 'cursor', 'since_index', 'trace_id', 'decision']
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value), (raw) => {
      const query = parseAuditQuery(raw)
      if (query.ok) {
        expect(query.value.limit).toBeGreaterThanOrEqual(1)
        expect(query.value.limit).toBeLessThanOrEqual(1000)
      } else expect(query.error.code).toBe('bad_request')
    }),
  )
})
