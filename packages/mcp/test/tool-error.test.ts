import { LatchGateDenied, LatchGateTransportError } from 'latchgate'
import { expect, test } from 'vitest'
import { failedCall, toolErrorCode } from '../src/serve/tool-error.js'

test.each([
  ['schema_violation', 422, 'schema_validation'],
  ['action_execution_failed', 502, 'sandbox_error'],
  ['action_not_registered', 403, 'action_not_found'],
  ['action_digest_mismatch', 403, 'policy_denied'],
  ['rate_limited', 429, 'rate_limited'],
  ['rate_limit_exceeded', 429, 'rate_limited'],
  ['grant_consumed', 409, 'conflict'],
  ['conflict', 409, 'conflict'],
  ['invalid_lease', 401, 'auth_failed'],
  ['invalid_dpop', 401, 'auth_failed'],
  ['replay_detected', 401, 'auth_failed'],
  ['missing_auth_header', 401, 'auth_failed'],
  ['lease_revoked', 401, 'revoked'],
  ['store_unavailable', 503, 'gate_unavailable'],
  ['draining', 503, 'gate_unavailable'],
  ['approval_expired', 409, 'approval_expired'],
  ['unheard_of', 404, 'action_not_found'],
  ['unheard_of', 403, 'auth_failed'],
  ['unheard_of', 418, 'policy_denied'],
  ['toString', 500, 'gate_unavailable'],
  [null, null, 'gate_unavailable'],
] as const)('%s with status %s is %s', (code, status, expected) => {
  expect(toolErrorCode(code, status)).toBe(expected)
})

test("a refusal has the gate's words and trace, and its receipt is not in the text", () => {
  const error = new LatchGateDenied('http_post', 'policy_denied', {
    code: 'policy_denied',
    status: 403,
    traceId: 'tr_1',
    receiptId: 'r-1',
    gateMessage: 'The policy does not allow this call.',
    denyReason: 'sink_not_allowed',
  })
  expect(failedCall(error, 'http_post', ['http_fetch'])).toEqual({
    content: [
      {
        type: 'text',
        text:
          '{"code":"policy_denied","message":"The policy does not allow this call. (sink_not_allowed)",' +
          '"action_id":"http_post","trace_id":"tr_1","permitted_tools":["http_fetch"]}',
      },
    ],
    isError: true,
    _meta: { 'latchgate/receipt_id': 'r-1' },
  })
})

test('no answer is an unavailable gate; what the SDK did not foresee is thrown', () => {
  const away = failedCall(new LatchGateTransportError('no gate'), 'a', null)
  expect(away.content).toEqual([
    {
      type: 'text',
      text: '{"code":"gate_unavailable","message":"transport error: no gate","action_id":"a"}',
    },
  ])
  expect(() => failedCall(new RangeError('bug'), 'a', null)).toThrow('bug')
})
