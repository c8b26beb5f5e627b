import { startRawUpstream, startUpstream } from '@latchgate/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { Cutoff } from '../../src/egress/cutoff.js'
import { dial } from '../../src/egress/dialer.js'
import { lazySecureContext } from '../../src/egress/trust-roots.js'
import { HOST } from './egress-fixture.js'

function cutoffOf(timeoutMs: number): Cutoff {
  const cutoff = new Cutoff(HOST, timeoutMs, undefined)
  onTestFinished(() => cutoff.end())
  return cutoff
}

async function closedPort(): Promise<number> {
  const server = await startRawUpstream()
  await server.close()
  return server.port
}

test('an address that refuses is passed over for the next one', async () => {
  const upstream = await startUpstream({ scheme: 'http' })
  onTestFinished(() => upstream.close())
  const endpoints = [
    { ip: '127.0.0.1', port: await closedPort() },
    { ip: '127.0.0.1', port: upstream.port },
  ]
  const dialed = await dial(HOST, endpoints, null, cutoffOf(2_000))
  expect(dialed).toMatchObject({ ok: true, value: { endpoint: endpoints[1], certificate: null } })
  if (dialed.ok) dialed.value.socket.destroy()
})

test('an address that hangs in the handshake leaves time for the next one', async () => {
  const silent = await startRawUpstream()
  onTestFinished(() => silent.close())
  const upstream = await startUpstream({ hosts: [HOST] })
  onTestFinished(() => upstream.close())
  const endpoints = [
    { ip: '127.0.0.1', port: silent.port },
    { ip: '127.0.0.1', port: upstream.port },
  ]
  const context = lazySecureContext(upstream.caPem)()
  const dialed = await dial(HOST, endpoints, context, cutoffOf(600))
  expect(dialed).toMatchObject({ ok: true, value: { endpoint: endpoints[1] } })
  if (dialed.ok) dialed.value.socket.destroy()
  expect(silent.connectionsOpened).toBe(1)
})

test('the last address is named when none answers, and no more than four are tried', async () => {
  const port = await closedPort()
  const ips = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']
  const endpoints = ips.map((ip) => ({ ip, port }))
  expect(await dial(HOST, endpoints, null, cutoffOf(2_000))).toEqual({
    ok: false,
    error: {
      address: `127.0.0.4:${port}`,
      failure: {
        type: 'upstream_unreachable',
        message: `cannot connect to ${HOST} at 127.0.0.4:${port} (ECONNREFUSED)`,
      },
    },
  })
})

test('an address that is too slow is named, with the time it was given', async () => {
  const silent = await startRawUpstream()
  onTestFinished(() => silent.close())
  const endpoints = [
    { ip: '127.0.0.1', port: silent.port },
    { ip: '127.0.0.1', port: await closedPort() },
  ]
  const context = lazySecureContext(null)()
  const began = performance.now()
  const dialed = await dial(HOST, endpoints, context, cutoffOf(400))
  expect(dialed.ok).toBe(false)
  expect(performance.now() - began).toBeGreaterThan(150)
  expect(performance.now() - began).toBeLessThan(400)
})
