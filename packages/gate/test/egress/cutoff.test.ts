import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { drip, loopbackOnly, neverAnswers, startUpstream } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { Cutoff } from '../../src/egress/cutoff.js'
import { createEgress } from '../../src/egress/pinned-client.js'
import { failed, HOST, requestTo, withRawUpstream, withUpstream } from './egress-fixture.js'

const CANCELLED = `the request to ${HOST} was cancelled`

test('a call that was cancelled before it began resolves and sends nothing', async () => {
  const { ask, upstream } = await withUpstream()
  const result = await ask('/', { signal: AbortSignal.abort() })
  expect(result).toMatchObject(failed('not_sent', null, 'upstream_timeout', CANCELLED))
  expect(upstream.connectionsOpened).toBe(0)
})

test('cancelling while the name resolves, or while connecting, leaves nothing sent', async () => {
  const egress = createEgress({
    unsafeResolve: new Map(),
    extraCaPem: null,
    route: loopbackOnly,
    lookup: () => new Promise(() => undefined),
  })
  onTestFinished(() => egress.close())
  const resolving = new AbortController()
  setTimeout(() => resolving.abort(), 20)
  const early = await egress.request(requestTo(`https://${HOST}/`, { signal: resolving.signal }))
  expect(early).toMatchObject(failed('not_sent', null, 'upstream_timeout', CANCELLED))

  const { ask, upstream } = await withRawUpstream('https')
  const connecting = new AbortController()
  setTimeout(() => connecting.abort(), 40)
  const later = await ask('/', { signal: connecting.signal })
  expect(later).toMatchObject(failed('not_sent', null, 'upstream_timeout', CANCELLED))
  await sleep(30)
  expect(upstream.connectionsOpen).toBe(0)
})

test('cancelling after the request was sent is unknown, after a status it is answered', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('POST', '/silent', neverAnswers())
  upstream.on(
    'POST',
    '/drip',
    drip(
      Array.from({ length: 100 }, () => 'x'),
      20,
    ),
  )
  for (const [path, outcome, status] of [
    ['/silent', 'unknown', null],
    ['/drip', 'answered', 200],
  ] as const) {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 60)
    const result = await ask(path, { method: 'POST', signal: controller.signal })
    expect(result).toMatchObject(failed(outcome, status, 'upstream_timeout', CANCELLED))
  }
  await sleep(30)
  expect(upstream.connectionsOpen).toBe(0)
  expect(upstream.requests).toHaveLength(2)
})

test('a signal that fires after the answer changes nothing and is not listened to', async () => {
  const { ask, upstream } = await withUpstream()
  const controller = new AbortController()
  for (let call = 0; call < 20; call += 1) {
    expect((await ask('/', { signal: controller.signal })).status).toBe(200)
  }
  expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  controller.abort()
  await sleep(20)
  expect(upstream.connectionsOpen).toBe(1)
})

test('closing ends calls in every phase and all connections, and refuses further calls', async () => {
  const { ask, egress, upstream } = await withUpstream()
  upstream.on('GET', '/silent', neverAnswers())
  await ask('/idle')
  const waiting = ask('/silent', { principal: 'agent-2' })
  await sleep(40)
  await egress.close()
  const message = `the request to ${HOST} was ended by a shutdown`
  expect(await waiting).toMatchObject(failed('unknown', null, 'upstream_timeout', message))
  await sleep(30)
  expect(upstream.connectionsOpen).toBe(0)
  expect(await ask('/')).toMatchObject(failed('not_sent', null, 'upstream_timeout', message))
  expect(upstream.connectionsOpened).toBe(2)
  expect(upstream.requests).toHaveLength(2)
  await egress.close()
})

test('the first reason to cut stands, and a later phase is cut at once', () => {
  const cutoff = new Cutoff(HOST, 10_000, undefined)
  cutoff.cut('closed')
  cutoff.cut('cancelled')
  let stopped = 0
  cutoff.whenCut(() => {
    stopped += 1
  })
  expect(stopped).toBe(1)
  expect(cutoff.failure.message).toContain('ended by a shutdown')
  cutoff.end()
})

test('times beyond what a timer holds, and below one, are bounded', async () => {
  for (const timeoutMs of [2 ** 40, Number.POSITIVE_INFINITY]) {
    const cutoff = new Cutoff(HOST, timeoutMs, undefined)
    await sleep(20)
    expect(cutoff.isCut).toBe(false)
    cutoff.end()
  }
  for (const timeoutMs of [0, -5, 0.4, Number.NaN]) {
    const cutoff = new Cutoff(HOST, timeoutMs, undefined)
    await sleep(20)
    expect(cutoff.isCut).toBe(true)
    cutoff.end()
  }
})

test('proxies of the environment see nothing', async () => {
  const proxy = await startUpstream({ scheme: 'http' })
  onTestFinished(() => proxy.close())
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']
  const before = new Map(names.map((name) => [name, process.env[name]]))
  for (const name of names) process.env[name] = proxy.url
  onTestFinished(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  for (const scheme of ['http', 'https'] as const) {
    const { ask, upstream } = await withUpstream({ scheme })
    expect((await ask('/')).status).toBe(200)
    expect(upstream.requests).toHaveLength(1)
  }
  expect(proxy.connectionsOpened).toBe(0)
})
