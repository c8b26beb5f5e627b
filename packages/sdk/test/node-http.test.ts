import { createServer } from 'node:net'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { tempDir } from '@latchgate/testkit'
import { afterAll, expect, test } from 'vitest'
import { PlainHttp, type PlainRequest } from '../src/node-http.js'
import { afterThisTest, gateOnSocket, gateOnTcp } from './setup.js'

const PATH = '/v1/leases'
const http = new PlainHttp()
afterAll(() => http.close())

const { publicJwk } = await DPoPKeyPair.generate()
// More bytes than characters: a length counted in characters would cut it short.
const BODY = JSON.stringify({
  scopes: ['tools:call'],
  dpop_jwk: publicJwk,
  budgets: { '\u00fc': 1 },
})

function plain(base: string, change: Partial<PlainRequest> = {}): PlainRequest {
  return {
    url: new URL(`${base}${PATH}`),
    socketPath: null,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: BODY,
    signal: new AbortController().signal,
    maxBytes: 1024,
    ...change,
  }
}

async function answering(bytes: string): Promise<string> {
  const directory = tempDir()
  afterThisTest(() => directory.remove())
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(bytes)
  })
  await new Promise<void>((resolve) => server.listen(directory.file('s'), resolve))
  afterThisTest(() => void server.close())
  return directory.file('s')
}

test('a request and its answer are the same over TCP and over a socket', async () => {
  const tcp = await gateOnTcp()
  const { gate, path } = await gateOnSocket()
  for (const [double, request] of [
    [tcp, plain(tcp.url)],
    [gate, plain('http://localhost', { socketPath: path })],
  ] as const) {
    const answer = await http.send(request)
    expect(answer.statusCode).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ lease_jwt: expect.any(String) })
    expect(double.requests(PATH).map(({ text }) => text)).toEqual([BODY])
  }
})

test('an answer that is too long, cut short or never comes is an error', async () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n'
  const long = await answering(head + 'x'.repeat(2000))
  await expect(http.send(plain('http://localhost', { socketPath: long }))).rejects.toThrow(
    'the answer is longer than 1024 bytes',
  )
  const short = await answering(`${head}abc`)
  await expect(http.send(plain('http://localhost', { socketPath: short }))).rejects.toThrow()
  const signal = AbortSignal.abort()
  const aborted = http.send(plain('http://localhost', { socketPath: short, signal }))
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
})

test('one connection carries request after request, and ends with close()', async () => {
  const gate = await gateOnTcp()
  const own = new PlainHttp()
  for (let i = 0; i < 3; i += 1) {
    await own.send(plain(gate.url))
    expect(gate.connections).toBe(1)
  }
  await own.close()
  await gate.until(() => gate.connections === 0)
  expect(gate.requests(PATH)).toHaveLength(3)
})

test('close() waits for what is under way', async () => {
  const gate = await gateOnTcp()
  gate.leaseDelaysMs.push(100)
  const own = new PlainHttp()
  const answer = own.send(plain(gate.url))
  await gate.until(() => gate.requests(PATH).length > 0)
  await own.close()
  expect((await answer).statusCode).toBe(200)
})

test('a request on a kept connection that breaks is not sent a second time', async () => {
  const gate = await gateOnTcp()
  await http.send(plain(gate.url))
  gate.leaseHandler = () => ({ status: 200, end: 'reset' })
  await expect(http.send(plain(gate.url))).rejects.toThrow('ECONNRESET')
  expect(gate.requests(PATH)).toHaveLength(2)
})
