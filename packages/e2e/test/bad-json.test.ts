import { request as httpRequest } from 'node:http'
import type { JsonObject } from '@latchgate/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decisionOf, leaksOf, leavesOf } from '../src/harness/evidence.js'
import {
  credentials,
  executeRaw,
  type HeldLease,
  type RawAnswer,
  takeLease,
} from '../src/harness/raw-client.js'
import { startWorld, type World } from '../src/harness/world.js'

const TRACE = expect.stringMatching(/^[0-9a-f-]{36}$/)
const TOKEN = 'ghp_0123456789abcdefghijklmnop'
const GOOD = 'https://api.github.com/'

let world: World
let lease: HeldLease
const answers: RawAnswer[] = []

beforeAll(async () => {
  world = await startWorld(
    { tables: '[rate_limits]\nexecute_rps_per_session = 1000\nexecute_rps_per_principal = 1000' },
    { env: { LATCHGATE_SECRET_GITHUB_TOKEN: TOKEN } },
  )
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

async function send(action: string, body: string | Uint8Array): Promise<RawAnswer> {
  const answer = await executeRaw(world.client, lease, action, body)
  answers.push(answer)
  return answer
}

/** The record of a refusal before dispatch: the principal, the code, and neither intent nor receipt. */
function expectDenied(answer: RawAnswer, expected: JsonObject): void {
  expect(decisionOf(world, answer)).toMatchObject({
    event_type: 'action_call',
    trace_id: answer.json()['trace_id'],
    principal: 'agent-test',
    session_id: lease.sessionId,
    decision: 'deny',
    allowed_sinks: [],
    ...expected,
  })
  const types = leavesOf(world, answer.json()['trace_id']).map(({ type }) => type)
  expect(types).toEqual(['decision'])
}

const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1')

test.each<[string, string | Uint8Array, string, string]>([
  ['no JSON at all', 'url=https://api.github.com/', 'syntax', ''],
  ['an end in the middle', '{"url":"https://api', 'syntax', '/url'],
  ['a trailing comma', `{"url":"${GOOD}",}`, 'syntax', ''],
  ['a comment', `{/**/"url":"${GOOD}"}`, 'syntax', ''],
  ['single quotes', `{'url':'${GOOD}'}`, 'syntax', ''],
  ['a raw line feed in a string', '{"url":"a\nb"}', 'syntax', '/url'],
  ['two documents', '{} {}', 'trailing', ''],
  ['NaN', '{"url":NaN}', 'syntax', '/url'],
  ['white space alone', '  ', 'syntax', ''],
  ['a byte order mark', `\ufeff{"url":"${GOOD}"}`, 'bom', ''],
  ['bytes that are not UTF-8', latin1('{"url":"\xff"}'), 'utf8', ''],
  ['an overlong slash', latin1('{"url":"\xc0\xaf"}'), 'utf8', ''],
  ['a surrogate in UTF-8', latin1('{"url":"\xed\xa0\x80"}'), 'utf8', ''],
  ['half a surrogate pair', '{"url":"\\ud83d"}', 'lone_surrogate', '/url'],
  ['a duplicated key', `{"url":"${GOOD}","url":"https://evil.example/"}`, 'duplicate_key', '/url'],
  ['a key duplicated by an escape', `{"url":"${GOOD}","\\u0075rl":"x"}`, 'duplicate_key', '/url'],
  ['a key duplicated deep inside', '{"a":[{"b":1,"b":1}]}', 'duplicate_key', '/a/0/b'],
  ['an integer that no double holds', '{"url":9007199254740993}', 'unsafe_integer', '/url'],
  ['a number out of range', '{"url":1e400}', 'number_range', '/url'],
])(
  'a body with %s: 422 schema_violation, recorded, nothing sent',
  async (_name, body, reason, path) => {
    const answer = await send('http_fetch', body)
    expect(answer.status, answer.text).toBe(422)
    expect(answer.json()).toEqual({
      error: 'schema_violation',
      reason,
      path,
      message: expect.any(String),
      trace_id: TRACE,
    })
    const { message } = answer.json()
    expectDenied(answer, {
      action_id: 'http_fetch',
      code: 'schema_violation',
      deny_reason: `request schema: ${String(message)}`,
      request_hash: null,
    })
  },
)

test('a body that is too deep is refused at the level where it is, and 100,000 levels do no harm', async () => {
  const cases = [
    [33, 'depth'],
    [2000, 'depth'],
    [100_000, '/ exceeds the size limit of 16384 bytes'],
  ] as const
  for (const [levels, reason] of cases) {
    const answer = await send('http_fetch', deep(levels))
    expect(answer.status).toBe(422)
    expect(answer.json()).toMatchObject({ error: 'schema_violation', reason })
    expectDenied(answer, { code: 'schema_violation' })
  }
})

test.each<[string, string, unknown, string, RegExp]>([
  ['a missing member', 'http_fetch', {}, '/url', /url/],
  ['another type', 'http_fetch', { url: 7 }, '/url', /string/],
  ['an unknown member', 'http_fetch', { url: GOOD, verbose: true }, '/verbose', /verbose/],
  [
    'a string that is too long',
    'http_fetch',
    { url: `${GOOD}${'x'.repeat(2048)}` },
    '/url',
    /2048/,
  ],
  ['an empty string', 'http_fetch', { url: '' }, '/url', /./],
  ['a list for the document', 'http_fetch', [], '', /object/],
  ['a string for the document', 'http_fetch', '"x"', '', /object/],
  ['null for the document', 'http_fetch', 'null', '', /object/],
  [
    'a prototype for a member',
    'http_fetch',
    `{"url":"${GOOD}","__proto__":{}}`,
    '/__proto__',
    /__proto__/,
  ],
  [
    'a constructor for a member',
    'http_fetch',
    `{"url":"${GOOD}","constructor":1}`,
    '/constructor',
    /constructor/,
  ],
])(
  'parameters with %s: 422, and the answer names the member',
  async (_name, action, params, path, message) => {
    const text = typeof params === 'string' ? params : JSON.stringify(params)
    const answer = await send(action, text)
    expect(answer.status, answer.text).toBe(422)
    const body = answer.json()
    expect(body).toEqual({
      error: 'schema_violation',
      reason: body['message'],
      path,
      message: expect.stringMatching(message),
      trace_id: TRACE,
    })
    expectDenied(answer, {
      action_id: action,
      code: 'schema_violation',
      deny_reason: expect.stringMatching(/^request schema: /) as unknown as string,
    })
  },
)

test('parameters over the limit of the action are 422, before its schema is looked at', async () => {
  const answer = await send('http_fetch', JSON.stringify({ url: `${GOOD}${'x'.repeat(20_000)}` }))
  expect(answer.status).toBe(422)
  expect(answer.json()).toMatchObject({ error: 'schema_violation', path: '', message: /16384/ })
  expectDenied(answer, { code: 'schema_violation' })
})

const TOO_LARGE = {
  error: 'request_too_large',
  message: 'The body is larger than 1048576 bytes.',
  trace_id: TRACE,
}

// White space and numbers may vanish in the compact form, structure may not: no need to parse it.
test('a body of structure beyond the size limit of its action is 422, broken or not', async () => {
  const answer = await executeRaw(world.client, lease, 'http_fetch', '[],'.repeat(300_000))
  expect([answer.status, answer.json()]).toMatchObject([
    422,
    { reason: '/ exceeds the size limit of 16384 bytes', path: '' },
  ])
})

test('a lease request of more than 64 KiB of structure is 413', async () => {
  const answer = await world.client.send({
    method: 'POST',
    path: '/v1/leases',
    headers: { 'content-type': 'application/json' },
    body: '[],'.repeat(30_000),
  })
  const message = 'The body is larger than 65536 bytes.'
  expect([answer.status, answer.json()]).toEqual([413, { ...TOO_LARGE, message }])
})

test('a body that declares more than 1 MiB is 413 before anybody is authenticated', async () => {
  const answer = await send('http_fetch', JSON.stringify({ url: 'x'.repeat(1_100_000) }))
  expect([answer.status, answer.json()]).toEqual([413, TOO_LARGE])
  expect(leavesOf(world, answer.json()['trace_id'])).toEqual([])
})

test('a body of more than 1 MiB that does not say so is 413, recorded for its principal', async () => {
  const answer = await sendChunked(20)
  expect([answer.status, answer.json()]).toEqual([413, TOO_LARGE])
  expectDenied(answer, { action_id: 'http_fetch', code: 'request_too_large' })
})

/** Chunks of 64 KiB without a Content-Length; the rest is not sent once the gate has answered. */
function sendChunked(chunks: number): Promise<RawAnswer> {
  const path = '/v1/actions/http_fetch/execute'
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        socketPath: world.gate.project.socket,
        method: 'POST',
        path,
        headers: credentials(lease, 'POST', path),
      },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const text = Buffer.concat(parts).toString()
          const answer = {
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: () => JSON.parse(text) as Record<string, unknown>,
          }
          answers.push(answer)
          resolve(answer)
        })
      },
    )
    outgoing.on('error', reject)
    for (let at = 0; at < chunks; at += 1) outgoing.write(Buffer.alloc(65_536, '['))
    outgoing.end()
  })
}

