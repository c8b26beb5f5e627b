import type { LeafText } from './leaf-text.js'

/** Room for the number that the writer puts in: as many digits as a safe integer has. */
export const SEQUENCE_BYTES = 16

/** RFC 9162 2.1.1: stands before a leaf when it is hashed. */
const LEAF_PREFIX = 0
const INITIAL_BYTES = 16 * 1024

/** Where a leaf lies in the arena: the prefix of its hash, then its bytes. */
export interface ArenaLeaf {
  readonly at: number
  /** With the prefix and, for a leaf that gets a number, with the room for it. */
  readonly length: number
  /** Where the session's number goes; null for a leaf that gets none. */
  readonly sequenceAt: number | null
}

/**
 * The bytes of many leaves and payloads one after the other. The buffer changes hands from thread
 * to thread without a copy.
 */
export class ByteArena {
  #buffer: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #length = 0

  /** Adds a leaf. */
  addLeaf(text: LeafText): ArenaLeaf {
    const { before, after } = text
    const bytes = Buffer.byteLength(before) + (after === null ? 0 : Buffer.byteLength(after))
    this.#reserve(1 + bytes + SEQUENCE_BYTES)
    const at = this.#length
    this.#buffer[at] = LEAF_PREFIX
    this.#length += 1
    this.#length += this.#buffer.write(before, this.#length, 'utf8')
    const sequenceAt = this.#length
    if (after !== null) {
      // Filled, so that nothing the process once held in this memory can become part of a record.
      this.#buffer.fill(0x20, sequenceAt, sequenceAt + SEQUENCE_BYTES)
      this.#length += SEQUENCE_BYTES
      this.#length += this.#buffer.write(after, this.#length, 'utf8')
    }
    const length = this.#length - at
    return { at, length, sequenceAt: after === null ? null : sequenceAt }
  }

  /** Adds bytes and returns their offset. */
  addBytes(bytes: Uint8Array): number {
    this.#reserve(bytes.length)
    const at = this.#length
    this.#buffer.set(bytes, at)
    this.#length += bytes.length
    return at
  }

  /** Takes the buffer away and begins a new one. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#buffer.buffer, 0, this.#length)
    this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
    this.#length = 0
    return taken
  }

  #reserve(bytes: number): void {
    let size = this.#buffer.length
    while (size < this.#length + bytes) size *= 2
    if (size === this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(size)
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/**
 * The prefixed bytes of a leaf in the arena, with the session's number in its place. Changes the
 * arena: once per leaf.
 */
export function arenaLeafBytes(
  arena: Uint8Array,
  leaf: ArenaLeaf,
  sessionSeq: number | null,
): Uint8Array {
  const { at, length, sequenceAt } = leaf
  const end = at + length
  if (sequenceAt === null) return arena.subarray(at, end)
  const digits = String(sessionSeq)
  for (let i = 0; i < digits.length; i += 1) arena[sequenceAt + i] = digits.charCodeAt(i)
  arena.copyWithin(sequenceAt + digits.length, sequenceAt + SEQUENCE_BYTES, end)
  return arena.subarray(at, end - (SEQUENCE_BYTES - digits.length))
}
