import { type IncomingHttpHeaders, request as plainRequest } from 'node:http'
import { Agent, request } from 'node:https'
import { expect, test } from 'vitest'
import type { Upstream } from '../src/index.js'
import { closeAfterAnswer, resetBeforeAnswer, resetMidBody, startUpstream } from '../src/index.js'

interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly error: string | null
}

function call(upstream: Upstream, path: string, agent?: Agent, body = ''): Promise<Got> {
  const send = upstream.scheme === 'https' ? request : plainRequest
  const options = {
    method: 'POST',
    headers: { 'x-Mixed': '1' },
    ca: upstream.caPem,
    ...(agent === undefined ? {} : { agent }),
  }
  let got: Got = { status: 0, headers: {}, body: '', error: null }
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      resolve({ ...got, error: error.code ?? error.message })
    const outgoing = send(`${upstream.url}${path}`, options, (incoming) => {
      got = { ...got, status: incoming.statusCode ?? 0, headers: incoming.headers }
      incoming.on('data', (chunk: Buffer) => {
        got = { ...got, body: got.body + chunk.toString() }
      })
      incoming.on('end', () => resolve(got))
      incoming.on('error', fail)
    })
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

for (const scheme of ['https', 'http'] as const) {
  test(`the ${scheme} upstream records what came over the wire and answers by route`, async () => {
    const upstream = await startUpstream({ scheme })
    upstream.on('POST', '/issues', ({ body }) => ({
      status: 201,
      headers: { 'set-cookie': ['a=1', 'b=2'] },
      body: { got: body.toString() },
    }))
    const answer = await call(upstream, '/issues?page=2', undefined, 'hello')
    expect(answer).toMatchObject({ status: 201, body: '{"got":"hello"}' })
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect((await call(upstream, '/other')).body).toBe('{}')
    const [first] = upstream.requests
    expect(first).toMatchObject({
      method: 'POST',
      url: '/issues?page=2',
      tlsServername: scheme === 'https' ? 'localhost' : null,
    })
    expect(first?.rawHeaders).toContainEqual(['x-Mixed', '1'])
    expect(first?.headers['x-mixed']).toBe('1')
    expect(first?.body.toString()).toBe('hello')
    expect(upstream.requests).toHaveLength(2)
    await upstream.close()
  })

  test(`over ${scheme}, a reset is a TCP reset, also in the middle of a body`, async () => {
    const upstream = await startUpstream({ scheme })
    upstream.on('*', '/before', resetBeforeAnswer())
    upstream.on('*', '/body', resetMidBody('half', 8))
    expect(await call(upstream, '/before')).toMatchObject({ status: 0, error: 'ECONNRESET' })
    const half = await call(upstream, '/body')
    expect(half).toMatchObject({ status: 200, body: 'half', error: 'ECONNRESET' })
    expect(upstream.requests).toHaveLength(2)
    await upstream.close()
  })
}

test('connections are counted, and close behind an answer that promised to keep them', async () => {
  const upstream = await startUpstream()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  await call(upstream, '/', agent)
  await call(upstream, '/', agent)
  expect(upstream.connectionsOpened).toBe(1)
  upstream.on('*', '/bye', closeAfterAnswer())
  expect((await call(upstream, '/bye', agent)).headers.connection).toBe('keep-alive')
  await new Promise((resolve) => setTimeout(resolve, 50))
  await call(upstream, '/', agent)
  expect(upstream.connectionsOpened).toBe(2)
  agent.destroy()
  await upstream.close()
  expect(upstream.connectionsOpen).toBe(0)
})

test('a handler that throws is visible as an answer, not as a hang', async () => {
  const upstream = await startUpstream({
    handler: () => {
      throw new Error('wrong path')
    },
  })
  expect(await call(upstream, '/')).toMatchObject({
    status: 500,
    body: 'test handler failed: Error: wrong path',
  })
  await upstream.close()
})
