import { ModuleRefused } from '../types.js'
import { ByteReader } from './byte-reader.js'
import { type FunctionType, functionType, type WasmModule } from './module.js'
import {
  BULK_PREFIX,
  CONTROL,
  type Immediates,
  MEMORY_GROW,
  MEMORY_LENGTH,
  plainInstruction,
  prefixedInstruction,
  TABLE_LENGTH,
} from './opcodes.js'
import { readValueType, valueType } from './parse-module.js'

/** A place in a body where metering changes something: bytes `from` to `to` are replaced. */
export type Edit = { readonly from: number; readonly to: number } & (
  | { readonly kind: 'loop-head'; readonly loop: number }
  | { readonly kind: 'return'; readonly depth: number }
  | { readonly kind: 'call' | 'function-reference'; readonly index: number }
  | { readonly kind: 'memory-grow' | 'memory-length' | 'table-length' }
)

/** What metering has to know about one function body. */
export interface FunctionScan {
  /** Offset behind the declarations of locals. */
  readonly codeStart: number
  readonly edits: readonly Edit[]
  /** Instructions outside any loop, and those of each loop outside the loops in it. */
  readonly entryCharge: number
  readonly loopCharges: readonly number[]
  /** Parameters, locals and the highest operand stack: what a frame needs, in values. */
  readonly frameValues: number
  /**
   * Values that an engine's code moves at most: all of them where control flow divides or meets, and
   * what calls are given and return.
   */
  readonly moves: number
  /** Whether it calls nothing, so that it cannot be part of a recursion. */
  readonly isLeaf: boolean
}

/** A call of the host costs this many instructions: leaving and entering WASM is slow. */
export const HOST_CALL_CHARGE = 4096

/** A bulk instruction costs this beside its length: the engine does it in a function of its own. */
const BULK_CHARGE = 1024

interface Label {
  readonly base: number
  readonly type: FunctionType
  readonly enteredDead: boolean
  /** Index of the loop whose instructions are counted once this block has ended; -1 outside. */
  readonly outerLoop: number
  dead: boolean
}

const NOTHING: FunctionType = { params: [], results: [] }

/** Reads one function body, refuses what is not on the whitelist and finds what metering changes. */
export function scanFunction(
  module: WasmModule,
  type: FunctionType,
  body: Uint8Array,
): FunctionScan {
  return new Scanner(module, type, body).scan()
}

class Scanner {
  readonly #module: WasmModule
  readonly #reader: ByteReader
  readonly #edits: Edit[] = []
  readonly #loopCharges: number[] = []
  readonly #labels: Label[]
  readonly #params: number
  #entryCharge = 0
  #loop = -1
  #height = 0
  #highest = 0
  #joins = 0
  #passed = 0
  #isLeaf = true

  constructor(module: WasmModule, type: FunctionType, body: Uint8Array) {
    this.#module = module
    this.#reader = new ByteReader(body)
    this.#params = type.params.length
    const results = { params: [], results: type.results }
    this.#labels = [{ base: 0, type: results, enteredDead: false, outerLoop: -1, dead: false }]
  }

  scan(): FunctionScan {
    const locals = this.#locals()
    const codeStart = this.#reader.offset
    while (this.#labels.length > 0) this.#instruction()
    if (!this.#reader.atEnd) throw new ModuleRefused('a function has bytes after its end')
    const frameValues = this.#params + locals + this.#highest
    return {
      codeStart,
      edits: this.#edits,
      entryCharge: this.#entryCharge,
      loopCharges: this.#loopCharges,
      frameValues,
      moves: frameValues * this.#joins + this.#passed,
      isLeaf: this.#isLeaf,
    }
  }

  #locals(): number {
    let total = 0
    for (let groups = this.#reader.count(); groups > 0; groups -= 1) {
      total += this.#reader.u32()
      readValueType(this.#reader)
    }
    return total
  }

  #instruction(): void {
    const from = this.#reader.offset
    const code = this.#reader.u8()
    if (code !== CONTROL.end && code !== CONTROL.else) this.#charge(1)
    const plain = plainInstruction(code)
    if (plain !== undefined) {
      this.#immediates(plain.immediates)
      if (code === MEMORY_GROW) {
        // It becomes a call of the host, also when it is refused.
        this.#charge(HOST_CALL_CHARGE)
        this.#edit({ kind: 'memory-grow', from, to: this.#reader.offset })
      }
      this.#effect(plain.pops, plain.pushes)
      return
    }
    if (code === BULK_PREFIX) this.#prefixed(from)
    else this.#control(code, from)
  }

  #prefixed(from: number): void {
    const code = this.#reader.u32()
    const instruction = prefixedInstruction(code)
    if (instruction === undefined) throw new ModuleRefused(`opcode 0xfc ${code} is not allowed`)
    this.#immediates(instruction.immediates)
    this.#charge(BULK_CHARGE)
    if (MEMORY_LENGTH.has(code)) this.#edit({ kind: 'memory-length', from, to: from })
    if (TABLE_LENGTH.has(code)) this.#edit({ kind: 'table-length', from, to: from })
    this.#effect(instruction.pops, instruction.pushes)
  }

