import { setTimeout as sleep } from 'node:timers/promises'
import {
  loopbackOnly,
  neverAnswers,
  rawAnswer,
  resetBeforeAnswer,
  slowHeaders,
  startUpstream,
} from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createEgress } from '../../src/egress/pinned-client.js'
import { bodyText, HOST, requestTo, withRawUpstream, withUpstream } from './egress-fixture.js'

test('calls one after the other share a connection', async () => {
  for (const scheme of ['http', 'https'] as const) {
    const { ask, upstream } = await withUpstream({ scheme })
    for (let call = 0; call < 5; call += 1) await ask('/')
    expect(upstream.requests).toHaveLength(5)
    expect(upstream.connectionsOpened).toBe(1)
  }
})

test('calls at the same time have connections of their own', async () => {
  const { ask, upstream } = await withUpstream({ handler: slowHeaders(100) })
  const began = performance.now()
  const results = await Promise.all(Array.from({ length: 20 }, () => ask('/')))
  expect(results.every((result) => result.status === 200)).toBe(true)
  expect(performance.now() - began).toBeLessThan(1_000)
  expect(upstream.connectionsOpened).toBe(20)
})

test('no connection is ever used for two principals', async () => {
  const { ask, upstream } = await withUpstream()
  const principals = ['agent-1', 'agent-2', 'agent-1', 'agent-2', 'agent-1","x', 'agent-1']
  for (const principal of principals) await ask('/', { principal })
  const byConnection = new Map<number, Set<string>>()
  for (const [at, { connection }] of upstream.requests.entries()) {
    const users = byConnection.get(connection) ?? new Set()
    byConnection.set(connection, users.add(principals[at] ?? ''))
  }
  expect([...byConnection.values()].map((users) => users.size)).toEqual([1, 1, 1])
  expect(upstream.connectionsOpened).toBe(3)
})

test('no connection is used for two origins, even at one address', async () => {
  const upstream = await startUpstream({ scheme: 'http' })
  onTestFinished(() => upstream.close())
  const egress = createEgress({
    unsafeResolve: new Map([
      ['a.example.com:80', upstream.address],
      ['b.example.com:80', upstream.address],
      ['a.example.com:81', upstream.address],
    ]),
    extraCaPem: null,
    route: loopbackOnly,
  })
  onTestFinished(() => egress.close())
  for (let round = 0; round < 2; round += 1) {
    for (const authority of ['a.example.com', 'b.example.com', 'a.example.com:81']) {
      await egress.request(requestTo(`http://${authority}/`))
    }
  }
  expect(upstream.connectionsOpened).toBe(3)
  expect(upstream.requests.map(({ headers }) => headers['host'])).toEqual([
    'a.example.com',
    'b.example.com',
    'a.example.com:81',
    'a.example.com',
    'b.example.com',
    'a.example.com:81',
  ])
})

test('idle connections are bounded in all and of one pool, the oldest go first', async () => {
  const keepAlive = { maxIdle: 4, maxIdlePerPool: 3 }
  const { ask, upstream } = await withUpstream({ handler: slowHeaders(50) }, { keepAlive })
  const burst = async (principal: string, calls: number): Promise<void> => {
    await Promise.all(Array.from({ length: calls }, () => ask('/', { principal })))
    await sleep(30)
  }
  await burst('one', 6)
  expect(upstream.connectionsOpen).toBe(3)
  await burst('two', 3)
  expect(upstream.connectionsOpen).toBe(4)
  // One of the first principal's is left, three of the second's.
  await burst('two', 3)
  await burst('one', 1)
  expect(upstream.connectionsOpened).toBe(9)
})

test('an idle connection is closed after its time, whatever the upstream offers', async () => {
  const { ask, upstream } = await withUpstream({}, { keepAlive: { idleMs: 60 } })
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n'
  upstream.on('GET', '/silent', rawAnswer(`${head}\r\n`))
  upstream.on('GET', '/offers', rawAnswer(`${head}keep-alive: timeout=600\r\n\r\n`))
  for (const path of ['/silent', '/offers']) {
    expect((await ask(path)).status).toBe(200)
    expect(upstream.connectionsOpen).toBe(1)
    await sleep(250)
    expect(upstream.connectionsOpen).toBe(0)
  }
})

test('a kept connection that the upstream closed is replaced without sending anything twice', async () => {
  for (const scheme of ['http', 'https'] as const) {
    const { ask, upstream } = await withUpstream({ scheme })
    await ask('/one')
    upstream.closeConnections()
    await sleep(30)
    const second = await ask('/two', { method: 'POST', body: Buffer.from('x') })
    expect(second).toMatchObject({ outcome: 'answered', status: 200 })
    expect(upstream.requests.map(({ method }) => method)).toEqual(['GET', 'POST'])
    expect(upstream.connectionsOpened).toBe(2)
  }
})

test('a connection closing while the next request leaves is one request at most, and not hidden', async () => {
  for (const scheme of ['http', 'https'] as const) {
    const { ask, upstream } = await withUpstream({ scheme })
    for (let round = 0; round < 25; round += 1) {
      await ask('/warm')
      upstream.closeConnections()
      upstream.clear()
      const result = await ask('/racing', { method: 'POST', body: Buffer.from('x') })
      const seen = [result.outcome, upstream.requests.length]
      expect([
        ['answered', 1],
        ['unknown', 0],
        ['unknown', 1],
      ]).toContainEqual(seen)
    }
  }
})

test('a reset on a kept connection, after the request was sent, is unknown and not sent again', async () => {
  for (const scheme of ['http', 'https'] as const) {
    const { ask, upstream } = await withUpstream({ scheme })
    upstream.on('*', '/reset', resetBeforeAnswer())
    for (const method of ['GET', 'POST', 'DELETE']) {
      await ask('/warm')
      upstream.clear()
      const result = await ask('/reset', { method })
      expect(result).toMatchObject({ outcome: 'unknown', status: null, response: null })
      await sleep(30)
      expect(upstream.requests).toHaveLength(1)
    }
  }
})

test('bytes that come unasked on a kept connection are nobody’s answer', async () => {
  const forged = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged'
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/plant', (_request, { socket }) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    setTimeout(() => socket.write(forged), 20)
    return undefined
  })
  expect(bodyText(await ask('/plant'))).toBe('ok')
  await sleep(60)
  expect(bodyText(await ask('/next'))).toBe('{}')
  expect(upstream.connectionsOpened).toBe(2)
})

test('a connection whose exchange failed is not used again', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/silent', neverAnswers())
  upstream.on('GET', '/large', rawAnswer('HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n'))
  for (const path of ['/silent', '/large']) {
    expect((await ask(path, { timeoutMs: 80 })).response).toBeNull()
    expect((await ask('/')).status).toBe(200)
  }
  expect(upstream.connectionsOpened).toBe(3)
})

test('an upstream that answers before it has read the body is heard', async () => {
  const { ask } = await withRawUpstream('http', {
    onBytes: (received, socket) => {
      if (!received.includes('\r\n\r\n')) return
      socket.end('HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig')
    },
  })
  const result = await ask('/', { method: 'POST', body: Buffer.alloc(20_000) })
  expect(result).toMatchObject({ outcome: 'answered', status: 413 })
})

test('the request of a principal reaches only the upstream of its host', async () => {
  const { ask, upstream } = await withUpstream()
  await ask('/only')
  expect(upstream.requests[0]?.headers['host']).toBe(HOST)
  expect(upstream.requests).toHaveLength(1)
})
