import { mkdirSync } from 'node:fs'
import { tempDir } from '@latchgate/testkit'
import { Agent, fetch } from 'undici'
import { expect, test } from 'vitest'
import { timeoutsOf } from '../src/client-options.js'
import { resolveGateAddress } from '../src/gate-address.js'
import { LatchGateClient, LatchGateTransportError } from '../src/index.js'
import { executed, GateDouble } from './gate-double.js'
import { afterThisTest, client, environment, gateOnSocket, gateOnTcp } from './setup.js'

const UID = process.getuid!()

test('baseUrl wins over socket and LATCHGATE_URL', () => {
  const options = { baseUrl: 'http://gate:1', socket: '/run/g.sock' }
  const address = resolveGateAddress(options, { LATCHGATE_URL: 'http://other:2' })
  expect(address).toEqual({
    baseUrl: 'http://gate:1',
    publicBaseUrl: 'http://gate:1',
    socketPath: null,
    isDefaultSocket: false,
  })
})

test('an explicit socket wins over LATCHGATE_URL', () => {
  const address = resolveGateAddress({ socket: '/run/g.sock' }, { LATCHGATE_URL: 'http://other:2' })
  expect(address.socketPath).toBe('/run/g.sock')
  expect(address.baseUrl).toBe('http://localhost')
  expect(address.isDefaultSocket).toBe(false)
})

test('LATCHGATE_URL is used when nothing is said', () => {
  const address = resolveGateAddress({}, { LATCHGATE_URL: 'http://other:2/' })
  expect(address.baseUrl).toBe('http://other:2')
  expect(address.socketPath).toBe(null)
})

test('an empty baseUrl switches LATCHGATE_URL off', () => {
  const address = resolveGateAddress({ baseUrl: '' }, { LATCHGATE_URL: 'http://other:2' })
  expect(address.socketPath).toBe(`/tmp/latchgate-${UID}/gate.sock`)
})

test('an empty LATCHGATE_URL counts as unset', () => {
  const env = { LATCHGATE_URL: '', XDG_RUNTIME_DIR: '/run/user/7' }
  const address = resolveGateAddress({}, env)
  expect(address.socketPath).toBe('/run/user/7/latchgate/gate.sock')
  expect(address.isDefaultSocket).toBe(true)
})

test('the default socket is below XDG_RUNTIME_DIR, or in /tmp when that is empty', () => {
  const env = { XDG_RUNTIME_DIR: '' }
  expect(resolveGateAddress({}, env).socketPath).toBe(`/tmp/latchgate-${UID}/gate.sock`)
})

test('no other environment variable is read', () => {
  const names: string[] = []
  const env = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get: (_, name) => {
        names.push(String(name))
        return undefined
      },
    },
  )
  resolveGateAddress({}, env)
  expect([...new Set(names)].sort()).toEqual(['LATCHGATE_URL', 'XDG_RUNTIME_DIR'])
})

test('proofs name publicBaseUrl, without trailing slashes and otherwise as written', () => {
  const options = { baseUrl: 'http://127.0.0.1:9', publicBaseUrl: 'https://Gate.Example:443/x//' }
  expect(resolveGateAddress(options, {}).publicBaseUrl).toBe('https://Gate.Example:443/x')
})

test.each([
  [
    'not a URL',
    { baseUrl: 'gate:3000' },
    {},
    /baseUrl must be an http:\/\/ or https:\/\/ URL, got 'gate:3000'/,
  ],
  ['another scheme', { baseUrl: 'unix:///x' }, {}, /baseUrl must be/],
  [
    'credentials in it',
    { baseUrl: 'http://a:b@gate' },
    {},
    /must not hold user, query or fragment: 'http:\/\/gate…'/,
  ],
  ['a query', { publicBaseUrl: 'http://gate/?a=1' }, {}, /publicBaseUrl must not hold/],
  ['a bad variable', {}, { LATCHGATE_URL: 'localhost' }, /LATCHGATE_URL must be/],
  ['an empty socket', { socket: '' }, {}, /socket must be the path/],
])('an address with %s is refused at once and named', (_, options, env, message) => {
  expect(() => resolveGateAddress(options, env)).toThrow(message)
})

test('a client on the default socket works without any configuration', async () => {
  const directory = tempDir()
  afterThisTest(() => directory.remove())
  mkdirSync(directory.file('latchgate'), { mode: 0o700 })
  const gate = await GateDouble.onSocket(directory.file('latchgate', 'gate.sock'))
  afterThisTest(() => gate.stop())
  gate.onExecute(executed())
  environment({ XDG_RUNTIME_DIR: directory.path, LATCHGATE_URL: undefined })
  const agent = client({ agentId: 'my-agent' })
  expect(agent.gateUrl).toBe('http://localhost')
  expect((await agent.execute('http_fetch', { url: 'https://a.example' })).receiptId).toBe(
    'receipt-1',
  )
  const [request] = gate.requests('/v1/actions/http_fetch/execute')
  expect(request?.headers.host).toBe('localhost')
})

test('over TCP the proof names the URL the gate was given as', async () => {
  const gate = await gateOnTcp()
  gate.onExecute(executed())
  const agent = client({ baseUrl: `${gate.url}/`, agentId: 'a' })
  await agent.execute('http_fetch')
  expect(agent.gateUrl).toBe(gate.url)
})