  #control(code: number, from: number): void {
    switch (code) {
      case CONTROL.unreachable:
        return this.#kill()
      case CONTROL.block:
        return this.#open(this.#blockType(), this.#loop)
      case CONTROL.loop:
        return this.#openLoop()
      case CONTROL.if: {
        const type = this.#blockType()
        this.#effect(1, 0)
        return this.#open(type, this.#loop)
      }
      case CONTROL.else:
        return this.#else()
      case CONTROL.end:
        return this.#close()
      case CONTROL.br:
        this.#branch()
        return this.#kill()
      case CONTROL.brIf:
        this.#branch()
        return this.#effect(1, 0)
      case CONTROL.brTable:
        for (let rest = this.#reader.count(); rest >= 0; rest -= 1) this.#branch()
        return this.#kill()
      case CONTROL.return: {
        this.#joins += 1
        const to = this.#reader.offset
        this.#edit({ kind: 'return', depth: this.#labels.length - 1, from, to })
        return this.#kill()
      }
      case CONTROL.call:
        return this.#call(from)
      case CONTROL.callIndirect:
        return this.#callIndirect()
      case CONTROL.selectTyped:
        for (let rest = this.#reader.count(); rest > 0; rest -= 1) readValueType(this.#reader)
        return this.#effect(3, 1)
      case CONTROL.refFunc:
        return this.#functionReference(from)
      default:
        throw new ModuleRefused(`opcode 0x${code.toString(16)} is not allowed`)
    }
  }

  #call(from: number): void {
    const index = this.#reader.u32()
    const type = this.#type(functionType(this.#module, index))
    if (index < this.#module.imports.length) this.#charge(HOST_CALL_CHARGE)
    this.#isLeaf = false
    this.#passed += type.params.length + type.results.length
    this.#edit({ kind: 'call', index, from, to: this.#reader.offset })
    this.#effect(type.params.length, type.results.length)
  }

  #branch(): void {
    this.#reader.u32()
    this.#joins += 1
  }

  #callIndirect(): void {
    const type = this.#type(this.#module.types[this.#reader.u32()])
    this.#reader.u32()
    this.#isLeaf = false
    this.#passed += type.params.length + type.results.length
    this.#effect(type.params.length + 1, type.results.length)
  }

  #functionReference(from: number): void {
    const index = this.#reader.u32()
    this.#edit({ kind: 'function-reference', index, from, to: this.#reader.offset })
    this.#effect(0, 1)
  }

  #openLoop(): void {
    const type = this.#blockType()
    const outer = this.#loop
    this.#loop = this.#loopCharges.push(0) - 1
    const at = this.#reader.offset
    this.#edit({ kind: 'loop-head', loop: this.#loop, from: at, to: at })
    this.#open(type, outer)
  }

  #open(type: FunctionType, outerLoop: number): void {
    const base = this.#height - type.params.length
    this.#joins += 1
    const enteredDead = this.#dead
    this.#labels.push({ base, type, enteredDead, outerLoop, dead: enteredDead })
  }

  #else(): void {
    const label = this.#label()
    label.dead = label.enteredDead
    this.#height = label.base + label.type.params.length
  }

  #close(): void {
    const label = this.#label()
    this.#labels.pop()
    this.#loop = label.outerLoop
    this.#height = label.base
    if (!label.enteredDead) this.#effect(0, label.type.results.length)
  }

  // What follows an unconditional branch is never executed and needs no stack.
  #kill(): void {
    const label = this.#label()
    label.dead = true
    this.#height = label.base
  }

  #effect(pops: number, pushes: number): void {
    if (this.#dead) return
    this.#height += pushes - pops
    this.#highest = Math.max(this.#highest, this.#height)
  }

  #charge(count: number): void {
    if (this.#loop < 0) this.#entryCharge += count
    else this.#loopCharges[this.#loop] = (this.#loopCharges[this.#loop] ?? 0) + count
  }

  #edit(edit: Edit): void {
    this.#edits.push(edit)
  }

  get #dead(): boolean {
    return this.#labels.at(-1)?.dead ?? false
  }

  #label(): Label {
    const label = this.#labels.at(-1)
    if (label === undefined) throw new ModuleRefused('a function has an end too many')
    return label
  }

  #type(type: FunctionType | undefined): FunctionType {
    if (type === undefined) throw new ModuleRefused('a call names no type')
    return type
  }

  #blockType(): FunctionType {
    const code = this.#reader.signed(33)
    if (code >= 0n) return this.#type(this.#module.types[Number(code)])
    if (code === -64n) return NOTHING
    return { params: [], results: [valueType(Number(code + 128n))] }
  }

  #immediates(kind: Immediates): void {
    switch (kind) {
      case 'none':
        return
      case 'index':
      case 'zero':
        this.#reader.u32()
        return
      case 'two-indices':
        this.#reader.u32()
        this.#reader.u32()
        return
      case 'signed':
        this.#reader.skipSigned()
        return
      case 'memory-access':
        if (this.#reader.u32() > 0x3f) throw new ModuleRefused('an access to another memory')
        this.#reader.u32()
        return
      case 'heap-type':
        readValueType(this.#reader)
    }
  }
}
