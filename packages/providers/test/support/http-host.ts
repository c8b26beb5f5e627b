import { httpApiModule } from '../../src/index.js'

export const IO_HTTP = 'latchgate:provider/io-http@0.1.0'

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array | null
  readonly timeoutMs: number
}

/** What the host answers: a response, or the text of an error. */
export type Answer =
  | string
  | {
      readonly status: number
      readonly headers?: readonly (readonly [string, string])[]
      readonly body?: Uint8Array
    }

export interface Ran {
  readonly asked: readonly Asked[]
  readonly variant: 'ok' | 'err'
  readonly text: string
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly execute: (pointer: number, length: number) => number
  readonly cabi_realloc: (old: number, oldSize: number, align: number, size: number) => number
  readonly cabi_post_execute: (result: number) => void
}

export const compiled: WebAssembly.Module = new WebAssembly.Module(
  new Uint8Array(httpApiModule().bytes),
)

/**
 * Runs `http_api` once in an instance of its own. This host answers inside the import, so that the
 * module is what is tested and not how it is suspended.
 */
export function runHttpApi(task: string, answer: Answer = { status: 200 }): Ran {
  const asked: Asked[] = []
  const box: { exports?: Exports } = {}
  const { exports } = new WebAssembly.Instance(compiled, {
    [IO_HTTP]: {
      request: (...flat: number[]) => {
        const memory = new Memory(box.exports!)
        asked.push(memory.readRequest(flat.map((one) => one >>> 0)))
        memory.writeAnswer(flat[10]! >>> 0, answer)
      },
    },
  })
  const module = exports as unknown as Exports
  box.exports = module
  const memory = new Memory(module)
  const result = module.execute(...memory.put(new TextEncoder().encode(task)))
  const [variant = 0, pointer = 0, length = 0] = memory.words(result, 3)
  const text = memory.text(pointer, length)
  module.cabi_post_execute(result)
  return { asked, variant: (variant & 0xff) === 0 ? 'ok' : 'err', text }
}

/** The module's memory, as the canonical ABI lays values out in it. */
class Memory {
  readonly #exports: Exports

  constructor(exports: Exports) {
    this.#exports = exports
  }

  words(at: number, count: number): number[] {
    return [...new Uint32Array(this.#exports.memory.buffer, at, count)]
  }

  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer.slice(at, at + length))
  }

  text(at: number, length: number): string {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes(at, length))
  }

  put(bytes: Uint8Array, align = 1): [pointer: number, length: number] {
    const at = this.#exports.cabi_realloc(0, 0, align, bytes.length)
    new Uint8Array(this.#exports.memory.buffer).set(bytes, at)
    return [at, bytes.length]
  }

  readRequest(flat: readonly number[]): Asked {
    const [method = 0, methodLength = 0, url = 0, urlLength = 0, headers = 0, count = 0] = flat
    const [hasBody, body = 0, bodyLength = 0, timeoutMs = 0] = flat.slice(6)
    return {
      method: this.text(method, methodLength),
      url: this.text(url, urlLength),
      headers: Array.from({ length: count }, (_, index) => {
        const [name = 0, nameLength = 0, value = 0, valueLength = 0] = this.words(
          headers + 16 * index,
          4,
        )
        return [this.text(name, nameLength), this.text(value, valueLength)] as const
      }),
      body: hasBody === 1 ? this.bytes(body, bodyLength) : null,
      timeoutMs,
    }
  }

  writeAnswer(at: number, answer: Answer): void {
    if (typeof answer === 'string') {
      const words = [1, ...this.put(Buffer.from(answer))]
      new Uint32Array(this.#exports.memory.buffer, at, 3).set(words)
      return
    }
    const { status, headers = [], body = new Uint8Array() } = answer
    const entries = headers.flatMap(([name, value]) => [
      ...this.put(Buffer.from(name)),
      ...this.put(Buffer.from(value)),
    ])
    const [list] = this.put(new Uint8Array(Uint32Array.from(entries).buffer), 4)
    const words = [0, status, list, headers.length, ...this.put(body)]
    new Uint32Array(this.#exports.memory.buffer, at, 6).set(words)
  }
}
