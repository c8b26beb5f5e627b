import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { credentials, executeRaw, type HeldLease, takeLease } from '../src/harness/raw-client.js'
import { exchange } from '../src/harness/raw-socket.js'
import { startWorld, type World } from '../src/harness/world.js'

const RATES = [
  '[rate_limits]',
  'lease_rps = 1000',
  'execute_rps_anonymous = 1000',
  'execute_rps_per_session = 1000',
  'execute_rps_per_principal = 1000',
].join('\n')
const TRACE = expect.stringMatching(/^[0-9a-f-]{36}$/)
const EXECUTE = '/v1/actions/http_fetch/execute'
const BODY = '{"url":"https://api.github.com/"}'
const CLOSE = 'connection: close\r\n'

let world: World
let lease: HeldLease

beforeAll(async () => {
  world = await startWorld({ tables: RATES })
  lease = await takeLease(world.client)
})

afterAll(async () => {
  await world.close()
})

const send = (bytes: string): ReturnType<typeof exchange> =>
  exchange(world.gate.project.socket, bytes)
const get = (target: string, headers = 'host: x\r\n'): string =>
  `GET ${target} HTTP/1.1\r\n${headers}${CLOSE}\r\n`
const post = (path: string, headers: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${CLOSE}${headers}\r\n\r\n${body}`
const proven = (): { readonly authorization: string; readonly dpop: string } =>
  credentials(lease, 'POST', EXECUTE) as { authorization: string; dpop: string }

const NOT_FOUND = [404, 'not_found', 'There is nothing here, or nothing that you may see.'] as const
const NO_HTTP = [400, 'bad_request', 'the request is not valid HTTP/1.1'] as const
const ONE_HOST = [400, 'bad_request', 'an HTTP/1.1 request has exactly one Host header'] as const
const NO_PATH = [
  400,
  'bad_request',
  'the path does not decode: percent-encode its UTF-8 form',
] as const

const refusals: readonly (readonly [string, string, number, string, string])[] = [
  ['an escape that is none', get('/v1/actions/%zz'), ...NO_PATH],
  ['an escape that is not UTF-8', get('/v1/actions/%ff'), ...NO_PATH],
  ['an id of 2,000 characters', get(`/v1/actions/${'a'.repeat(2000)}`), ...NOT_FOUND],
  ['two slashes', get('//healthz'), ...NOT_FOUND],
  ['two slashes inside', get('/v1//actions'), ...NOT_FOUND],
  ['a trailing slash', get('/healthz/'), ...NOT_FOUND],
  ['a dot segment', get('/v1/../healthz'), ...NOT_FOUND],
  ['another case', get('/Healthz'), ...NOT_FOUND],
  ['an escaped slash in an id', get('/v1/actions/a%2Fb'), ...NOT_FOUND],
  ['the target *', `OPTIONS * HTTP/1.1\r\nhost: x\r\n${CLOSE}\r\n`, ...NOT_FOUND],
  ['no Host', get('/healthz', ''), ...ONE_HOST],
  ['two Hosts', get('/healthz', 'host: a\r\nhost: b\r\n'), ...ONE_HOST],
  ['headers over 16 KiB', get(`/${'a'.repeat(20_000)}`), 431, NO_HTTP[1], NO_HTTP[2]],
  ['an unknown method', `FOO /healthz HTTP/1.1\r\nhost: x\r\n\r\n`, ...NO_HTTP],
  ['bare line feeds', 'GET /healthz HTTP/1.1\nhost: x\n\n', ...NO_HTTP],
  ['a space before a colon', 'GET /healthz HTTP/1.1\r\nhost : x\r\n\r\n', ...NO_HTTP],
  ['a folded header', get('/healthz', 'host: x\r\na: b\r\n c\r\n'), ...NO_HTTP],
  ['a NUL in a header', get('/healthz', 'host: x\r\na: b\0c\r\n'), ...NO_HTTP],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ...NO_HTTP],
  [
    'both lengths',
    post('/v1/leases', 'transfer-encoding: chunked\r\ncontent-length: 5', '0\r\n\r\n'),
    ...NO_HTTP,
  ],
  ['two lengths', post(EXECUTE, 'content-length: 5\r\ncontent-length: 6', 'abcde'), ...NO_HTTP],
  ['a list of lengths', post(EXECUTE, 'content-length: 5, 5', 'abcde'), ...NO_HTTP],
  ['a negative length', post(EXECUTE, 'content-length: -5', 'abcde'), ...NO_HTTP],
  ['another encoding', post(EXECUTE, 'transfer-encoding: xchunked', '0\r\n\r\n'), ...NO_HTTP],
  [
    'chunked not last',
    post(EXECUTE, 'transfer-encoding: chunked, identity', '0\r\n\r\n'),
    ...NO_HTTP,
  ],
  [
    'a chunk size with a sign',
    post('/v1/leases', 'content-type: application/json\r\ntransfer-encoding: chunked', '+2\r\n{}'),
    ...NO_HTTP,
  ],
]

test.each(refusals)(
  'a request with %s is refused with a JSON body, and the connection ends',
  async (_name, bytes, status, error, message) => {
    // What a smuggler hopes that the gate takes for a second request.
    const answers = await send(`${bytes}GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n`)
    expect(answers).toHaveLength(1)
    const [answer] = answers
    expect([answer?.status, answer?.headers['content-type']]).toEqual([status, 'application/json'])
    expect(answer?.headers['connection']?.toLowerCase()).toBe('close')
    expect(JSON.parse(answer?.body ?? '')).toEqual({ error, message, trace_id: TRACE })
  },
)

test.each([
  ['HTTP/1.0 without Host', 'GET /healthz HTTP/1.0\r\n\r\n'],
  ['an absolute target, whatever its host', get('http://evil.example/healthz')],
  ['an escaped letter', get('/%68ealthz')],
  ['a query', get('/healthz?a=%zz&b')],
  ['another Host and forwarded headers', get('/healthz', 'host: e\r\nx-forwarded-host: e\r\n')],
])('%s is served', async (_name, bytes) => {
  const [answer] = await send(bytes)
  expect([answer?.status, answer?.body]).toEqual([200, '{"status":"ok"}'])
})

test.each([
  ['DELETE', '/healthz', 'GET, HEAD'],
  ['OPTIONS', '/v1/leases', 'POST'],
  ['PUT', '/v1/actions/x/execute', 'POST'],
  ['HEAD', '/v1/leases', 'POST'],
  ['PROPFIND', '/readyz?x', 'GET, HEAD'],
  ['TRACE', '/v1/receipts/x', 'GET, HEAD'],
  ['POST', '/%68ealthz', 'GET, HEAD'],
  ['POST', 'http://evil.example/healthz', 'GET, HEAD'],
])('%s %s is 405 and says what there is', async (method, target, allow) => {
  const [answer] = await send(`${method} ${target} HTTP/1.1\r\nhost: x\r\n${CLOSE}\r\n`)
  expect([answer?.status, answer?.headers['allow']]).toEqual([405, allow])
  expect(answer?.headers['content-type']).toBe('application/json')
})

test('CONNECT opens no tunnel', async () => {
  expect(await send('CONNECT api.github.com:443 HTTP/1.1\r\nhost: x\r\n\r\n')).toEqual([])
})

test('an offer to upgrade is not taken up', async () => {
  const [answer] = await send(get('/healthz', 'host: x\r\nupgrade: h2c\r\n'))
  expect([answer?.status, answer?.headers['upgrade']]).toEqual([200, undefined])
})

test('pipelined requests are answered in their order, each with its own answer', async () => {
  const one = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n${more}\r\n`
  const answers = await send(one('/healthz') + one('/nope') + one('/readyz') + one('/v1/x', CLOSE))
  expect(answers.map((answer) => answer.status)).toEqual([200, 404, 200, 404])
  expect(JSON.parse(answers[2]?.body ?? '')).toMatchObject({ status: 'ready' })
})

