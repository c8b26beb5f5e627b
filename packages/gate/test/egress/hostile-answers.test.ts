import {
  closeAfterAnswer,
  drip,
  endlessBody,
  giantHeaders,
  neverAnswers,
  rawAnswer,
  redirect,
  resetAfterHeaders,
  resetBeforeAnswer,
  resetMidBody,
  slowHeaders,
  wrongContentLength,
} from '@latchgate/testkit'
import { expect, test } from 'vitest'
import { bodyText, failed, HOST, withUpstream } from './egress-fixture.js'

const BROKE = `the connection to ${HOST} broke before its answer was complete (ECONNRESET)`
const CLOSED = `${HOST} closed the connection before its answer was complete`
const TOO_LONG = `the answer of ${HOST} is longer than 100000 bytes`
const SLOW = `no complete answer of ${HOST} within 150 ms`

for (const scheme of ['http', 'https'] as const) {
  test(`over ${scheme}, a reset before any byte is unknown, and one request at the upstream`, async () => {
    const { ask, upstream } = await withUpstream({ scheme, handler: resetBeforeAnswer() })
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
      upstream.clear()
      const result = await ask('/', { method, body: method === 'GET' ? null : Buffer.from('x') })
      expect(result).toMatchObject(failed('unknown', null, 'upstream_protocol', BROKE))
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(upstream.requests.map((request) => request.method)).toEqual([method])
    }
  })

  test(`over ${scheme}, a reset after headers or in the body keeps the status`, async () => {
    const { ask, upstream } = await withUpstream({ scheme })
    upstream.on('GET', '/headers', resetAfterHeaders())
    upstream.on('GET', '/body', resetMidBody('half of it', 100))
    upstream.on('GET', '/until-close', resetMidBody('half of it', null))
    for (const path of ['/headers', '/body', '/until-close']) {
      const result = await ask(path)
      expect(result).toMatchObject(failed('answered', 200, 'upstream_protocol', BROKE))
    }
    expect(upstream.requests).toHaveLength(3)
  })
}

test('a body that ends early or runs over its Content-Length is not an answer', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/short', wrongContentLength(50, 'only this'))
  expect(await ask('/short')).toMatchObject(failed('answered', 200, 'upstream_protocol', CLOSED))
  // The surplus is not part of the answer, and must never become the next one.
  const surplus = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged'
  upstream.on('GET', '/long', wrongContentLength(5, `exact${surplus}`))
  expect(bodyText(await ask('/long'))).toBe('exact')
  expect(bodyText(await ask('/next'))).toBe('{}')
  expect(upstream.connectionsOpened).toBe(3)
})

test('time runs over headers and body together', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/silent', neverAnswers())
  upstream.on('GET', '/slow', slowHeaders(2_000))
  upstream.on(
    'GET',
    '/drip',
    drip(
      Array.from({ length: 50 }, () => 'x'),
      40,
    ),
  )
  const timed = { timeoutMs: 150 }
  expect(await ask('/silent', timed)).toMatchObject(
    failed('unknown', null, 'upstream_timeout', SLOW),
  )
  expect(await ask('/slow', timed)).toMatchObject(failed('unknown', null, 'upstream_timeout', SLOW))
  const began = performance.now()
  expect(await ask('/drip', timed)).toMatchObject(failed('answered', 200, 'upstream_timeout', SLOW))
  expect(performance.now() - began).toBeLessThan(1_000)
  expect(upstream.requests).toHaveLength(3)
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(upstream.connectionsOpen).toBe(0)
})

test('a slow answer within the time is an answer', async () => {
  const { ask } = await withUpstream({ handler: drip(['a', 'b', 'c'], 30) })
  expect(bodyText(await ask('/'))).toBe('abc')
})

test('an endless body is cut at the cap, announced or not', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/endless', endlessBody())
  upstream.on('GET', '/announced', rawAnswer('HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n'))
  const tooLong = failed('answered', 200, 'response_too_large', TOO_LONG)
  expect(await ask('/endless')).toMatchObject(tooLong)
  const began = performance.now()
  expect(await ask('/announced')).toMatchObject(tooLong)
  expect(performance.now() - began).toBeLessThan(1_000)
})

test('a body of exactly the cap passes, one byte more does not', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/exact', () => ({ body: 'a'.repeat(100_000) }))
  upstream.on('GET', '/over', drip(['a'.repeat(100_000), 'b'], 5))
  expect((await ask('/exact')).response?.body).toHaveLength(100_000)
  expect(await ask('/over')).toMatchObject(failed('answered', 200, 'response_too_large', TOO_LONG))
})

test('a header block over 32 KiB is refused', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/large', giantHeaders(30_000))
  upstream.on('GET', '/giant', giantHeaders(40_000))
  expect((await ask('/large')).response?.headers).toHaveLength(31)
  const message = `the header block of ${HOST} is longer than 32768 bytes`
  expect(await ask('/giant')).toMatchObject(failed('unknown', null, 'response_too_large', message))
})

