import type { JsonObject } from '@latchgate/protocol'
import { expect, test } from 'vitest'
import { answerSealed } from '../../src/pipeline/answer.js'
import type { Dispatched, Sealed } from '../../src/pipeline/call.js'
import { exitCode, failureClass, isFullySuccessful } from '../../src/pipeline/receipt.js'
import { verify } from '../../src/pipeline/verify.js'
import { dispatched, EFFECT } from './call-fixture.js'

const body = (text: string): Uint8Array => new TextEncoder().encode(text)
const seen = (status: number | null, text = '{"id":7}'): Dispatched['run']['observed'] => ({
  status,
  body: status === null ? null : body(text),
})
const sealed = (call: ReturnType<typeof verify>): Sealed => ({
  ...call,
  receiptId: 'receipt-1',
  finishedAt: 0,
  log: { index: 3, size: 5 },
})

const STATUSES = [
  // expected_status, observed, accepted
  [[], 200, true],
  [[], 204, true],
  [[], 299, true],
  [[], 199, false],
  [[], 300, false],
  [[], 304, false],
  [[], 404, false],
  [[], 500, false],
  [[201], 201, true],
  [[201], 200, false],
  [[404], 404, true],
  [[200, 302], 302, true],
] as const

test.each(STATUSES)(
  'http_status with %j and HTTP %i: accepted is %s',
  async (expected, status, accepted) => {
    const change =
      expected.length === 0 ? {} : { verification_config: { expected_status: [...expected] } }
    const call = verify(await dispatched({ observed: seen(status), output: { ok: true } }, change))
    expect(call.failure).toBeNull()
    if (accepted) {
      expect(call.output).toEqual({ ok: true })
      expect(call.verification).toEqual({
        status: 'verified',
        evidence: { http_status: status, host_corroborated: true },
      })
    } else {
      expect(call.output).toEqual({
        ok: false,
        error: {
          code: 'upstream_status',
          status,
          message: `the upstream answered ${status}, which this action does not accept`,
        },
      })
      expect(call.verification).toEqual({
        status: 'verification_failed',
        reason: `HTTP status ${status} is not in the accepted set`,
      })
    }
    expect([isFullySuccessful(call), failureClass(call), exitCode(call)]).toEqual([
      accepted,
      accepted ? null : 'verification_failed',
      0,
    ])
  },
)

test.each(['none', 'http_status'])(
  'a status that is not accepted shows in the output whatever the verifier: %s',
  async (verifier_kind) => {
    const call = verify(await dispatched({ observed: seen(503) }, { verifier_kind }))
    expect(call.output).toMatchObject({
      ok: false,
      error: { code: 'upstream_status', status: 503 },
    })
    expect(isFullySuccessful(call), 'an error of the upstream is no success').toBe(false)
  },
)

test.each<[string, JsonObject, Partial<Dispatched['run']>, JsonObject]>([
  ['none', { verifier_kind: 'none' }, {}, { status: 'unverifiable_declared' }],
  [
    'http_status without a request',
    {},
    { observed: seen(null), effects: [] },
    { status: 'verification_failed', reason: 'the host observed no HTTP response' },
  ],
  [
    'a provider that reports another status than was seen',
    {},
    { output: { ok: true, data: { status_code: 201 } } },
    {
      status: 'verification_failed',
      reason: 'provider reported HTTP 201 but host observed HTTP 200',
    },
  ],
  [
    'a required field that is there',
    { verification_config: { required_fields: ['id'] } },
    {},
    { status: 'verified', evidence: { http_status: 200, host_corroborated: true } },
  ],
  [
    'a required field that is missing',
    { verification_config: { required_fields: ['data.id'] } },
    {},
    {
      status: 'verification_failed',
      reason: "required field 'data.id' missing from response body",
    },
  ],
  [
    'a required field of null',
    { verification_config: { required_fields: ['id'] } },
    { observed: seen(200, '{"id":null}') },
    { status: 'verification_failed', reason: "required field 'id' missing from response body" },
  ],
  [
    'a required field of a body that is no JSON',
    { verification_config: { required_fields: ['id'] } },
    { observed: seen(200, 'id') },
    { status: 'verification_failed', reason: 'the response body is not JSON' },
  ],
])('%s', async (_name, change, run, verification) => {
  const call = verify(await dispatched(run, change))
  expect(call.verification).toEqual(verification)
  const verified = ['verified', 'unverifiable_declared'].includes(String(verification['status']))
  expect(isFullySuccessful(call)).toBe(verified)
  const answer = answerSealed(sealed(call))
  expect(answer.status, 'a provider that returned is always 200').toBe(200)
  expect(answer.body).toMatchObject({
    verification_outcome: verification['status'],
    verification: { outcome: verification['status'], is_fully_successful: verified },
    runtime: { exit_code: 0 },
  })
})

