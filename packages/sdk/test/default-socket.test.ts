import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { type TempDir, tempDir } from '@latchgate/testkit'
import { Agent } from 'undici'
import { expect, test } from 'vitest'
import { checkDefaultSocket, defaultSocketPath } from '../src/default-socket.js'
import { resolveGateAddress } from '../src/gate-address.js'
import { GateChannel } from '../src/gate-channel.js'
import { LatchGateTransportError } from '../src/index.js'
import { executed, GateDouble } from './gate-double.js'
import { afterThisTest, client, environment } from './setup.js'

const UID = process.getuid!()

function runtimeDirectory(): TempDir {
  const directory = tempDir()
  afterThisTest(() => directory.remove())
  return directory
}

async function boundSocket(directory: TempDir, mode: number): Promise<string> {
  mkdirSync(directory.file('latchgate'))
  const path = directory.file('latchgate', 'gate.sock')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  // Only root can bind, or remove, a socket in a directory that its owner may not write.
  chmodSync(directory.file('latchgate'), mode)
  afterThisTest(() => {
    chmodSync(directory.file('latchgate'), 0o700)
    return new Promise((resolve) => server.close(() => resolve()))
  })
  return path
}

test('the path follows the environment', () => {
  expect(defaultSocketPath({ XDG_RUNTIME_DIR: '/run/user/7' }, 7)).toBe(
    '/run/user/7/latchgate/gate.sock',
  )
  expect(defaultSocketPath({}, 7)).toBe('/tmp/latchgate-7/gate.sock')
})

test.each([0o700, 0o750, 0o500])('a directory of ours with mode %o is accepted', async (mode) => {
  const path = await boundSocket(runtimeDirectory(), mode)
  expect(() => checkDefaultSocket(path)).not.toThrow()
})

test.each([0o777, 0o755, 0o770, 0o701, 0o720, 0o702])(
  'a directory with mode %o is refused: others could pose as the gate',
  async (mode) => {
    const path = await boundSocket(runtimeDirectory(), mode)
    expect(() => checkDefaultSocket(path)).toThrow(LatchGateTransportError)
    expect(() => checkDefaultSocket(path)).toThrow(`has mode 0${mode.toString(8)}, not 0700`)
    expect(() => checkDefaultSocket(path)).toThrow("the option 'socket'")
  },
)

test('a directory of another uid is refused and both uids are named', async () => {
  const path = await boundSocket(runtimeDirectory(), 0o700)
  expect(() => checkDefaultSocket(path, UID + 1)).toThrow(
    `belongs to uid ${UID}, not to uid ${UID + 1}`,
  )
})

test('a symbolic link in place of the directory is refused', async () => {
  const directory = runtimeDirectory()
  await boundSocket(directory, 0o700)
  symlinkSync(directory.file('latchgate'), directory.file('link'))
  expect(() => checkDefaultSocket(directory.file('link', 'gate.sock'))).toThrow(
    'is a symbolic link',
  )
})

test('a file in place of the directory, or of the socket, is refused', () => {
  const directory = runtimeDirectory()
  writeFileSync(directory.file('latchgate'), '')
  expect(() => checkDefaultSocket(directory.file('latchgate', 'gate.sock'))).toThrow(
    'not a directory',
  )
  mkdirSync(directory.file('other'), { mode: 0o700 })
  writeFileSync(directory.file('other', 'gate.sock'), '')
  expect(() => checkDefaultSocket(directory.file('other', 'gate.sock'))).toThrow(
    'it is not a socket',
  )
})

test('without a gate the error says how to start one', async () => {
  const directory = runtimeDirectory()
  environment({ XDG_RUNTIME_DIR: directory.path, LATCHGATE_URL: undefined })
  const failure = await client({ agentId: 'a' })
    .execute('http_fetch')
    .catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(LatchGateTransportError)
  const { message } = failure as Error
  expect(message).toContain(`no gate answers on ${directory.file('latchgate', 'gate.sock')}`)
  expect(message).toContain('latchgate up')
  expect(message).toContain('LATCHGATE_URL')
  expect(message).not.toContain('XDG_RUNTIME_DIR')
})

