import { type ProviderShape, providerShape } from './abi/provider-world.js'
import { meterModule } from './metering/meter-module.js'
import { ModuleRefused } from './types.js'
import { parseModule } from './wasm/parse-module.js'

/** A provider module as the sandbox runs it. */
export interface MeteredProvider extends ProviderShape {
  /** The bytes with fuel, call depth and memory limit written into them. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly minPages: number
  readonly maxPages: number
}

/** Pages of 64 KiB in a MiB. */
export const PAGES_PER_MB = 16

const MAX_MODULE_BYTES = 4 * 1024 * 1024

/**
 * Checks a core module against the rules of design 7 and the provider world, and writes the limits
 * into it. It is a pure function of the bytes: the same module, the same metered module.
 *
 * @param memoryCapMb upper bound of its memory in MiB
 * @throws ModuleRefused naming the rule that the module breaks
 */
export function meterProvider(wasm: Uint8Array, memoryCapMb: number): MeteredProvider {
  if (wasm.length > MAX_MODULE_BYTES) {
    throw new ModuleRefused(`the module has ${wasm.length} bytes, at most ${MAX_MODULE_BYTES}`)
  }
  const bytes = new Uint8Array(wasm)
  if (!WebAssembly.validate(bytes)) throw new ModuleRefused('not a valid core module')
  const parsed = parseModule(bytes)
  const cap = memoryCapMb * PAGES_PER_MB
  const shape = providerShape(parsed)
  return {
    ...shape,
    bytes: meterModule(parsed, cap),
    minPages: parsed.memory.min,
    maxPages: Math.min(parsed.memory.max ?? cap, cap),
  }
}
