/** The value types that are allowed: no floating point, no SIMD, no host references. */
export type ValueType = 0x7f | 0x7e | 0x70

/** `i32` in the binary format (WebAssembly 5.3). */
export const I32: ValueType = 0x7f
/** `i64`. */
export const I64: ValueType = 0x7e
/** `funcref`. */
export const FUNCREF: ValueType = 0x70

/** Parameters and results of a function. */
export interface FunctionType {
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
}

/** An imported function; `type` is an index into the types. */
export interface FunctionImport {
  readonly module: string
  readonly name: string
  readonly type: number
}

/** Size of a memory in pages of 64 KiB, or of a table in elements. */
export interface Limits {
  readonly min: number
  readonly max: number | null
}

/** A constant expression: one instruction. */
export type Constant =
  | { readonly kind: 'i32' | 'i64'; readonly value: bigint }
  | { readonly kind: 'null' }
  | { readonly kind: 'function'; readonly index: number }

/** A global variable of the module. */
export interface Global {
  readonly type: ValueType
  readonly mutable: boolean
  readonly init: Constant
}

/** What an export can be of. */
export type ExportKind = 'function' | 'table' | 'memory' | 'global'
/** Every kind, in the order of its code in the binary format. */
export const EXPORT_KINDS: readonly ExportKind[] = ['function', 'table', 'memory', 'global']

/** An export; `index` is into the index space of its kind. */
export interface Export {
  readonly name: string
  readonly kind: ExportKind
  readonly index: number
}

/** An element segment; `offset` is null for a passive or declarative one. */
export interface Element {
  readonly mode: 'active' | 'passive' | 'declarative'
  readonly offset: Constant | null
  readonly items: readonly Constant[]
}

/** A data segment; `offset` is null for a passive one. */
export interface Data {
  readonly offset: Constant | null
  readonly bytes: Uint8Array
}

/** A module of the subset that the sandbox accepts. */
export interface WasmModule {
  readonly types: readonly FunctionType[]
  readonly imports: readonly FunctionImport[]
  /** Types of the defined functions. */
  readonly functions: readonly number[]
  readonly table: Limits | null
  readonly memory: Limits
  readonly globals: readonly Global[]
  readonly exports: readonly Export[]
  readonly start: number | null
  readonly elements: readonly Element[]
  readonly code: readonly Uint8Array[]
  readonly data: readonly Data[]
  readonly hasDataCount: boolean
}

/** The type of function `index`, imports first. */
export function functionType(module: WasmModule, index: number): FunctionType | undefined {
  const imported = module.imports[index]
  const type =
    imported === undefined ? module.functions[index - module.imports.length] : imported.type
  return type === undefined ? undefined : module.types[type]
}
