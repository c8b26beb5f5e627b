import { expect, test } from 'vitest'
import { serveOptions } from '../src/serve/serve-options.js'

test('a flag wins over the environment, and the environment over the default', () => {
  const env = { LATCHGATE_SOCKET: '/env.sock', LATCHGATE_AGENT_ID: 'env', RUST_LOG: 'debug' }
  expect(serveOptions({}, env)).toMatchObject({
    socket: '/env.sock',
    agentId: 'env',
    logLevel: 'debug',
    approvalWaitSeconds: 45,
    httpPort: null,
  })
  expect(serveOptions({ gateSocket: '/flag.sock', agentId: 'flag' }, env)).toMatchObject({
    socket: '/flag.sock',
    agentId: 'flag',
  })
})

test('a socket and a URL together are refused, wherever they come from', () => {
  const both = { gateSocket: '/a.sock', gateUrl: 'http://127.0.0.1:1' }
  expect(() => serveOptions(both, {})).toThrow('remove one of them')
  expect(() =>
    serveOptions({ gateSocket: '/a.sock' }, { LATCHGATE_URL: 'http://127.0.0.1:1' }),
  ).toThrow('remove one of them')
})

test('a unix:// URL is a socket', () => {
  const options = serveOptions({}, { LATCHGATE_URL: 'unix:///run/latchgate/gate.sock' })
  expect(options).toMatchObject({ socket: '/run/latchgate/gate.sock', gateUrl: null })
})

test('values that are none are named, with what would be', () => {
  expect(() => serveOptions({ approvalWait: 'soon' }, {})).toThrow(
    "--approval-wait must be a whole number from 0 to 3600, got 'soon'",
  )
  expect(() => serveOptions({ logLevel: 'loud' }, {})).toThrow("got 'loud'")
  expect(serveOptions({}, { RUST_LOG: 'latchgate=debug' }).logLevel).toBe('warn')
})

test('an identity token comes from a file or from the environment, not from both, and never from a flag', () => {
  expect(serveOptions({}, { LATCHGATE_IDENTITY_TOKEN: 'a.b.c' })).toMatchObject({
    identityToken: 'a.b.c',
    identityTokenFile: null,
  })
  expect(serveOptions({ identityTokenFile: '/t' }, {})).toMatchObject({
    identityToken: null,
    identityTokenFile: '/t',
  })
  const both = { LATCHGATE_IDENTITY_TOKEN: 'a.b.c', LATCHGATE_IDENTITY_TOKEN_FILE: '/t' }
  expect(() => serveOptions({}, both)).toThrow('remove one of them')
  expect(() => serveOptions({}, both)).not.toThrow('a.b.c')
})

test('a label that no gate would record is refused, not dropped', () => {
  expect(serveOptions({ agentId: 'x'.repeat(64) }, {}).agentId).toHaveLength(64)
  for (const agentId of ['', 'two words', 'x'.repeat(65), 'ä']) {
    expect(() => serveOptions({ agentId }, {})).toThrow('1 to 64 visible ASCII characters')
  }
})
