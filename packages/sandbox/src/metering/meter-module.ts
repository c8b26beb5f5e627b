import { ModuleRefused } from '../types.js'
import { ByteWriter } from '../wasm/byte-writer.js'
import {
  type Constant,
  type Export,
  type FunctionType,
  I32,
  I64,
  type ValueType,
  type WasmModule,
} from '../wasm/module.js'
import { CONTROL } from '../wasm/opcodes.js'
import { type Edit, type FunctionScan, scanFunction } from '../wasm/scan-function.js'
import { writeModule } from '../wasm/write-module.js'
import {
  CHARGE_COST,
  FRAME_COST,
  FRAME_VALUES,
  FUEL_EXPORT,
  METER_IMPORTS,
  METER_MODULE,
  type MeterLayout,
  RUNTIME_FUNCTIONS,
  RUNTIME_TYPES,
  runtimeBodies,
  runtimeIndex,
  writeCharge,
  writeEnter,
  writeLeave,
} from './runtime.js'

/** A function that needs more is refused: a frame at the limit could hold all of the stack. */
const MAX_FRAME_VALUES = 4096

/**
 * Of all functions together. 100 KiB of loops over thousands of locals become 700 MB of machine code,
 * and the worker compiles for a second, both outside of any limit.
 */
const MAX_MOVES = 1_000_000

/**
 * Writes fuel, call depth and the memory limit into a module (design 7). Every function entry and
 * loop head takes the instructions of that body off the fuel, those of the metering among them, bulk
 * instructions their length, `memory.grow` its pages. The same module does the same work for the same fuel on every machine.
 *
 * @param memoryCapPages upper bound of the memory's maximum, in pages of 64 KiB
 * @throws ModuleRefused naming the rule that the module breaks
 */
export function meterModule(module: WasmModule, memoryCapPages: number): Uint8Array<ArrayBuffer> {
  if (module.memory.min > memoryCapPages) {
    throw new ModuleRefused(
      `the memory begins with ${module.memory.min} pages, at most ${memoryCapPages} are allowed`,
    )
  }
  return writeModule(new Metering(module).apply(memoryCapPages))
}

class Metering {
  readonly #module: WasmModule
  readonly #types: FunctionType[]
  readonly #typeIndices = new Map<string, number>()
  readonly #layout: MeterLayout
  #moves = 0

  constructor(module: WasmModule) {
    this.#module = module
    this.#types = [...module.types]
    for (const [index, type] of this.#types.entries()) this.#typeIndices.set(keyOf(type), index)
    const imports = module.imports.length
    this.#layout = {
      imports,
      functions: imports + METER_IMPORTS.length + module.functions.length,
      fuel: module.globals.length,
      depth: module.globals.length + 1,
    }
  }

