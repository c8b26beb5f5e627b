import { ModuleRefused } from '../types.js'

/** Reads the binary format (WebAssembly 2.0, 5). Everything it reads was written by a stranger. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly #end: number
  #offset: number

  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.#offset = offset
    this.#end = end
  }

  get offset(): number {
    return this.#offset
  }

  get atEnd(): boolean {
    return this.#offset >= this.#end
  }

  u8(): number {
    const byte = this.#offset < this.#end ? this.bytes[this.#offset] : undefined
    if (byte === undefined) throw new ModuleRefused('the module ends in the middle of a value')
    this.#offset += 1
    return byte
  }

  /** An unsigned LEB128 integer of 32 bits. */
  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8()
      if (shift === 28 && byte > 0x0f) throw new ModuleRefused('an integer exceeds 32 bits')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new ModuleRefused('an integer exceeds 32 bits')
  }

  /** A signed LEB128 integer of up to `bits` bits. */
  signed(bits: 32 | 33 | 64): bigint {
    let value = 0n
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << BigInt(shift)
      if (byte < 0x80) return BigInt.asIntN(shift + 7, value)
    }
    throw new ModuleRefused(`an integer exceeds ${bits} bits`)
  }

  /** Skips a signed integer without making its value. */
  skipSigned(): void {
    for (let count = 0; count < 10; count += 1) if (this.u8() < 0x80) return
    throw new ModuleRefused('an integer exceeds 64 bits')
  }

  /** The length of a vector of elements that take at least a byte each. */
  count(): number {
    const count = this.u32()
    if (count > this.#end - this.#offset) throw new ModuleRefused('a vector exceeds its section')
    return count
  }

  take(length: number): Uint8Array {
    if (length > this.#end - this.#offset) throw new ModuleRefused('a vector exceeds its section')
    const taken = this.bytes.subarray(this.#offset, this.#offset + length)
    this.#offset += length
    return taken
  }

  name(): string {
    const bytes = this.take(this.count())
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      throw new ModuleRefused('a name is not UTF-8')
    }
  }
}
