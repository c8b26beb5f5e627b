import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { createTestCa, startRawUpstream } from '../src/index.js'

function handshake(port: number, caPem: string, servername: string): Promise<string> {
  return new Promise((resolve) => {
    const options = servername === '127.0.0.1' ? {} : { servername }
    const socket = connect({ host: '127.0.0.1', port, ca: caPem, ...options }, () => {
      resolve('trusted')
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

test('a leaf is trusted for its names, its wildcard and its address, and for nothing else', async () => {
  const ca = await createTestCa()
  const hosts = ['api.github.com', '*.slack.com', '127.0.0.1']
  const server = await startRawUpstream({ transport: 'tls', ca, hosts })
  expect(await handshake(server.port, ca.caPem, 'api.github.com')).toBe('trusted')
  expect(await handshake(server.port, ca.caPem, 'hooks.slack.com')).toBe('trusted')
  expect(await handshake(server.port, ca.caPem, '127.0.0.1')).toBe('trusted')
  expect(await handshake(server.port, ca.caPem, 'github.com')).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  await server.close()
})

test('one test CA does not vouch for the leaves of another', async () => {
  const server = await startRawUpstream({ transport: 'tls', hosts: ['localhost'] })
  const other = await createTestCa()
  expect(await handshake(server.port, other.caPem, 'localhost')).not.toBe('trusted')
  expect(await handshake(server.port, server.caPem, 'localhost')).toBe('trusted')
  await server.close()
})
