import {
  LatchGateAuthError,
  LatchGateDenied,
  LatchGateTransportError,
  LatchGateUnavailable,
} from 'latchgate'
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

function bodyOf(error: Error, permitted: readonly string[] | null): Record<string, unknown> {
  const [part] = failedCall(error, 'http_delete', permitted).content
  return JSON.parse(part?.type === 'text' ? part.text : '') as Record<string, unknown>
}

test.each([
  ['upstream_unreachable', 'upstream_error'],
  ['upstream_timeout', 'upstream_error'],
  ['egress_denied', 'egress_blocked'],
  ['fuel_exhausted', 'sandbox_error'],
])('a dispatched call that ended with %s is %s, and says which it was', (errorType, code) => {
  const said = { code: 'action_execution_failed', status: 502, errorType, gateMessage: 'why' }
  const error = new LatchGateUnavailable('action_execution_failed', said)
  expect(bodyOf(error, null)).toEqual({
    code,
    message: 'why',
    action_id: 'http_delete',
    error_type: errorType,
  })
})

test('whose arguments do not fit a tool that he may not call hears both at once', () => {
  const said = { code: 'schema_violation', status: 422, gateMessage: '/url is required' }
  const error = new LatchGateDenied('http_delete', 'schema_violation', said)
  expect(bodyOf(error, ['http_fetch'])).toMatchObject({
    code: 'schema_validation',
    message:
      "'http_delete' is not among the tools that this agent may call, and its arguments do not fit: /url is required",
    permitted_tools: ['http_fetch'],
  })
  for (const permitted of [['http_delete'], null]) {
    expect(bodyOf(error, permitted)).toEqual({
      code: 'schema_validation',
      message: '/url is required',
      action_id: 'http_delete',
    })
  }
})

test('a refused identity is told with everything that the SDK knows of it', () => {
  const said = { status: 401, gateMessage: 'The proof is too old.', denyReason: 'iat is 40 s off' }
  const explanation = 'The clock of this machine is 40 s behind'
  const error = new LatchGateAuthError('invalid_dpop', said, { explanation })
  expect(bodyOf(error, null)['message']).toBe(error.message)
})
