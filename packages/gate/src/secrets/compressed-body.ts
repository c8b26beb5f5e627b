import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'

/** Compression within compression is followed so far. */
export const MAX_LAYERS = 3

/** A stream that is cut off is no error. */
const CUT_OFF = { finishFlush: zlib.constants.Z_SYNC_FLUSH }

/** Unpacked at a time, at least: of a damaged stream the piece with the damage is lost. */
const PIECE_BYTES = 1024

/** Pieces of a long body at most: each is a job for the thread pool. */
const MAX_PIECES = 1024

/** What a body unpacks to, outermost layer first; empty when it does not begin like a packed one. */
export async function packedLayers(
  body: Uint8Array,
  maxBytes: number,
): Promise<readonly Uint8Array[]> {
  const layers: Uint8Array[] = []
  let inner = body
  while (layers.length < MAX_LAYERS) {
    const unpacker = unpackerOf(inner)
    if (unpacker === null) break
    inner = await unpackWhatCan(inner, unpacker, maxBytes)
    if (inner.length === 0) break
    layers.push(inner)
  }
  return layers
}

// By the magic numbers of RFC 1952, RFC 1950 and RFC 8878. Brotli and bare deflate have none.
function unpackerOf(bytes: Uint8Array): Transform | null {
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes
  if (first === 0x1f && second === 0x8b) return zlib.createGunzip(CUT_OFF)
  if (first === 0x78 && ((first << 8) | second) % 31 === 0) return zlib.createInflate(CUT_OFF)
  const isZstd = first === 0x28 && second === 0xb5 && third === 0x2f && fourth === 0xfd
  // Node has Zstandard from 22.15 on.
  const createZstd = (zlib as { readonly createZstdDecompress?: () => Transform })
    .createZstdDecompress
  return isZstd && createZstd !== undefined ? createZstd() : null
}

// As much as can be unpacked, up to the cap: what is cut off or damaged behind a secret is still read
// by whoever wants to read it.
function unpackWhatCan(
  bytes: Uint8Array,
  unpacker: Transform,
  maxBytes: number,
): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let length = 0
    const end = (): void => {
      unpacker.destroy()
      resolve(Buffer.concat(pieces).subarray(0, maxBytes))
    }
    unpacker.on('data', (piece: Buffer) => {
      pieces.push(piece)
      length += piece.length
      if (length >= maxBytes) end()
    })
    unpacker.once('end', end)
    unpacker.once('error', end)
    const size = Math.max(PIECE_BYTES, Math.ceil(bytes.length / MAX_PIECES))
    for (let at = 0; at < bytes.length; at += size) {
      unpacker.write(bytes.subarray(at, at + size))
    }
    unpacker.end()
  })
}