  apply(memoryCapPages: number): WasmModule {
    const module = this.#module
    const { memory } = module
    const constant = (item: Constant): Constant => this.#constant(item)
    const code = module.code.map((body, index) => this.#function(body, index))
    return {
      ...module,
      imports: [
        ...module.imports,
        ...METER_IMPORTS.map(({ name, type }) => {
          return { module: METER_MODULE, name, type: this.#typeIndex(type) }
        }),
      ],
      functions: [
        ...module.functions,
        ...RUNTIME_FUNCTIONS.map((name) => this.#typeIndex(RUNTIME_TYPES[name])),
      ],
      memory: { min: memory.min, max: Math.min(memory.max ?? memoryCapPages, memoryCapPages) },
      globals: [
        ...module.globals.map((item) => ({ ...item, init: constant(item.init) })),
        zeroGlobal(I64),
        zeroGlobal(I32),
      ],
      exports: [
        ...module.exports.map((item) => this.#export(item)),
        { name: FUEL_EXPORT, kind: 'global', index: this.#layout.fuel },
      ],
      start: module.start === null ? null : this.#functionIndex(module.start),
      elements: module.elements.map((item) => ({ ...item, items: item.items.map(constant) })),
      code: [...code, ...runtimeBodies(this.#layout)],
      types: this.#types,
    }
  }

  #function(body: Uint8Array, index: number): Uint8Array {
    const type = this.#module.types[this.#module.functions[index] ?? -1]
    if (type === undefined) throw new ModuleRefused('a function has no type')
    const scan = scanFunction(this.#module, type, body)
    const frame = FRAME_VALUES + scan.frameValues
    if (frame > MAX_FRAME_VALUES) {
      throw new ModuleRefused(`function ${index} needs a frame of ${frame} values`)
    }
    this.#moves += scan.moves
    if (this.#moves > MAX_MOVES) {
      throw new ModuleRefused(`joins and calls move ${this.#moves} values, at most ${MAX_MOVES}`)
    }
    const to = new ByteWriter().raw(body.subarray(0, scan.codeStart))
    const cost = CHARGE_COST + (scan.isLeaf ? 0 : FRAME_COST)
    writeCharge(to, this.#layout, scan.entryCharge + cost)
    if (scan.isLeaf) {
      this.#edited(to, body, scan)
      return to.toBytes()
    }
    writeEnter(to, this.#layout, frame)
    // The body becomes a block, so that every way out of it comes by the code that leaves the frame.
    // Its label takes the place of the function's: branches stay as they are, `return` becomes one.
    to.u8(CONTROL.block)
    this.#blockType(to, type.results)
    this.#edited(to, body, scan)
    writeLeave(to, this.#layout, frame)
    return to.u8(CONTROL.end).toBytes()
  }

  #edited(to: ByteWriter, body: Uint8Array, scan: FunctionScan): void {
    let copied = scan.codeStart
    for (const edit of scan.edits) {
      to.raw(body.subarray(copied, edit.from))
      this.#edit(to, edit, body, scan)
      copied = edit.to
    }
    to.raw(body.subarray(copied))
  }

  #edit(to: ByteWriter, edit: Edit, body: Uint8Array, scan: FunctionScan): void {
    switch (edit.kind) {
      case 'loop-head':
        writeCharge(to, this.#layout, CHARGE_COST + (scan.loopCharges[edit.loop] ?? 0))
        break
      case 'return':
        if (scan.isLeaf) to.raw(body.subarray(edit.from, edit.to))
        else to.u8(CONTROL.br).u32(edit.depth)
        break
      case 'call':
        to.u8(CONTROL.call).u32(this.#functionIndex(edit.index))
        break
      case 'function-reference':
        to.u8(CONTROL.refFunc).u32(this.#referencedIndex(edit.index))
        break
      case 'memory-grow':
        to.u8(CONTROL.call).u32(runtimeIndex(this.#layout, 'growMemory'))
        break
      case 'memory-length':
        to.u8(CONTROL.call).u32(runtimeIndex(this.#layout, 'memoryLength'))
        break
      case 'table-length':
        to.u8(CONTROL.call).u32(runtimeIndex(this.#layout, 'tableLength'))
    }
  }

  #blockType(to: ByteWriter, results: readonly ValueType[]): void {
    const [only] = results
    if (only === undefined) to.u8(0x40)
    else if (results.length === 1) to.u8(only)
    else to.signed(this.#typeIndex({ params: [], results }))
  }

  #typeIndex(type: FunctionType): number {
    const key = keyOf(type)
    const known = this.#typeIndices.get(key)
    if (known !== undefined) return known
    const index = this.#types.push(type) - 1
    this.#typeIndices.set(key, index)
    return index
  }

  #functionIndex(index: number): number {
    return index < this.#module.imports.length ? index : index + METER_IMPORTS.length
  }

  // A host function in a table or a reference could be called without its charge.
  #referencedIndex(index: number): number {
    if (index < this.#module.imports.length) {
      throw new ModuleRefused('a host function may be called, not referred to')
    }
    return this.#functionIndex(index)
  }

  #constant(constant: Constant): Constant {
    if (constant.kind !== 'function') return constant
    return { kind: 'function', index: this.#referencedIndex(constant.index) }
  }

  #export(item: Export): Export {
    if (item.name.startsWith('latchgate:')) {
      throw new ModuleRefused(`the export ${item.name} has a reserved name`)
    }
    if (item.kind !== 'function') return item
    return { ...item, index: this.#referencedIndex(item.index) }
  }
}

function zeroGlobal(type: ValueType): WasmModule['globals'][number] {
  return { type, mutable: true, init: { kind: type === I64 ? 'i64' : 'i32', value: 0n } }
}

function keyOf({ params, results }: FunctionType): string {
  return `${params.join()}>${results.join()}`
}
