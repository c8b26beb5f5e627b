import { writeFileSync } from 'node:fs'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { operatorOptions } from '../src/operator/operator-options.js'

const TOKEN = 'key-alice-0123456789abcdef'
const SOCKET = { LATCHGATE_ADMIN_SOCKET: '/s' }

let directory: TempDir
let key: DPoPKeyPair
let keyFile: string
beforeEach(async () => {
  directory = tempDir()
  key = await DPoPKeyPair.generate()
  keyFile = directory.file('alice.pem')
  writeFileSync(keyFile, key.exportPem(), { mode: 0o600 })
})
afterEach(() => directory.remove())

test('LATCHGATE_OPERATOR_KEY is the key where it names a file, and the token where it does not', () => {
  const asPath = { ...SOCKET, LATCHGATE_OPERATOR_KEY: keyFile, LATCHGATE_OPERATOR_TOKEN: TOKEN }
  const asToken = {
    ...SOCKET,
    LATCHGATE_OPERATOR_KEY: TOKEN,
    LATCHGATE_OPERATOR_PRIVATE_KEY: keyFile,
  }
  for (const env of [asPath, asToken]) {
    const { token, key: read, ...others } = operatorOptions({}, env)
    expect([token, read.thumbprint, others]).toEqual([
      TOKEN,
      key.thumbprint,
      { adminSocket: '/s', publicBaseUrl: 'http://localhost', gateName: null },
    ])
  }
})

test('a flag wins over its variable', () => {
  const env = { ...SOCKET, LATCHGATE_OPERATOR_TOKEN: TOKEN, LATCHGATE_GATE_NAME: 'env' }
  const flags = { adminSocket: '/f', operatorKey: keyFile, gateName: 'flag' }
  expect(operatorOptions({ ...flags, publicBaseUrl: 'https://gate.example/' }, env)).toMatchObject({
    adminSocket: '/f',
    gateName: 'flag',
    publicBaseUrl: 'https://gate.example',
  })
})

test.each([
  [{}, {}, 'the admin socket is missing'],
  [{}, SOCKET, "the operator's private key is missing"],
  [{ operatorKey: 'here' }, SOCKET, "the operator's api_key is missing"],
  [{ operatorKey: '/gone.pem' }, { ...SOCKET, LATCHGATE_OPERATOR_TOKEN: TOKEN }, '(ENOENT)'],
  [{ publicBaseUrl: 'ftp://x' }, { ...SOCKET, LATCHGATE_OPERATOR_TOKEN: TOKEN }, "got 'ftp://x'"],
])('%j with %j is refused with what is missing', (flags, env, message) => {
  const given = 'publicBaseUrl' in flags ? { ...flags, operatorKey: keyFile } : flags
  expect(() => operatorOptions(given, env)).toThrow(message)
})

test('a token that could not be a header is refused without being shown, and so is what is no key', () => {
  const odd = { ...SOCKET, LATCHGATE_OPERATOR_TOKEN: 'secret\r\nx: y' }
  const failure = (): unknown => operatorOptions({ operatorKey: keyFile }, odd)
  expect(failure).toThrow('holds characters that no api_key has')
  expect(failure).not.toThrow('secret')
  writeFileSync(keyFile, 'secret words')
  const env = { ...SOCKET, LATCHGATE_OPERATOR_TOKEN: TOKEN }
  const unread = (): unknown => operatorOptions({ operatorKey: keyFile }, env)
  expect(unread).toThrow(`${keyFile} does not hold a P-256 private key`)
  expect(unread).not.toThrow('secret')
})
