import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { bomb, type Coding, compressed, endlessBody } from '@latchgate/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ContentCoding, decodeContent } from '../../src/egress/content-coding.js'
import { bodyText, failed, HOST, withUpstream } from './egress-fixture.js'

const TOO_LONG = `the answer of ${HOST} is longer than 100000 bytes`
const DAMAGED = `the compressed answer of ${HOST} is damaged`
const TEXT = '{"token":"….…"}'.repeat(100)

const CODINGS: readonly Coding[] = ['gzip', 'deflate', 'br']

for (const coding of CODINGS) {
  test(`${coding} is decoded, and the headers no longer speak of it`, async () => {
    const headers = { 'content-type': 'application/json' }
    const { ask } = await withUpstream({ handler: compressed(TEXT, [coding], headers) })
    const { response } = await ask('/')
    expect(bodyText({ response })).toBe(TEXT)
    const names = response?.headers.map(([name]) => name)
    expect(names).toContain('content-type')
    expect(names).not.toContain('content-encoding')
    expect(names).not.toContain('content-length')
  })

  test(`a ${coding} bomb stops at the cap`, async () => {
    const { ask } = await withUpstream({ handler: bomb(30_000_000, coding) })
    const before = process.memoryUsage().arrayBuffers
    expect(await ask('/')).toMatchObject(failed('answered', 200, 'response_too_large', TOO_LONG))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
  })
}

test('two codings are undone in reverse, a bomb inside the second stops too', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/twice', compressed(TEXT, ['gzip', 'gzip']))
  upstream.on('GET', '/mixed', compressed(TEXT, ['deflate', 'br']))
  upstream.on('GET', '/nested-bomb', compressed(Buffer.alloc(50_000_000), ['gzip', 'gzip']))
  expect(bodyText(await ask('/twice'))).toBe(TEXT)
  expect(bodyText(await ask('/mixed'))).toBe(TEXT)
  expect(await ask('/nested-bomb')).toMatchObject(
    failed('answered', 200, 'response_too_large', TOO_LONG),
  )
})

test('three codings, and codings that were not offered, are refused', async () => {
  const { ask, upstream } = await withUpstream()
  upstream.on('GET', '/three', compressed(TEXT, ['gzip', 'gzip', 'gzip']))
  upstream.on('GET', '/zstd', () => ({ headers: { 'content-encoding': 'zstd' }, body: 'x' }))
  const repeated = { 'content-encoding': ['gzip', 'br', 'br'] }
  upstream.on('GET', '/repeated', () => ({ headers: repeated, body: 'x' }))
  const three = failed(
    'answered',
    200,
    'upstream_protocol',
    `the answer of ${HOST} uses more than 2 content codings`,
  )
  expect(await ask('/three')).toMatchObject(three)
  expect(await ask('/repeated')).toMatchObject(three)
  const message = `the answer of ${HOST} uses a content coding that was not offered`
  expect(await ask('/zstd')).toMatchObject(failed('answered', 200, 'upstream_protocol', message))
})

test('old names, bare deflate and identity are understood', async () => {
  const { ask, upstream } = await withUpstream()
  const send = (path: string, coding: string, body: Buffer): void =>
    upstream.on('GET', path, () => ({ headers: { 'content-encoding': coding }, body }))
  send('/x-gzip', 'X-GZip', gzipSync(TEXT))
  send('/raw', 'deflate', deflateRawSync(TEXT))
  send('/identity', 'identity', Buffer.from(TEXT))
  send('/list', ' identity , gzip ', gzipSync(TEXT))
  for (const path of ['/x-gzip', '/raw', '/identity', '/list']) {
    expect(bodyText(await ask(path))).toBe(TEXT)
  }
})

