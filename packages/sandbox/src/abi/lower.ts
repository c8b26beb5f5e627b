import type { HostHttpResponse, HostReply } from '../types.js'
import { AbiViolation, liftBytes } from './lift.js'

/** `cabi_realloc` of the module, for memory that the host fills. */
export type Realloc = (old: number, oldSize: number, align: number, size: number) => number

const RESULT_BYTES = 24
const encoder = new TextEncoder()

/** Puts a string into the module's memory. */
export function lowerString(
  memory: WebAssembly.Memory,
  realloc: Realloc,
  text: string,
): readonly [pointer: number, length: number] {
  const length = Buffer.byteLength(text)
  const pointer = allocate(memory, realloc, 1, length)
  encoder.encodeInto(text, new Uint8Array(memory.buffer, pointer, length))
  return [pointer, length]
}

/** Writes `result<http-response, string>` to where the module wants it. */
export function lowerReply(
  memory: WebAssembly.Memory,
  realloc: Realloc,
  reply: HostReply<HostHttpResponse>,
  result: number,
): void {
  if (!reply.ok) {
    const [pointer, length] = lowerString(memory, realloc, reply.error)
    writeResult(memory, result, (view) => {
      view.setUint8(0, 1)
      view.setUint32(4, pointer, true)
      view.setUint32(8, length, true)
    })
    return
  }
  const { status, headers, body } = reply.value
  const list = lowerHeaders(memory, realloc, headers)
  const content = allocate(memory, realloc, 1, body.length)
  new Uint8Array(memory.buffer, content, body.length).set(body)
  writeResult(memory, result, (view) => {
    view.setUint8(0, 0)
    view.setUint16(4, status, true)
    view.setUint32(8, list, true)
    view.setUint32(12, headers.length, true)
    view.setUint32(16, content, true)
    view.setUint32(20, body.length, true)
  })
}

function lowerHeaders(
  memory: WebAssembly.Memory,
  realloc: Realloc,
  headers: HostHttpResponse['headers'],
): number {
  const list = allocate(memory, realloc, 4, headers.length * 16)
  for (const [index, [name, value]] of headers.entries()) {
    const [nameAt, nameLength] = lowerString(memory, realloc, name)
    const [valueAt, valueLength] = lowerString(memory, realloc, value)
    // After the allocations: they may have grown the memory, and the buffer is another one then.
    const entry = new Uint32Array(memory.buffer, list + index * 16, 4)
    entry.set([nameAt, nameLength, valueAt, valueLength])
  }
  return list
}

/** The address of a checked `result<http-response, string>`. */
export function resultPointer(memory: WebAssembly.Memory, pointer: number): number {
  if ((pointer & 3) !== 0) throw new AbiViolation(`result: ${pointer >>> 0} is not aligned`)
  return liftBytes(memory, pointer, RESULT_BYTES, 'result').byteOffset
}

function writeResult(
  memory: WebAssembly.Memory,
  result: number,
  write: (view: DataView) => void,
): void {
  write(new DataView(memory.buffer, result, RESULT_BYTES))
}

// What a module says it has allocated is a claim.
function allocate(
  memory: WebAssembly.Memory,
  realloc: Realloc,
  align: number,
  size: number,
): number {
  const pointer = realloc(0, 0, align, size) >>> 0
  if (pointer % align !== 0) throw new AbiViolation(`cabi_realloc: ${pointer} is not aligned`)
  return liftBytes(memory, pointer, size, 'cabi_realloc').byteOffset
}
