import { createServer } from 'node:net'
import { DPoPKeyPair } from '@latchgate/protocol/node'
import { tempDir } from '@latchgate/testkit'
import { expect, test } from 'vitest'
import { type PlainRequest, sendPlain } from '../src/node-http.js'
import { afterThisTest, gateOnSocket, gateOnTcp } from './setup.js'

const PATH = '/v1/leases'
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
    const answer = await sendPlain(request)
    expect(answer.statusCode).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ lease_jwt: expect.any(String) })
    expect(double.requests(PATH).map(({ text }) => text)).toEqual([BODY])
  }
})

test('an answer that is too long, cut short or never comes is an error', async () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n'
  const long = await answering(head + 'x'.repeat(2000))
  await expect(sendPlain(plain('http://localhost', { socketPath: long }))).rejects.toThrow(
    'the answer is longer than 1024 bytes',
  )
  const short = await answering(`${head}abc`)
  await expect(sendPlain(plain('http://localhost', { socketPath: short }))).rejects.toThrow()
  const signal = AbortSignal.abort()
  const aborted = sendPlain(plain('http://localhost', { socketPath: short, signal }))
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
})
