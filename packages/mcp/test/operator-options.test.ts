import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type OperatorFlags,
  operatorOptions as optionsAt,
} from '../src/operator/operator-options.js'

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

type Env = Readonly<Record<string, string | undefined>>

/** In a directory that has no project unless the test makes one. */
function operatorOptions(flags: OperatorFlags, env: Env): ReturnType<typeof optionsAt> {
  return optionsAt(flags, { XDG_CONFIG_HOME: directory.path, ...env }, directory.path)
}

/** A project with these operators, whose keys are beside the configuration. */
async function project(names: readonly string[], more = ''): Promise<readonly DPoPKeyPair[]> {
  mkdirSync(directory.file('.latchgate', 'operators'), { recursive: true })
  const keys = await Promise.all(names.map(() => DPoPKeyPair.generate()))
  const tables = names.map((name, at) => {
    const file = directory.file('.latchgate', 'operators', `${name}.pem`)
    writeFileSync(file, keys[at]?.exportPem() ?? '', { mode: 0o600 })
    const jkt = keys[at]?.thumbprint ?? ''
    return `[operator_credentials.${name}]\napi_key = "key-${name}-0123456789abcdef"\ndpop_jkt = "${jkt}"\n`
  })
  const file = directory.file('.latchgate', 'latchgate.toml')
  writeFileSync(file, `${more}\n${tables.join('\n')}`, { mode: 0o600 })
  return keys
}

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
  [{}, {}, 'run this in the directory where the gate is configured'],
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

test('what is not given is the project of the working directory, as for the command line', async () => {
  const [alice] = await project(['alice'], 'gate_name = "g"')
  const { key: read, ...others } = operatorOptions({}, { XDG_RUNTIME_DIR: '/run/user/7' })
  expect(read.thumbprint).toBe(alice?.thumbprint)
  expect(others).toEqual({
    adminSocket: '/run/user/7/latchgate/gate-admin.sock',
    token: 'key-alice-0123456789abcdef',
    publicBaseUrl: 'http://localhost',
    gateName: 'g',
  })
  await project(['alice'], 'listen_admin_uds_path = "run/admin.sock"')
  expect(operatorOptions({}, {}).adminSocket).toBe(
    directory.file('.latchgate', 'run', 'admin.sock'),
  )
  expect(operatorOptions({ adminSocket: '/f' }, {}).adminSocket).toBe('/f')
})

test('of several operators it is the one that is named, or whose key or token is given; else nobody', async () => {
  const [alice, bob] = await project(['alice', 'bob'])
  const pem = directory.file('.latchgate', 'operators', 'bob.pem')
  const asBob: readonly (readonly [OperatorFlags, Env])[] = [
    [{ operator: 'bob' }, {}],
    [{}, { LATCHGATE_OPERATOR: 'bob' }],
    [{ operatorKey: pem }, {}],
    [{}, { LATCHGATE_OPERATOR_TOKEN: 'key-bob-0123456789abcdef' }],
  ]
  for (const [flags, env] of asBob) {
    const { key: read, token } = operatorOptions(flags, env)
    expect([read.thumbprint, token]).toEqual([bob?.thumbprint, 'key-bob-0123456789abcdef'])
  }
  expect(alice?.thumbprint).not.toBe(bob?.thumbprint)
  expect(() => operatorOptions({}, {})).toThrow('one of several operators (alice, bob)')
  expect(() => operatorOptions({ operator: 'eve' }, {})).toThrow('(it has alice, bob)')
  // A key that no credential is bound to is not sent with somebody's api_key.
  expect(() => operatorOptions({ operatorKey: keyFile }, {})).toThrow('no operator')
})

test("an operator's name that is a path leads to no key", async () => {
  await project(['alice'])
  const file = directory.file('.latchgate', 'latchgate.toml')
  writeFileSync(file, '[operator_credentials."../../alice"]\napi_key = "k"\n', { mode: 0o600 })
  expect(() => operatorOptions({}, {})).toThrow('(it has no operators)')
})

test('a configuration or a token file that others can read is refused, and none is quoted', async () => {
  await project(['alice'])
  const file = directory.file('.latchgate', 'latchgate.toml')
  chmodSync(file, 0o644)
  expect(() => operatorOptions({}, {})).toThrow(`chmod 600 ${file}`)
  writeFileSync(file, 'api_key = secret words', { mode: 0o600 })
  chmodSync(file, 0o600)
  expect(() => operatorOptions({}, {})).toThrow(`${file} is not TOML`)
  expect(() => operatorOptions({}, {})).not.toThrow('secret')

  const tokenFile = directory.file('alice.token')
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o644 })
  const flags = { operatorKey: keyFile, operatorTokenFile: tokenFile }
  expect(() => operatorOptions(flags, SOCKET)).toThrow(`chmod 600 ${tokenFile}`)
  chmodSync(tokenFile, 0o600)
  expect(operatorOptions(flags, SOCKET).token).toBe(TOKEN)
  writeFileSync(tokenFile, '\n')
  expect(() => operatorOptions(flags, SOCKET)).toThrow(`the token file ${tokenFile} is empty`)
})
