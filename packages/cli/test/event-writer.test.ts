import type { AuditEvent } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { type AuditFormat, csvRow, eventWriter } from '../src/audit/event-writer.js'
import { contextOf } from '../src/context.js'

const EVENT: AuditEvent = {
  trace_id: 'trace-1',
  timestamp: '2026-03-01T10:00:00.266Z',
  event_type: 'action_call',
  principal: 'uid:1000',
  session_id: 'session-1',
  lease_jti: 'lease-1',
  action_id: 'http_fetch',
  action_version: null,
  action_digest: '',
  action_trust_verdict: '',
  request_hash: '',
  request_schema_id: null,
  policy_version: null,
  decision: 'allow',
  deny_reason: null,
  allowed_sinks: [],
  budgets_before: null,
  budgets_after: null,
  runtime: null,
  response_hash: null,
  response_bytes: null,
  prev_hash: null,
  dev_mode: false,
  sandbox_degraded: false,
  leaf_index: 1,
  leaf_hash: '00',
}
const HOSTILE = '\u001b[2J\u202e\n=cmd|calc'
const HOLD = {
  ...EVENT,
  decision: 'pending_approval',
  reasons: [{ code: 'risk', detail: 'level high' }, { code: 'rule' }],
} as const satisfies AuditEvent

function written(
  format: AuditFormat,
  events: readonly AuditEvent[],
  more: { readonly columns?: number; readonly hasMore?: boolean } = {},
): string {
  let text = ''
  const { columns, hasMore = false } = more
  const stdout = {
    write: (one: string) => (text += one),
    ...(columns === undefined ? {} : { isTTY: true, columns }),
  }
  const context = contextOf({}, { stdout, stderr: stdout, env: { NO_COLOR: '1' } }, '/')
  const writer = eventWriter(context, format)
  expect(text).toBe('')
  writer.write(events)
  writer.end(hasMore)
  return text
}

test('the decision about a call names the operator whose it was', () => {
  const vote = { ...EVENT, event_type: 'approval_vote', approved_by: 'bob\u001b[2J' }
  expect(written('table', [vote])).toContain('\n    └─ by bob\\u001b[2J\n')
  const refused = { ...vote, event_type: 'approval_denied', deny_reason: 'denied via 1: no' }
  expect(written('table', [refused])).toContain('\n    └─ denied via 1: no\n')
})

test('the table names time, decision, what happened and who, and why not', () => {
  const act = {
    ...EVENT,
    event_type: 'policy_grant',
    action_id: '',
    principal: 'bob',
    deny_reason: 'principal=p actions=a total=1',
  }
  const events = [
    EVENT,
    { ...EVENT, decision: 'allow_unverified' as const },
    { ...EVENT, decision: 'deny' as const, deny_reason: 'no matching allow rule' },
    HOLD,
    { ...EVENT, event_type: 'approval_granted', principal: 'x'.repeat(40) },
    act,
  ]
  expect(written('table', events, { hasMore: true })).toBe(
    [
      '  time (UTC)           decision  what                            principal',
      '  2026-03-01T10:00:00  allow     http_fetch                      uid:1000',
      '  2026-03-01T10:00:00  allow⚠    http_fetch                      uid:1000',
      '  2026-03-01T10:00:00  deny      http_fetch                      uid:1000',
      '    └─ no matching allow rule',
      '  2026-03-01T10:00:00  pending   http_fetch                      uid:1000',
      '    └─ risk: level high; rule',
      `  2026-03-01T10:00:00  allow     approval_granted http_fetch     ${'x'.repeat(31)}…`,
      '  2026-03-01T10:00:00  allow     policy_grant                    bob',
      '    └─ principal=p actions=a total=1',
      '',
      '  6 events; there are older ones: a larger --limit shows them',
      '',
    ].join('\n'),
  )
  expect(written('table', [])).toBe(
    '  time (UTC)           decision  what                            principal\n\n  0 events\n',
  )
})

test('a row never leaves the terminal, and a reason is folded into it, whole', () => {
  const reason = 'abcdefghij'.repeat(12)
  const event = { ...EVENT, deny_reason: reason, action_id: 'a'.repeat(80) }
  for (const columns of [40, 60, 100]) {
    const lines = written('table', [event], { columns }).split('\n').slice(1, -3)
    for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(columns)
    const folded = lines.slice(1).map((line) => line.slice(7))
    expect(folded.join('')).toBe(reason)
  }
})

test('text of others moves no cursor, in any format', () => {
  const event = { ...HOLD, principal: HOSTILE, deny_reason: HOSTILE, action_id: HOSTILE }
  for (const format of ['table', 'json', 'jsonl', 'csv'] as const) {
    const text = written(format, [event], { columns: 80 })
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(text).toContain(String.raw`\u001b[2J\u202e`)
  }
})

test('json is one document, jsonl a line an event and nothing for none', () => {
  expect(written('json', [EVENT, HOLD])).toBe(`${JSON.stringify({ events: [EVENT, HOLD] })}\n`)
  expect(written('jsonl', [EVENT, HOLD])).toBe(
    `${JSON.stringify(EVENT)}\n${JSON.stringify(HOLD)}\n`,
  )
  expect(written('jsonl', [])).toBe('')
  expect(written('json', [])).toBe('{"events":[]}\n')
})

test('csv has its columns, also without a row, and the reason', () => {
  const header =
    'trace_id,timestamp,event_type,action_id,principal,decision,reason,session_id,dev_mode\n'
  expect(written('csv', [])).toBe(header)
  const event = { ...EVENT, deny_reason: 'said "no", twice', dev_mode: true }
  expect(written('csv', [event])).toBe(
    `${header}trace-1,2026-03-01T10:00:00.266Z,action_call,http_fetch,uid:1000,allow,"said ""no"", twice",session-1,true\n`,
  )
})

test.each(['=1+1', '+1', '-1', '@SUM(A1)', ' =1', '\uff1d1', '\uff0b1', '\uff0d1', '\uff201'])(
  'csv defuses %s',
  (principal) => {
    expect(csvRow({ ...EVENT, principal }).split(',')[4]).toBe(`'${principal}`)
  },
)

test('csv leaves alone what is no formula, and defuses inside of quotes', () => {
  expect(csvRow({ ...EVENT, principal: 'a=b' }).split(',')[4]).toBe('a=b')
  expect(csvRow({ ...EVENT, principal: '=A1,B1' })).toContain(`,"'=A1,B1",`)
})
