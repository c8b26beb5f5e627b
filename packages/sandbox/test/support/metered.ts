import { meterModule } from '../../src/metering/meter-module.js'
import { FUEL_EXPORT, METER_MODULE } from '../../src/metering/runtime.js'
import { parseModule } from '../../src/wasm/parse-module.js'
import { assemble, type ModuleSource } from './assemble.js'

export class OutOfFuel extends Error {}
export class TooDeep extends Error {}

/** A metered module in an instance of its own, with a meter that only counts. */
export class MeteredInstance {
  readonly #exports: WebAssembly.Exports
  #granted = 0n

  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    imports: WebAssembly.Imports = {},
    options: { readonly fuel?: bigint; readonly maxPages?: number } = {},
  ) {
    const { fuel = 1_000_000_000n, maxPages = 65_536 } = options
    const meter = {
      refuel: (missing: bigint): bigint => {
        this.#granted += missing
        if (this.#granted > fuel) throw new OutOfFuel()
        return missing
      },
      overflow: (): never => {
        throw new TooDeep()
      },
      grow: (pages: number, delta: number) => ((pages >>> 0) + (delta >>> 0) > maxPages ? 0 : 1),
      exhausted: (): never => {
        throw new Error('the engine has no memory')
      },
    }
    const module = new WebAssembly.Module(bytes)
    const instance = new WebAssembly.Instance(module, { ...imports, [METER_MODULE]: meter })
    this.#exports = instance.exports
  }

  call(name: string, ...args: (number | bigint)[]): unknown {
    return (this.#exports[name] as (...args: (number | bigint)[]) => unknown)(...args)
  }

  value(name: string): number | bigint {
    return (this.#exports[name] as { value: number | bigint }).value
  }

  get memory(): Uint8Array {
    return new Uint8Array((this.#exports['memory'] as WebAssembly.Memory).buffer)
  }

  /** Instructions charged so far. */
  get fuel(): number {
    return Number(this.#granted - (this.value(FUEL_EXPORT) as bigint))
  }
}

/** Meters what a test has written. */
export function metered(source: ModuleSource, capPages = 4096): Uint8Array<ArrayBuffer> {
  return meterModule(parseModule(assemble(source)), capPages)
}