test('a compressed body that is cut, altered or none at all is damaged', async () => {
  const { ask, upstream } = await withUpstream()
  const whole = gzipSync(TEXT)
  const altered = Buffer.from(whole)
  altered[whole.length - 6] = (altered[whole.length - 6] ?? 0) ^ 1
  const bodies = [whole.subarray(0, whole.length - 9), altered, Buffer.from('plain text')]
  for (const [at, body] of bodies.entries()) {
    upstream.on('GET', `/${at}`, () => ({ headers: { 'content-encoding': 'gzip' }, body }))
    expect(await ask(`/${at}`)).toMatchObject(failed('answered', 200, 'upstream_protocol', DAMAGED))
  }
  // The fault was in the body, not on the connection.
  expect(upstream.connectionsOpened).toBe(1)
})

test('an empty body has nothing to decode: HEAD, 204, 304, and an empty 200', async () => {
  const { ask, upstream } = await withUpstream()
  const headers = { 'content-encoding': 'gzip' }
  upstream.on('HEAD', '/', () => ({ headers: { ...headers, 'content-length': '1234' } }))
  for (const status of [200, 204, 304]) {
    upstream.on('GET', `/${status}`, () => ({ status, headers }))
    expect(await ask(`/${status}`)).toMatchObject({ outcome: 'answered', status, error: null })
  }
  const head = await ask('/', { method: 'HEAD' })
  expect(head).toMatchObject({ status: 200, error: null })
  expect(head.response?.body).toHaveLength(0)
})

test('a compressed body at the cap passes, also one that coding made longer', async () => {
  const { ask, upstream } = await withUpstream()
  const random = Buffer.from(Array.from({ length: 100_000 }, () => Math.random() * 256))
  upstream.on('GET', '/zeros', compressed(Buffer.alloc(100_000), ['gzip']))
  upstream.on('GET', '/random', compressed(random, ['gzip']))
  upstream.on('GET', '/over', compressed(Buffer.alloc(100_001), ['gzip']))
  expect((await ask('/zeros')).response?.body).toHaveLength(100_000)
  expect(random.equals((await ask('/random')).response?.body ?? Buffer.alloc(0))).toBe(true)
  expect(await ask('/over')).toMatchObject(failed('answered', 200, 'response_too_large', TOO_LONG))
})

test('an endless body that calls itself compressed is cut on the wire', async () => {
  const { ask } = await withUpstream({
    handler: (request, wire) => {
      wire.response.setHeader('content-encoding', 'gzip')
      return endlessBody()(request, wire)
    },
  })
  expect(await ask('/')).toMatchObject(failed('answered', 200, 'response_too_large', TOO_LONG))
})

test('a range is asked for and answered without coding', async () => {
  const { ask, upstream } = await withUpstream()
  await ask('/', { headers: [['Range', 'bytes=0-9']] })
  await ask('/')
  const sent = upstream.requests.map(({ headers }) => headers['accept-encoding'])
  expect(sent).toEqual(['identity', 'gzip, deflate, br'])
})

const ENCODERS: Readonly<Record<ContentCoding, (bytes: Uint8Array) => Buffer>> = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
}

test('decoding undoes every list of codings, and never gives more than the cap', async () => {
  const lists = fc.array(fc.constantFrom<ContentCoding>('gzip', 'deflate', 'br'), { maxLength: 2 })
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), lists, async (bytes, codings) => {
      const coded = codings.reduce<Buffer>(
        (body, coding) => ENCODERS[coding](body),
        Buffer.from(bytes),
      )
      const decoded = await decodeContent(coded, codings.toReversed(), 1_000)
      expect(decoded).toEqual({ ok: true, value: Buffer.from(bytes) })
      if (codings.length === 0 || bytes.length < 2) return
      const capped = await decodeContent(coded, codings.toReversed(), bytes.length - 1)
      expect(capped).toEqual({ ok: false, error: 'too_large' })
    }),
    { numRuns: 60 },
  )
})

test('arbitrary bytes are decoded within the cap or refused, never thrown', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.constantFrom<ContentCoding>('gzip', 'deflate', 'br'),
      async (bytes, coding) => {
        const result = await decodeContent(Buffer.from(bytes), [coding], 500)
        expect(result.ok ? result.value.length : 0).toBeLessThanOrEqual(500)
      },
    ),
    { numRuns: 150 },
  )
})