const NOT_HTTP: readonly (readonly [name: string, bytes: string])[] = [
  ['no HTTP at all', '220 mail.example.com ESMTP\r\n'],
  ['another version', 'HTTP/3.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
  ['a header without a colon', 'HTTP/1.1 200 OK\r\nbroken\r\n\r\n'],
  ['a folded header', 'HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 0\r\n\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n'],
  ['a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'],
  ['a control character', 'HTTP/1.1 200 OK\r\na: b\x00c\r\ncontent-length: 0\r\n\r\n'],
]

for (const [name, bytes] of NOT_HTTP) {
  test(`an answer with ${name} is no answer`, async () => {
    const { ask, upstream } = await withUpstream({ handler: rawAnswer(bytes) })
    const result = await ask('/')
    expect(result).toMatchObject({ outcome: 'unknown', status: null, response: null })
    expect(result.error?.type).toBe('upstream_protocol')
    expect(result.error?.message).toMatch(
      /^the answer of api\.example\.com is not HTTP\/1\.1 \([A-Z][a-zA-Z/,' :-]+\)$/,
    )
    expect(upstream.requests).toHaveLength(1)
  })
}

test('two lengths, or a length beside chunks, are not guessed between', async () => {
  const { ask, upstream } = await withUpstream()
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n'
  upstream.on('GET', '/two', rawAnswer(`${head}content-length: 2\r\n\r\nabcd`))
  upstream.on('GET', '/both', rawAnswer(`${head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`))
  for (const path of ['/two', '/both']) {
    const result = await ask(path)
    expect(result).toMatchObject({ outcome: 'unknown', status: null, response: null })
    expect(result.error?.type).toBe('upstream_protocol')
  }
})

test('a chunk size that is none ends an answer whose status is known', async () => {
  const { ask } = await withUpstream({
    handler: rawAnswer('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n'),
  })
  const message = `the answer of ${HOST} is not HTTP/1.1 (Invalid character in chunk size)`
  expect(await ask('/')).toMatchObject(failed('answered', 200, 'upstream_protocol', message))
})

test('a transfer coding that was not offered is refused', async () => {
  const { ask } = await withUpstream({
    handler: rawAnswer('HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
  })
  const message = `the answer of ${HOST} uses a transfer coding that was not offered`
  expect(await ask('/')).toMatchObject(failed('answered', 200, 'upstream_protocol', message))
})

test('interim answers are skipped, but not for ever', async () => {
  const { ask, upstream } = await withUpstream()
  const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n'
  const final = 'HTTP/1.1 204 No Content\r\n\r\n'
  upstream.on('GET', '/few', rawAnswer(hint.repeat(3) + final))
  upstream.on('GET', '/many', rawAnswer(hint.repeat(50) + final))
  const few = await ask('/few')
  expect(few).toMatchObject({ outcome: 'answered', status: 204, error: null })
  expect(few.response?.headers).toEqual([])
  const message = `the answer of ${HOST} sends only interim answers`
  expect(await ask('/many')).toMatchObject(failed('unknown', null, 'upstream_protocol', message))
})

test('switching protocols, or 100 Continue, unasked is a protocol error', async () => {
  const { ask, upstream } = await withUpstream()
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'
  upstream.on('GET', '/101', rawAnswer(upgrade))
  upstream.on('GET', '/100', rawAnswer('HTTP/1.1 100 Continue\r\n\r\n'))
  const message = `${HOST} sent an answer that was not asked for`
  for (const path of ['/101', '/100']) {
    expect(await ask(path)).toMatchObject(failed('unknown', null, 'upstream_protocol', message))
  }
})

test('redirects are answers, not instructions', async () => {
  const { ask, upstream } = await withUpstream()
  for (const status of [301, 302, 303, 307, 308]) {
    upstream.on('POST', `/${status}`, redirect(`http://${HOST}/elsewhere`, status))
    const result = await ask(`/${status}`, { method: 'POST', body: Buffer.from('{}') })
    expect(result).toMatchObject({ outcome: 'answered', status, error: null })
    expect(result.response?.headers).toContainEqual(['location', `http://${HOST}/elsewhere`])
  }
  expect(upstream.requests.map((request) => request.url.split('?')[0])).toEqual([
    '/301',
    '/302',
    '/303',
    '/307',
    '/308',
  ])
})

test('an upstream that closes kept connections costs a connection, never a second request', async () => {
  const { ask, upstream } = await withUpstream({ handler: closeAfterAnswer() })
  for (let call = 1; call <= 5; call += 1) {
    expect(await ask('/')).toMatchObject({ outcome: 'answered', status: 200, error: null })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(upstream.requests).toHaveLength(call)
  }
  expect(upstream.connectionsOpened).toBe(5)
})

test('errors, also server errors, are answers with their body', async () => {
  const { ask } = await withUpstream({ handler: () => ({ status: 503, body: { error: 'busy' } }) })
  const result = await ask('/')
  expect(result).toMatchObject({ outcome: 'answered', status: 503, error: null })
  expect(bodyText(result)).toBe('{"error":"busy"}')
})
