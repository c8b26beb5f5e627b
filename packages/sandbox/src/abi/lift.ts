import type { HostHttpRequest } from '../types.js'

/** A module broke the canonical ABI: a pointer, a length, a case or a text that cannot be. */
export class AbiViolation extends Error {
  override readonly name = 'AbiViolation'
}

const MAX_METHOD_BYTES = 64
const MAX_URL_BYTES = 65_536
const MAX_HEADERS = 256
/** The host copies a body before it looks at it. A planned one has 1 MiB before it is escaped. */
const MAX_BODY_BYTES = 8_388_608
const MAX_HEADER_BYTES = 65_536
const HEADER_ENTRY_BYTES = 16

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * `length` bytes of the memory at `pointer`, both as the module gave them: i32, read as unsigned.
 * A view: it must be copied before the module runs again.
 */
export function liftBytes(
  memory: WebAssembly.Memory,
  pointer: number,
  length: number,
  what: string,
): Uint8Array {
  const start = pointer >>> 0
  const size = length >>> 0
  // Neither is above 2^32, so the sum is exact.
  if (start + size > memory.buffer.byteLength) {
    throw new AbiViolation(`${what}: ${size} bytes at ${start} are not in the memory`)
  }
  return new Uint8Array(memory.buffer, start, size)
}

/** A string of the module's memory. Throws AbiViolation, whose message begins with `what`. */
export function liftString(
  memory: WebAssembly.Memory,
  pointer: number,
  length: number,
  what: string,
): string {
  return decodeUtf8(liftBytes(memory, pointer, length, what), what)
}

/** Strict UTF-8. Throws AbiViolation, whose message begins with `what`. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new AbiViolation(`${what}: not UTF-8`)
  }
}

/** The flat parameters of `io-http#request`, without the pointer to the result. */
export type FlatRequest = readonly [
  method: number,
  methodLength: number,
  url: number,
  urlLength: number,
  headers: number,
  headerCount: number,
  bodyCase: number,
  body: number,
  bodyLength: number,
  timeoutMs: number,
]

/** Reads an `http-request` and copies it out of the memory. */
export function liftRequest(memory: WebAssembly.Memory, flat: FlatRequest): HostHttpRequest {
  const [method, methodLength, url, urlLength, headers, headerCount, bodyCase, body] = flat
  atMost(methodLength, MAX_METHOD_BYTES, 'method')
  atMost(urlLength, MAX_URL_BYTES, 'url')
  if (bodyCase === 1) atMost(flat[8], MAX_BODY_BYTES, 'body')
  if (bodyCase !== 0 && bodyCase !== 1) throw new AbiViolation(`body: case ${bodyCase}`)
  return {
    method: liftString(memory, method, methodLength, 'method'),
    url: liftString(memory, url, urlLength, 'url'),
    headers: liftHeaders(memory, headers, headerCount),
    body: bodyCase === 0 ? null : copyOf(liftBytes(memory, body, flat[8], 'body')),
    timeoutMs: flat[9] >>> 0,
  }
}

// A RangeError would look like the engine's stack limit to whoever catches it.
function copyOf(bytes: Uint8Array): Uint8Array {
  try {
    return bytes.slice()
  } catch (cause) {
    throw new Error(`the host has no memory for a body of ${bytes.length} bytes`, { cause })
  }
}

// A list may name the same long text a thousand times: the sum is bounded, not only each of them.
function liftHeaders(
  memory: WebAssembly.Memory,
  pointer: number,
  count: number,
): HostHttpRequest['headers'] {
  atMost(count, MAX_HEADERS, 'headers')
  aligned(pointer, 'headers')
  const bytes = liftBytes(memory, pointer, count * HEADER_ENTRY_BYTES, 'headers')
  const entries = new Uint32Array(bytes.buffer, bytes.byteOffset, count * 4)
  let total = 0
  return Array.from({ length: count }, (_, index) => {
    const [name = 0, nameLength = 0, value = 0, valueLength = 0] = entries.subarray(index * 4)
    total += nameLength + valueLength
    atMost(total, MAX_HEADER_BYTES, 'headers')
    return [
      liftString(memory, name, nameLength, 'header name'),
      liftString(memory, value, valueLength, 'header value'),
    ] as const
  })
}

/** What `execute` returned: `result<string, string>`, its text still in the memory. */
export interface FlatResult {
  readonly variant: 'ok' | 'err'
  readonly pointer: number
  readonly length: number
}

/** Reads what `execute` returned. Throws AbiViolation for a pointer that leads nowhere. */
export function liftResult(memory: WebAssembly.Memory, pointer: number): FlatResult {
  aligned(pointer, 'result')
  const bytes = liftBytes(memory, pointer, 12, 'result')
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12)
  const variant = view.getUint8(0)
  if (variant > 1) throw new AbiViolation(`result: case ${variant}`)
  return {
    variant: variant === 0 ? 'ok' : 'err',
    pointer: view.getUint32(4, true),
    length: view.getUint32(8, true),
  }
}

/** The first `maxBytes` bytes of a text, cut between characters. */
export function liftShortened(
  memory: WebAssembly.Memory,
  pointer: number,
  length: number,
  maxBytes: number,
): string {
  const bytes = liftBytes(memory, pointer, length, 'log message')
  if (bytes.length <= maxBytes) return decodeUtf8(bytes, 'log message')
  let end = maxBytes
  while (end > maxBytes - 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return `${decodeUtf8(bytes.subarray(0, end), 'log message')}[truncated]`
}

function aligned(pointer: number, what: string): void {
  if ((pointer & 3) !== 0) throw new AbiViolation(`${what}: ${pointer >>> 0} is not aligned`)
}

function atMost(value: number, limit: number, what: string): void {
  if (value >>> 0 > limit) throw new AbiViolation(`${what}: ${value >>> 0}, at most ${limit}`)
}