test('sixteen requests may wait for their answers; whoever sends more without reading is cut off', async () => {
  const one = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'
  const last = get('/healthz')
  expect(await send(one.repeat(15) + last)).toHaveLength(16)
  expect(await send(one.repeat(16) + last)).toEqual([])
})

test('a small body that nobody read is skipped and not taken for a request', async () => {
  const inner = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'
  const first = `POST ${EXECUTE} HTTP/1.1\r\nhost: x\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`
  const answers = await send(first + get('/nope'))
  expect(answers.map((answer) => answer.status)).toEqual([401, 404])
  expect(answers[0]?.headers['connection']).toBe('keep-alive')
})

test.each([
  ['a large body', `content-length: 100000\r\n\r\n${' '.repeat(1000)}`],
  ['a body without an end in sight', 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
])('%s that nobody wants is not waited for', async (_name, rest) => {
  const [answer] = await send(`POST ${EXECUTE} HTTP/1.1\r\nhost: x\r\n${rest}`)
  expect([answer?.status, answer?.headers['connection']]).toEqual([401, 'close'])
})

test('garbage behind a call that runs is not taken for its answer', async () => {
  world.upstream.on('GET', '/slow', async () => {
    await sleep(200)
    return { body: 'done' }
  })
  const body = '{"url":"https://api.github.com/slow"}'
  const { authorization, dpop } = proven()
  const call = `POST ${EXECUTE} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ndpop: ${dpop}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const answers = await send(`${call}\0\0\0`)
  expect(answers.map((answer) => answer.status)).toEqual([200])
})

describe('the body of a call', () => {
  const withProof = (headers: string, body: string): string => {
    const { authorization, dpop } = proven()
    return post(EXECUTE, `authorization: ${authorization}\r\ndpop: ${dpop}\r\n${headers}`, body)
  }
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

  test('may come in chunks, without a length', async () => {
    const chunks = `${chunk(BODY.slice(0, 7))}${chunk(BODY.slice(7))}0\r\n\r\n`
    const [answer] = await send(withProof('transfer-encoding: chunked', chunks))
    expect(answer?.status, answer?.body).toBe(200)
  })

  test('is cut off at 1 MiB in chunks, with an answer', async () => {
    const chunks = `${chunk(' '.repeat(65_536)).repeat(17)}0\r\n\r\n`
    const [answer] = await send(withProof('transfer-encoding: chunked', chunks))
    expect([answer?.status, JSON.parse(answer?.body ?? '{}')['error']]).toEqual([
      413,
      'request_too_large',
    ])
  })

  test('is asked for with 100 Continue, and another expectation changes nothing', async () => {
    for (const expectation of ['100-continue', '200-maybe']) {
      const answers = await send(
        withProof(`expect: ${expectation}\r\ncontent-length: ${BODY.length}`, BODY),
      )
      const statuses = answers.map((answer) => answer.status)
      expect(statuses).toEqual(expectation === '100-continue' ? [100, 200] : [200])
    }
  })

  test('is not asked for when the call is refused without it', async () => {
    const answers = await send(post(EXECUTE, 'expect: 100-continue\r\ncontent-length: 20', ''))
    expect(answers.map((answer) => answer.status)).toEqual([401])
  })

  test.each(['text/plain', 'application/json; charset=utf-16', 'no type at all', ''])(
    'is read whatever its Content-Type: %j',
    async (type) => {
      const headers = `content-type: ${type}\r\ncontent-length: ${BODY.length}`
      const [answer] = await send(withProof(headers, BODY))
      expect(answer?.status, answer?.body).toBe(200)
    },
  )
})

test('a body that breaks off is recorded as the fault of its sender, and no failure is logged', async () => {
  const { authorization, dpop } = proven()
  const head = `authorization: ${authorization}\r\ndpop: ${dpop}\r\ncontent-length: 50`
  const { socket } = world.gate.project
  world.gate.services.summary.take()
  await exchange(socket, post(EXECUTE, head, '{'), true)
  const typed = 'content-type: application/json\r\ncontent-length: 50'
  await exchange(socket, post('/v1/leases', typed, '{'), true)
  // A call behind them: what they leave is recorded by now.
  await executeRaw(world.client, lease, 'nope', {})
  expect(world.gate.logs.filter((line) => line['level'] === 'error')).toEqual([])
  expect(world.gate.services.summary.take()).toMatchObject({ 'lease:bad_request': 1 })
})

test.each(['authorization', 'dpop'] as const)(
  'a second %s header makes both worthless, the same value or another',
  async (name) => {
    for (const second of ['same', 'other']) {
      const { authorization, dpop } = proven()
      const again = second === 'same' ? { authorization, dpop }[name] : 'DPoP x.y.z'
      const headers = `authorization: ${authorization}\r\ndpop: ${dpop}\r\n${name}: ${again}`
      const [answer] = await send(
        post(EXECUTE, `${headers}\r\ncontent-length: ${BODY.length}`, BODY),
      )
      expect([answer?.status, JSON.parse(answer?.body ?? '')]).toEqual([
        401,
        {
          error: 'invalid_lease',
          message: 'a credential header was sent twice',
          trace_id: TRACE,
        },
      ])
    }
  },
)

test('a percent-encoded id is the decoded one, for the route and for the proof', async () => {
  const path = '/v1/actions/http%5Ffetch/execute'
  const bound = (url: string): Promise<{ readonly status: number }> =>
    world.client.send({
      method: 'POST',
      path,
      headers: credentials(lease, 'POST', url),
      body: BODY,
    })
  expect((await bound(EXECUTE)).status).toBe(200)
  expect((await bound(path)).status).toBe(401)
})

test('an unknown id is answered without its control characters, cut, and recorded', async () => {
  const id = `a\u001b[2J${'x'.repeat(1000)}`
  const path = `/v1/actions/${encodeURIComponent(id)}/execute`
  const headers = credentials(lease, 'POST', `/v1/actions/${id}/execute`)
  const answer = await world.client.send({ method: 'POST', path, headers, body: '{}' })
  expect([answer.status, answer.json()['error']]).toEqual([404, 'action_not_found'])
  const message = String(answer.json()['message'])
  expect(message.startsWith("no action 'a [2Jxx")).toBe(true)
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(500)
  const plain = await executeRaw(world.client, lease, 'nope', {})
  expect(plain.json()).toEqual({
    error: 'action_not_found',
    message: "no action 'nope': GET /v1/actions lists what there is",
    trace_id: TRACE,
  })
})
