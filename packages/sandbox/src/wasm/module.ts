/** The value types that are allowed: no floating point, no SIMD, no host references. */
export type ValueType = 0x7f | 0x7e | 0x70

export const I32: ValueType = 0x7f
export const I64: ValueType = 0x7e
export const FUNCREF: ValueType = 0x70

export interface FunctionType {
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
}

export interface FunctionImport {
  readonly module: string
  readonly name: string
  readonly type: number
}

export interface Limits {
  readonly min: number
  readonly max: number | null
}

/** A constant expression: one instruction. */
export type Constant =
  | { readonly kind: 'i32' | 'i64'; readonly value: bigint }
  | { readonly kind: 'null' }
  | { readonly kind: 'function'; readonly index: number }

export interface Global {
  readonly type: ValueType
  readonly mutable: boolean
  readonly init: Constant
}

export type ExportKind = 'function' | 'table' | 'memory' | 'global'
export const EXPORT_KINDS: readonly ExportKind[] = ['function', 'table', 'memory', 'global']

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
