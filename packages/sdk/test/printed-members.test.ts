import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import {
  LatchGateApprovalTimeout,
  LatchGateDenied,
  LatchGateTransportError,
  LatchGateUnavailable,
} from '../src/index.js'

const reason = "policy_denied: principal 'you' is not authorised for action 'http_delete'"
const denied = (): LatchGateDenied =>
  new LatchGateDenied('http_delete', reason, {
    code: 'policy_denied',
    status: 403,
    traceId: 't-1',
    gateMessage: "principal 'you' is not authorised for action 'http_delete'",
    denyReason: "principal 'you' is not authorised for action 'http_delete'",
    remediation: 'Run: latchgate policy grant you http_delete',
    body: { error: 'policy_denied', trace_id: 't-1' },
  })

/** Without the lines of the stack, whose places are the test's. */
function printed(error: Error): string {
  // As an error is printed that nobody caught.
  return inspect(error, { customInspect: false })
    .split('\n')
    .filter((line) => !line.startsWith('    at '))
    .join('\n')
}

test('a printed error says everything once: no null member, nothing that its message says', () => {
  // Its opening brace ends the last line of the stack.
  expect(printed(denied())).toBe(`LatchGateDenied: action 'http_delete' denied by policy: ${reason}
  code: 'policy_denied',
  status: 403,
  traceId: 't-1',
  remediation: 'Run: latchgate policy grant you http_delete',
  actionId: 'http_delete'
}`)
})

test('members that are not shown are there all the same, and null where the gate said nothing', () => {
  const error = denied()
  expect(error.receiptId).toBeNull()
  expect(Object.getOwnPropertyNames(error)).toEqual(
    expect.arrayContaining(['receiptId', 'body', 'gateMessage', 'denyReason', 'reason']),
  )
  expect([error.reason, error.denyReason]).toEqual([reason, error.gateMessage])
  expect(error.body).toEqual({ error: 'policy_denied', trace_id: 't-1' })
})

test('an error with nothing more to say is its message and its stack', () => {
  const text = inspect(new LatchGateTransportError('no gate'))
  expect(text).toMatch(/^LatchGateTransportError: transport error: no gate\n {4}at /)
  expect(text).not.toContain('{')
})

test('what the message does not say is shown: the cause, and an outcome in whatever word', () => {
  const cause = new Error('ECONNREFUSED')
  const away = inspect(new LatchGateTransportError('no gate', {}, { cause }))
  expect(away).toContain('[cause]: Error: ECONNREFUSED')
  const said = { outcome: 'unknown', gateMessage: 'the outcome is unknown' }
  expect(inspect(new LatchGateUnavailable('unknown', said))).toContain("outcome: 'unknown'")
  const more = new LatchGateDenied('a', 'policy_denied', { denyReason: 'because' })
  expect(inspect(more)).toContain("denyReason: 'because'")
})

test('an error whose message was made more exact prints that one', () => {
  const error = new LatchGateApprovalTimeout('http_fetch', 'ap-1', 50)
  expect(inspect(error)).toContain(`LatchGateApprovalTimeout: ${error.message}\n`)
  expect(inspect(error)).not.toContain('requires approval')
})
