import { ModuleRefused } from '../types.js'
import { type FunctionType, functionType, I32, type WasmModule } from '../wasm/module.js'
import { SUSPENSION_END } from './suspension.js'

/** A function of the provider world (spec 7.2), as the canonical ABI flattens it. */
interface WorldFunction {
  /** How manifests name the interface. */
  readonly manifestName: string
  /** Number of i32 parameters, the pointer to the result included. None returns a value. */
  readonly params: number
  /** Whether the host answers later, so that the module must be able to suspend. */
  readonly blocking: boolean
}

const WORLD: ReadonlyMap<string, WorldFunction> = new Map(
  [
    ['io-http', 'request', 11],
    ['io-fs', 'read', 3],
    ['io-fs', 'write', 9],
    ['io-fs', 'delete', 3],
    ['io-smtp', 'send', 13],
    ['io-database', 'execute-query', 9],
    ['io-queue', 'publish', 10],
    ['io-storage', 'put-object', 10],
    ['io-log', 'log-debug', 2],
    ['io-log', 'log-info', 2],
    ['io-log', 'log-warn', 2],
  ].map((row) => {
    const [face, name, params] = row as [string, string, number]
    const manifestName = `latchgate:io/${face.slice('io-'.length)}`
    const blocking = face !== 'io-log'
    return [importKey(interfaceModule(face), name), { manifestName, params, blocking }] as const
  }),
)

/** Import module of `io-http`. */
export const HTTP_MODULE: string = interfaceModule('io-http')
/** Import module of `io-log`. */
export const LOG_MODULE: string = interfaceModule('io-log')

const EXPORTS: readonly (readonly [name: string, params: number, results: number])[] = [
  ['execute', 2, 1],
  ['cabi_realloc', 4, 1],
  ['cabi_post_execute', 1, 0],
]

const ASYNCIFY_EXPORTS: typeof EXPORTS = [
  ['asyncify_start_unwind', 1, 0],
  ['asyncify_stop_unwind', 0, 0],
  ['asyncify_start_rewind', 1, 0],
  ['asyncify_stop_rewind', 0, 0],
  ['asyncify_get_state', 0, 1],
]

/** What a module asks of the world. */
export interface ProviderShape {
  /** Interfaces it imports, as manifests name them, in order. */
  readonly imports: readonly string[]
  /** Every function it imports. */
  readonly functions: readonly { readonly module: string; readonly name: string }[]
  /** Whether it imports a function that blocks, and so has the exports of asyncify. */
  readonly suspends: boolean
}

/**
 * Checks a module against the provider world: known imports of the right type, the exports of the
 * canonical ABI, and those of asyncify when it calls a function that blocks.
 *
 * @throws ModuleRefused
 */
export function providerShape(module: WasmModule): ProviderShape {
  const used = module.imports.map((item) => {
    const known = WORLD.get(importKey(item.module, item.name))
    const type = module.types[item.type]
    if (known === undefined) {
      throw new ModuleRefused(`the import ${item.module}#${item.name} is not of the provider world`)
    }
    if (!hasShape(type, known.params, 0)) {
      throw new ModuleRefused(`the import ${item.module}#${item.name} has a wrong type`)
    }
    return known
  })
  const suspends = used.some((item) => item.blocking)
  requireMemory(module)
  for (const [name, params, results] of EXPORTS) requireFunction(module, name, params, results)
  if (suspends) {
    for (const item of ASYNCIFY_EXPORTS) requireFunction(module, ...item)
    requireSuspensionArea(module)
  }
  return {
    imports: [...new Set(used.map((item) => item.manifestName))].sort(),
    functions: module.imports,
    suspends,
  }
}

function interfaceModule(face: string): string {
  return `latchgate:provider/${face}@0.1.0`
}

function importKey(module: string, name: string): string {
  return `${module}#${name}`
}

function hasShape(type: FunctionType | undefined, params: number, results: number): boolean {
  return (
    type !== undefined &&
    type.params.length === params &&
    type.results.length === results &&
    [...type.params, ...type.results].every((one) => one === I32)
  )
}

function requireMemory(module: WasmModule): void {
  const found = module.exports.find((item) => item.name === 'memory')
  if (found?.kind !== 'memory') throw new ModuleRefused('the module exports no `memory`')
}

function requireFunction(module: WasmModule, name: string, params: number, results: number): void {
  const found = module.exports.find((item) => item.name === name)
  if (found?.kind !== 'function') throw new ModuleRefused(`the module exports no function ${name}`)
  if (!hasShape(functionType(module, found.index), params, results)) {
    throw new ModuleRefused(`the export ${name} has a wrong type`)
  }
}

// The host keeps the frames of a suspended call there: static data in it would be overwritten.
function requireSuspensionArea(module: WasmModule): void {
  if (module.memory.min < 1) throw new ModuleRefused('the memory begins with no page')
  for (const { offset, bytes } of module.data) {
    if (offset === null || bytes.length === 0) continue
    const start = offset.kind === 'i32' ? BigInt.asUintN(32, offset.value) : 0n
    if (start < SUSPENSION_END) {
      throw new ModuleRefused(
        `static data at ${start}: the first ${SUSPENSION_END} bytes are the host's`,
      )
    }
  }
}
