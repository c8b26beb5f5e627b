import { createTestCa, loopbackOnly } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createEgress } from '../../src/egress/pinned-client.js'
import {
  askerOf,
  failed,
  HOST,
  requestTo,
  withRawUpstream,
  withUpstream,
} from './egress-fixture.js'

test('server name, Host and certificate are those of the original name at the pinned address', async () => {
  const { ask, upstream } = await withUpstream({ scheme: 'https' })
  const result = await ask('/repos?page=2')
  expect(result).toMatchObject({
    outcome: 'answered',
    address: upstream.address,
    certificateSha256: upstream.certificateSha256,
    status: 200,
    error: null,
  })
  expect(upstream.requests[0]).toMatchObject({ url: '/repos?page=2', tlsServername: HOST })
  expect(upstream.requests[0]?.headers['host']).toBe(HOST)
})

test('an unsafe_resolve target still has to prove the original name', async () => {
  const { ask, upstream } = await withUpstream({ scheme: 'https', hosts: ['other.example.com'] })
  const message = `the certificate of ${upstream.address} is not for ${HOST}`
  expect(await ask('/')).toMatchObject(failed('not_sent', null, 'upstream_unreachable', message))
  expect(upstream.requestsStarted).toBe(0)
})

test('a certificate of an unknown or different CA, or an expired one, is refused', async () => {
  const { upstream } = await withUpstream({ scheme: 'https' })
  const strangers = [null, (await createTestCa()).caPem]
  for (const extraCaPem of strangers) {
    const { ask } = askerOf('https', upstream.address, { extraCaPem })
    const result = await ask('/')
    expect(result).toMatchObject({ outcome: 'not_sent', address: upstream.address })
    expect(result.certificateSha256).toBeNull()
    expect(result.error?.message).toMatch(
      /^cannot connect to api\.example\.com at [0-9.:]+ \([A-Z_]+\)$/,
    )
  }
  const expired = await withUpstream({ scheme: 'https', notAfter: Date.now() - 60_000 })
  expect(await expired.ask('/')).toMatchObject(
    failed(
      'not_sent',
      null,
      'upstream_unreachable',
      `cannot connect to ${HOST} at ${expired.upstream.address} (CERT_HAS_EXPIRED)`,
    ),
  )
  expect(upstream.requestsStarted + expired.upstream.requestsStarted).toBe(0)
})

test('the environment cannot switch verification off', async () => {
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  onTestFinished(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
  })
  const { upstream } = await withUpstream({ scheme: 'https' })
  const { ask } = askerOf('https', upstream.address, { extraCaPem: null })
  expect((await ask('/')).outcome).toBe('not_sent')
  expect(upstream.requestsStarted).toBe(0)
})

test('TLS 1.1 is too old, TLS 1.2 is not', async () => {
  const old = await withUpstream({ scheme: 'https', maxTlsVersion: 'TLSv1.1' })
  expect(await old.ask('/')).toMatchObject({ outcome: 'not_sent', status: null })
  expect(old.upstream.requestsStarted).toBe(0)
  const recent = await withUpstream({ scheme: 'https', maxTlsVersion: 'TLSv1.2' })
  expect((await recent.ask('/')).status).toBe(200)
})

test('an address as host is verified as an address and sends no server name', async () => {
  const { upstream } = await withUpstream({ scheme: 'https', hosts: ['8.8.8.8', HOST] })
  const egress = createEgress({
    unsafeResolve: new Map([
      ['8.8.8.8:443', upstream.address],
      ['1.1.1.1:443', upstream.address],
      ['[2606:4700::1]:443', upstream.address],
    ]),
    extraCaPem: upstream.caPem,
    route: loopbackOnly,
  })
  onTestFinished(() => egress.close())
  const good = await egress.request(requestTo('https://8.8.8.8/', { allow: ['8.8.8.8'] }))
  expect(good.status).toBe(200)
  expect(upstream.requests[0]?.tlsServername).toBeNull()
  expect(upstream.requests[0]?.headers['host']).toBe('8.8.8.8')
  for (const host of ['1.1.1.1', '[2606:4700::1]']) {
    const bad = await egress.request(requestTo(`https://${host}/`, { allow: [host] }))
    expect(bad.error?.message).toContain('the certificate of')
    expect(bad.outcome).toBe('not_sent')
  }
})

test('an upstream that does not speak TLS gets no request', async () => {
  const { ask, upstream } = await withRawUpstream('https', {
    onBytes: (_received, socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  })
  const result = await ask('/')
  expect(result).toMatchObject({ outcome: 'not_sent', status: null, address: upstream.address })
  expect(result.error?.type).toBe('upstream_unreachable')
})

test('a reset or an end during the handshake, and a refused connection, sent nothing', async () => {
  const reset = await withRawUpstream('https', { onBytes: (_bytes, _socket, cut) => cut() })
  expect(await reset.ask('/')).toMatchObject(
    failed(
      'not_sent',
      null,
      'upstream_unreachable',
      `cannot connect to ${HOST} at ${reset.upstream.address} (ECONNRESET)`,
    ),
  )
  const ended = await withRawUpstream('https', { onBytes: (_bytes, socket) => void socket.end() })
  expect(await ended.ask('/')).toMatchObject({ outcome: 'not_sent', status: null })
  await ended.upstream.close()
  expect(await ended.ask('/')).toMatchObject(
    failed(
      'not_sent',
      null,
      'upstream_unreachable',
      `cannot connect to ${HOST} at ${ended.upstream.address} (ECONNREFUSED)`,
    ),
  )
})

test('a handshake that never ends costs the time of the call', async () => {
  const { ask, upstream } = await withRawUpstream('https')
  const began = performance.now()
  expect(await ask('/', { timeoutMs: 120 })).toMatchObject(
    failed('not_sent', null, 'upstream_timeout', `no complete answer of ${HOST} within 120 ms`),
  )
  expect(performance.now() - began).toBeLessThan(1_000)
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(upstream.connectionsOpen).toBe(0)
})

test('a body until close that TLS did not end may be cut short, and is no answer', async () => {
  const { ask } = await withRawUpstream('https', {
    transport: 'tls',
    onBytes: (_received, socket, reset) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhalf of ')
      setTimeout(reset, 50)
    },
  })
  expect(await ask('/')).toMatchObject({ outcome: 'answered', status: 200, response: null })
})

test('an extra CA that holds no certificate stops the start', () => {
  const start = (extraCaPem: string): unknown =>
    createEgress({ unsafeResolve: new Map(), extraCaPem })
  expect(() => start('')).toThrow('egress.extra_ca_file holds no PEM certificate')
  expect(() => start('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toThrow(
    'egress.extra_ca_file: certificate 1 cannot be read',
  )
})