test.each([
  ['no_such_action', 'no_such_action'],
  ['HTTP_FETCH', 'HTTP_FETCH'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['http_fetch%00', 'http_fetch\0'],
  ['..%2fleases', '../leases'],
])(
  'the unknown action %j: 404, recorded under the name that was asked for',
  async (written, name) => {
    const path = `/v1/actions/${name}/execute`
    const answer = await world.client.send({
      method: 'POST',
      path: `/v1/actions/${written}/execute`,
      headers: credentials(lease, 'POST', path),
      body: '{}',
    })
    answers.push(answer)
    expect(answer.status, answer.text).toBe(404)
    expect(answer.json()).toEqual({
      error: 'action_not_found',
      message: `no action '${name.replace('\0', ' ')}': GET /v1/actions lists what there is`,
      trace_id: TRACE,
    })
    expectDenied(answer, {
      // A column of the ledger ends at a NUL: the record must not say another name than it.
      action_id: name.replace('\0', ' '),
      code: 'action_not_found',
      action_version: null,
      action_trust_verdict: 'not_registered',
    })
  },
)

test('after all of this nothing was sent, and the token is in no answer, log or file', () => {
  expect(answers.length).toBeGreaterThan(35)
  expect(world.upstream.requestsStarted).toBe(0)
  expect(leaksOf(world, [TOKEN], answers)).toEqual([])
})
