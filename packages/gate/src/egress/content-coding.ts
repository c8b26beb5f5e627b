import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'
import { err, ok, type Result } from '@latchgate/protocol'
import { errorCode } from './egress-failure.js'

/** The content codings that the client offers. */
export type ContentCoding = 'gzip' | 'deflate' | 'br'

/** Names in Content-Encoding (RFC 9110 8.4.1). */
export const CODINGS: ReadonlyMap<string, ContentCoding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
])

const unzip = promisify(gunzip)
const unbrotli = promisify(brotliDecompress)
const undeflate = promisify(inflate)
const undeflateRaw = promisify(inflateRaw)

/** Why a body cannot be decoded: it would be longer than allowed, or it is damaged. */
export type DecodeProblem = 'too_large' | 'damaged'

/**
 * Undoes codings in the given order, off the event loop. Output is produced in pieces and counted:
 * a bomb stops at `maxBytes`, at every level.
 */
export async function decodeContent(
  body: Buffer,
  codings: readonly ContentCoding[],
  maxBytes: number,
): Promise<Result<Buffer, DecodeProblem>> {
  let decoded = body
  // An answer to HEAD, or 204 and 304, may name a coding and has no body to decode.
  if (body.length === 0) return ok(body)
  for (const coding of codings) {
    try {
      decoded = await decodeOnce(decoded, coding, maxBytes)
    } catch (error) {
      return err(errorCode(error) === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'damaged')
    }
  }
  return ok(decoded)
}

function decodeOnce(body: Buffer, coding: ContentCoding, maxBytes: number): Promise<Buffer> {
  const options = { maxOutputLength: Math.max(1, maxBytes) }
  if (coding === 'gzip') return unzip(body, options)
  if (coding === 'br') return unbrotli(body, options)
  // RFC 9110 8.4.1.2 says zlib; some servers send the bare stream, whose first byte differs.
  const isZlib = ((body[0] ?? 0) & 0x0f) === 8
  return isZlib ? undeflate(body, options) : undeflateRaw(body, options)
}