test('a client behind another name reaches the gate and signs for its public URL', async () => {
  const gate = await gateOnTcp()
  gate.htuBases = ['https://gate.example']
  gate.onExecute(executed())
  const agent = client({ baseUrl: gate.url, publicBaseUrl: 'https://gate.example', agentId: 'a' })
  await agent.execute('http_fetch')
  expect(agent.gateUrl).toBe('https://gate.example')
})

test('a dispatcher replaces the transport, and close() leaves it to its owner', async () => {
  const { gate, path } = await gateOnSocket()
  gate.onExecute(executed())
  const dispatcher = new Agent({ connect: { socketPath: path } })
  afterThisTest(() => dispatcher.close())
  environment({ LATCHGATE_URL: undefined })
  const agent = new LatchGateClient({ dispatcher, socket: '/nowhere.sock', agentId: 'a' })
  await agent.execute('http_fetch')
  expect(agent.httpDispatcher).toBe(dispatcher)
  await agent.close()
  const other = client({ dispatcher, agentId: 'b' })
  expect((await other.execute('http_fetch')).traceId).toBe('trace-1')
})

test('httpDispatcher carries requests of others through the socket, whatever their host', async () => {
  const { gate, path } = await gateOnSocket()
  gate.onGet('/v1/actions', { status: 200, json: { actions: [] } })
  const agent = client({ socket: path })
  const url = 'http://localhost:3000/v1/actions'
  const own = await fetch(url, { dispatcher: agent.httpDispatcher })
  expect(await own.json()).toEqual({ actions: [] })
  const init = { dispatcher: agent.httpDispatcher } as unknown as RequestInit
  const builtIn = await globalThis.fetch(url, init)
  expect(await builtIn.json()).toEqual({ actions: [] })
})

test('requests may take 30 s, execute longer than the longest action', () => {
  expect(timeoutsOf(undefined)).toEqual({ request: 30_000, execute: 45_000 })
  expect(timeoutsOf(250)).toEqual({ request: 250, execute: 250 })
})

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
  'timeoutMs %s is refused',
  (timeoutMs) => {
    expect(() => new LatchGateClient({ timeoutMs, baseUrl: 'http://gate' })).toThrow(RangeError)
  },
)

test('a gate that does not answer in time is a transport error that says so', async () => {
  const gate = await gateOnTcp()
  gate.onExecute({ status: 200, end: 'hang' })
  const agent = client({ baseUrl: gate.url, agentId: 'a', timeoutMs: 200 })
  const failure = await agent.execute('http_fetch').catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(LatchGateTransportError)
  expect((failure as Error).message).toBe(
    'transport error: no answer within 200 ms; the gate finishes what it has begun: see `latchgate status`, or raise timeoutMs',
  )
})

test('a signal ends the wait: before a call it is not sent, during it the gate goes on', async () => {
  const gate = await gateOnTcp()
  gate.onExecute({ status: 200, end: 'hang' })
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  await agent.connect()
  const reason = new Error('the user left')
  const early = await agent
    .execute('http_fetch', {}, { signal: AbortSignal.abort(reason) })
    .catch((error: unknown) => error)
  expect(early).toBeInstanceOf(LatchGateTransportError)
  expect((early as Error).message).toBe('transport error: aborted by the caller; nothing was sent')
  expect((early as Error).cause).toBe(reason)
  expect(gate.requests('/v1/actions/http_fetch/execute')).toHaveLength(0)

  const controller = new AbortController()
  const call = agent.execute('http_fetch', {}, { signal: controller.signal })
  await gate.until(() => gate.requests('/v1/actions/http_fetch/execute').length > 0)
  controller.abort(reason)
  await expect(call).rejects.toMatchObject({
    name: 'LatchGateTransportError',
    message: 'transport error: aborted by the caller; the gate finishes what it has begun',
    cause: reason,
  })
  expect(gate.requests('/v1/actions/http_fetch/execute')).toHaveLength(1)
})

test('a signal that is aborted while the lease is asked for keeps the call from being sent', async () => {
  const gate = await gateOnTcp()
  gate.leaseDelaysMs.push(100)
  const agent = client({ baseUrl: gate.url, agentId: 'a' })
  const controller = new AbortController()
  const call = agent.execute('http_fetch', {}, { signal: controller.signal })
  gate.onGet('/v1/actions/http_fetch', { status: 200, json: { egress: 'none' } })
  const other = agent.getActionEgress('http_fetch')
  controller.abort()
  await expect(call).rejects.toThrow('aborted by the caller; nothing was sent')
  // The lease was everybody's, so it was not given up.
  await other
  expect(gate.requests('/v1/leases')).toHaveLength(1)
  expect(gate.requests('/v1/actions/http_fetch/execute')).toHaveLength(0)
})

test('after close() every call fails without touching the network', async () => {
  const gate = await gateOnTcp()
  const agent = new LatchGateClient({ baseUrl: gate.url, agentId: 'a' })
  await agent.connect()
  await agent.close()
  await agent.close()
  await expect(agent.execute('http_fetch')).rejects.toThrow(
    'transport error: this client is closed',
  )
  expect(agent.sessionId).toBe(null)
  expect(gate.seen).toHaveLength(1)
})

test('a client is disposed of by `await using`', async () => {
  const gate = await gateOnTcp()
  const agent = new LatchGateClient({ baseUrl: gate.url, agentId: 'a' })
  await agent[Symbol.asyncDispose]()
  await expect(agent.listActions()).rejects.toThrow('this client is closed')
})
