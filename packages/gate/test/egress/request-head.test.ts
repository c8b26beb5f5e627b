import fc from 'fast-check'
import { expect, test } from 'vitest'
import { requestHead } from '../../src/egress/request-head.js'
import { bodyText, HOST, SECRET, withRawUpstream, withUpstream } from './egress-fixture.js'

test('framing, routing, hop-by-hop and coding headers are the host’s, whatever was asked', async () => {
  const { ask, upstream } = await withUpstream()
  const smuggled: readonly (readonly [string, string])[] = [
    ['Host', 'evil.test'],
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'close, authorization'],
    ['Keep-Alive', 'timeout=1'],
    ['Proxy-Connection', 'keep-alive'],
    ['Proxy-Authorization', 'Basic eA=='],
    ['Proxy-Authenticate', 'x'],
    ['TE', 'trailers'],
    ['Trailer', 'x'],
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
    ['Expect', '100-continue'],
    ['Accept-Encoding', 'zstd'],
    ['Authorization', `Bearer ${SECRET}`],
    ['X-Custom', 'kept'],
  ]
  await ask('/', { method: 'POST', headers: smuggled, body: Buffer.from('hello world') })
  expect(upstream.requests[0]?.rawHeaders).toEqual([
    ['host', HOST],
    ['connection', 'keep-alive'],
    ['Authorization', `Bearer ${SECRET}`],
    ['X-Custom', 'kept'],
    ['user-agent', 'latchgate/0.3'],
    ['accept', '*/*'],
    ['accept-encoding', 'gzip, deflate, br'],
    ['content-length', '11'],
  ])
  expect(upstream.requests[0]?.body.toString()).toBe('hello world')
})

test('defaults yield to the request’s own headers; repeated headers stay repeated', async () => {
  const { ask, upstream } = await withUpstream()
  const headers = [
    ['User-Agent', 'mine'],
    ['ACCEPT', 'application/json'],
    ['x-tag', 'one'],
    ['x-tag', 'two'],
  ] as const
  await ask('/', { headers })
  const sent = upstream.requests[0]?.rawHeaders.filter(([name]) => /^(user|accept$|x-)/i.test(name))
  expect(sent).toEqual(headers)
})

test('a body is sent byte for byte with its length, by every method', async () => {
  const { ask, upstream } = await withUpstream()
  const bytes = new Uint8Array(70_000).map((_, at) => at % 251)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'QUERY', 'PURGE']) {
    upstream.clear()
    await ask('/', { method, body: bytes.subarray(1) })
    expect(upstream.requests[0]?.body.equals(bytes.subarray(1))).toBe(true)
    expect(upstream.requests[0]).toMatchObject({ method })
    expect(upstream.requests[0]?.headers['content-length']).toBe('69999')
  }
})

test('a method goes out in the case it was given', async () => {
  const { ask, upstream } = await withRawUpstream('http', {
    onBytes: (_received, socket) => void socket.end('HTTP/1.1 204 No Content\r\n\r\n'),
  })
  expect((await ask('/', { method: 'patch' })).status).toBe(204)
  expect(upstream.received[0]?.toString()).toMatch(/^patch \/\?token=/)
})

test('an empty body has length 0 where a body is expected, and none where it is not', async () => {
  const { ask, upstream } = await withUpstream()
  for (const body of [null, new Uint8Array()]) {
    for (const [method, length] of [
      ['POST', '0'],
      ['GET', undefined],
      ['DELETE', undefined],
    ] as const) {
      upstream.clear()
      await ask('/', { method, body })
      expect(upstream.requests[0]?.headers['content-length']).toBe(length)
      expect(upstream.requests[0]?.headers['transfer-encoding']).toBeUndefined()
    }
  }
})

test('path and query go out as the URL has them, the fragment does not', async () => {
  const { ask, upstream } = await withUpstream()
  await ask('/a%2Fb/./ü;v=1?q=%20+ü&r=1#frag')
  expect(upstream.requests[0]?.url).toBe('/a%2Fb/%C3%BC;v=1?q=%20+%C3%BC&r=1')
})

test('text that is not ASCII goes out and comes back as UTF-8, other bytes as latin1', async () => {
  const { ask, upstream } = await withUpstream({
    handler: (_request, { socket }) => {
      const head = Buffer.from('HTTP/1.1 200 OK\r\nx-utf8: café ✓\r\nX-Latin: caf', 'utf8')
      const rest = Buffer.from('\r\ncontent-length: 0\r\n\r\n')
      socket.write(Buffer.concat([head, Buffer.from([0xe9]), rest]))
      return undefined
    },
  })
  const result = await ask('/', { headers: [['x-title', 'café ✓']] })
  const raw = upstream.requests[0]?.headers['x-title'] ?? ''
  expect(Buffer.from(raw, 'latin1').toString('utf8')).toBe('café ✓')
  expect(result.response?.headers.slice(0, 2)).toEqual([
    ['x-utf8', 'café ✓'],
    ['x-latin', 'café'],
  ])
})

test('response headers keep order and repetition, in lower case, without hop-by-hop ones', async () => {
  const { ask } = await withUpstream({
    handler: (_request, { socket }) => {
      socket.write(
        'HTTP/1.1 200 OK\r\nB: 1\r\nSet-Cookie: a=1\r\nA: 2\r\nSet-Cookie: b=2\r\nKeep-Alive: ' +
          'timeout=5\r\nConnection: keep-alive\r\nTrailer: x\r\nProxy-Authenticate: y\r\n' +
          'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: z\r\n\r\n',
      )
      return undefined
    },
  })
  const { response } = await ask('/')
  expect(response?.headers).toEqual([
    ['b', '1'],
    ['set-cookie', 'a=1'],
    ['a', '2'],
    ['set-cookie', 'b=2'],
  ])
  expect(bodyText({ response })).toBe('ok')
})

test('no value can end its header line, whatever it is made of', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const head = requestHead({ method: 'GET', headers: [['x', value]] })
      if (!head.ok) return
      expect(head.value.headers[1]).toMatch(/^[\t -~\u0080-\u00ff]*$/)
    }),
    { numRuns: 500 },
  )
})
