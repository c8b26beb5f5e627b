import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_LAYERS, packedLayers } from '../../src/secrets/compressed-body.js'

const TEXT = Buffer.from('it is ghp_0123456789abcdefghijklmnop')
const MAX = 100_000

const last = async (body: Uint8Array, max = MAX): Promise<string | undefined> => {
  const layer = (await packedLayers(body, max)).at(-1)
  return layer === undefined ? undefined : Buffer.from(layer).toString()
}

test.each<[string, Buffer]>([
  ['gzip', zlib.gzipSync(TEXT)],
  ['gzip, least', zlib.gzipSync(TEXT, { level: 1 })],
  ['zlib', zlib.deflateSync(TEXT)],
  ['zlib, least', zlib.deflateSync(TEXT, { level: 0 })],
  ['zlib, best', zlib.deflateSync(TEXT, { level: 9 })],
  ['gzip of zlib of gzip', zlib.gzipSync(zlib.deflateSync(zlib.gzipSync(TEXT)))],
])('%s is unpacked', async (_name, body) => {
  expect(await last(body)).toBe(TEXT.toString())
})

test('of two gzip members both are unpacked', async () => {
  const body = Buffer.concat([zlib.gzipSync('first '), zlib.gzipSync(TEXT)])
  expect(await last(body)).toBe(`first ${TEXT.toString()}`)
})

test('what is cut off or damaged is unpacked as far as it goes', async () => {
  const noise = Buffer.from(
    Array.from({ length: 5000 }, (_, at) => (at * at * 7919 + (at >> 3)) % 256),
  )
  const packed = zlib.gzipSync(Buffer.concat([TEXT, noise]))
  expect(await last(packed.subarray(0, packed.length - 20))).toContain(TEXT.toString())
  const damaged = Buffer.concat([packed.subarray(0, 3000), Buffer.alloc(200, 0xff)])
  expect(await last(damaged)).toContain(TEXT.toString())
})

test('a bomb is unpacked to the cap and no further', async () => {
  const bomb = zlib.gzipSync(Buffer.concat([TEXT, Buffer.alloc(20_000_000)]))
  const [layer] = await packedLayers(bomb, MAX)
  expect(layer).toHaveLength(MAX)
  expect(Buffer.from(layer ?? []).subarray(0, TEXT.length)).toEqual(TEXT)
})

test('packing is followed for three layers', async () => {
  let body = zlib.gzipSync(TEXT)
  for (let layer = 0; layer < MAX_LAYERS; layer += 1) body = zlib.gzipSync(body)
  expect(await packedLayers(body, MAX)).toHaveLength(MAX_LAYERS)
})

test('Zstandard is unpacked where Node can', async () => {
  const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Buffer) => Buffer }
  const packed = Buffer.from('28b52ffd2000', 'hex')
  const body = zstdCompressSync?.(TEXT) ?? packed
  expect(await last(body)).toBe(zstdCompressSync === undefined ? undefined : TEXT.toString())
})

test('any other bytes have no layers, and nothing that looks packed is an error', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('', '1f8b', '1f8b08', '7801', '789c', '78da', '28b52ffd'),
      fc.uint8Array({ maxLength: 60 }),
      async (magic, rest) => {
        const layers = await packedLayers(Buffer.concat([Buffer.from(magic, 'hex'), rest]), MAX)
        expect(layers.length).toBeLessThanOrEqual(MAX_LAYERS)
      },
    ),
  )
  for (const text of ['', '{"a":1}', 'x', 'xx'])
    expect(await last(Buffer.from(text))).toBeUndefined()
})