test('a program that was not handed XDG_RUNTIME_DIR is told so, and where it looked', () => {
  const path = defaultSocketPath({}, 4_000_000_000)
  expect(() => checkDefaultSocket(path, 4_000_000_000)).toThrow(
    /no gate answers on \/tmp\/latchgate-4000000000\/gate\.sock .*XDG_RUNTIME_DIR is not set here/,
  )
})

test('a stale socket file is the same as no gate', async () => {
  const path = await boundSocket(runtimeDirectory(), 0o700)
  const failure = await client({ socket: `${path}.gone`, agentId: 'a' })
    .connect()
    .catch((error: unknown) => error)
  expect((failure as Error).message).toContain('(ENOENT): start one with `latchgate up`')
})

test('a socket that this user may not enter is no missing gate: a group has to let him in', async () => {
  const refused = Object.assign(new Error('connect EACCES'), { code: 'EACCES' })
  const dispatcher = new Agent({ connect: (_target, callback) => callback(refused, null) })
  const channel = new GateChannel(
    resolveGateAddress({ socket: '/srv/latchgate/gate.sock' }, {}),
    dispatcher,
  )
  const request = { method: 'GET', path: '/', agentLabel: null, timeoutMs: 5000 } as const
  const failure: unknown = await channel.send(request).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(LatchGateTransportError)
  expect((failure as Error).message).toBe(
    'transport error: this user may not connect to /srv/latchgate/gate.sock (EACCES): the ' +
      "gate's configuration lets a group in with `listen_uds_group`, to which this user has to belong",
  )
  await dispatcher.close()
})

test('nothing is sent through an unsafe default socket', async () => {
  const directory = runtimeDirectory()
  const path = await boundSocketOfDouble(directory)
  chmodSync(directory.file('latchgate'), 0o755)
  environment({ XDG_RUNTIME_DIR: directory.path, LATCHGATE_URL: undefined })
  const agent = client({ agentId: 'a' })
  await expect(agent.execute('http_fetch')).rejects.toThrow('refusing the gate socket')
  await expect(agent.listActions()).rejects.toThrow('has mode 0755')
  expect(path.gate.seen).toHaveLength(0)
  expect(path.gate.connections).toBe(0)
})

test('the directory is looked at before each connection, not only the first', async () => {
  const directory = runtimeDirectory()
  const { gate } = await boundSocketOfDouble(directory)
  gate.onExecute(executed())
  environment({ XDG_RUNTIME_DIR: directory.path, LATCHGATE_URL: undefined })
  const agent = client({ agentId: 'a' })
  await agent.execute('http_fetch')
  chmodSync(directory.file('latchgate'), 0o777)
  gate.dropConnections()
  await new Promise((resolve) => setTimeout(resolve, 20))
  await expect(agent.execute('http_fetch')).rejects.toThrow('has mode 0777')
  chmodSync(directory.file('latchgate'), 0o700)
  await agent.execute('http_fetch')
})

test('a socket that the program names is its own choice and not checked', async () => {
  const directory = runtimeDirectory()
  const { gate, path } = await boundSocketOfDouble(directory)
  chmodSync(directory.file('latchgate'), 0o755)
  gate.onExecute(executed())
  const result = await client({ socket: path, agentId: 'a' }).execute('http_fetch')
  expect(result.receiptId).toBe('receipt-1')
})

async function boundSocketOfDouble(
  directory: TempDir,
): Promise<{ readonly gate: GateDouble; readonly path: string }> {
  mkdirSync(directory.file('latchgate'), { mode: 0o700 })
  const path = directory.file('latchgate', 'gate.sock')
  const gate = await GateDouble.onSocket(path)
  afterThisTest(() => gate.stop())
  return { gate, path }
}