test('ok:false of a provider is a result: 200, verified on what the host saw', async () => {
  const output = { ok: false, error: { code: 'denied' } }
  const call = verify(await dispatched({ output }))
  expect(answerSealed(sealed(call))).toMatchObject({ status: 200, body: { output } })
})

test.each([
  ['provider_error', 'provider_error'],
  ['upstream_timeout', 'timeout'],
  ['wall_clock', 'timeout'],
  ['plan_mismatch', 'policy_violation'],
  ['egress_denied', 'policy_violation'],
  ['cancelled', 'cancelled'],
  ['internal_error', 'internal_error'],
] as const)(
  'an execution that fails with %s: 502 with that type, class %s, nothing verified',
  async (type, cls) => {
    const failure = { type, message: 'why' }
    const call = verify(await dispatched({ output: null, failure }))
    expect(call.verification).toEqual({ status: 'provider_failed_before_verification' })
    expect([failureClass(call), exitCode(call), isFullySuccessful(call)]).toEqual([cls, 1, false])
    expect(answerSealed(sealed(call))).toEqual({
      status: 502,
      headers: {},
      body: {
        error: 'action_execution_failed',
        error_type: type,
        message: 'why',
        outcome: 'answered',
        trace_id: 'trace-1',
        receipt_id: 'receipt-1',
        session_seq: 1,
        log: { index: 3, size: 5 },
      },
    })
  },
)

test('an output that breaks the response schema is withheld: 502 response_schema', async () => {
  const response_schema = {
    type: 'object',
    required: ['ok'],
    properties: { ok: { type: 'boolean' }, data: { type: 'string' } },
  }
  const io = {
    request_schema: { type: 'object', properties: { title: { type: 'string' } } },
    response_schema,
  }
  const call = verify(await dispatched({ output: { ok: true, data: 7 } }, { io }))
  expect(call).toMatchObject({
    output: null,
    outcome: 'answered',
    failure: {
      type: 'response_schema',
      message: expect.stringMatching(/^response schema violation: \/data /),
    },
    verification: { status: 'skipped' },
  })
  expect(answerSealed(sealed(call)).status).toBe(502)
})

test.each([
  [[], 'not_sent'],
  [[{ ...EFFECT, outcome: 'unknown' as const }], 'unknown'],
  [[{ ...EFFECT, outcome: 'not_sent' as const }], 'not_sent'],
  [[EFFECT], 'answered'],
])('the outcome is that of what the host did: %#', async (effects, outcome) => {
  expect(verify(await dispatched({ effects })).outcome).toBe(outcome)
  const failure = { type: 'trap' as const, message: 'x' }
  const failed = await dispatched({ effects, output: null, failure })
  expect(verify(failed).outcome).toBe(outcome)
})

test('a message is cut between characters, and controls are not passed on', async () => {
  const failure = {
    type: 'provider_error' as const,
    message: `a\u0000\u001b[31m${'😀'.repeat(300)}`,
  }
  const call = verify(await dispatched({ output: null, failure }))
  const message = String(answerSealed(sealed(call)).body['message'])
  expect(message.isWellFormed()).toBe(true)
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(500)
  expect(message.startsWith('a  [31m😀')).toBe(true)
})

test('what a module reports as its status cannot make a receipt too large to be stored', async () => {
  const output = { ok: true, status: 'x'.repeat(100_000) }
  const call = verify(await dispatched({ output }))
  expect(call.verification).toEqual({
    status: 'verification_failed',
    reason: `provider reported HTTP "${'x'.repeat(63)} but host observed HTTP 200`,
  })
})
