export const I32 = 0x7f
export const I64 = 0x7e
export const FUNCREF = 0x70

/** An unsigned LEB128 integer. */
export function unsigned(value: number | bigint): number[] {
  const out: number[] = []
  let rest = BigInt(value)
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
  return [...out, Number(rest)]
}

/** A signed LEB128 integer. */
export function signed(value: number | bigint): number[] {
  const out: number[] = []
  for (let rest = BigInt(value); ; ) {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    if ((rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)) return [...out, low]
    out.push(low | 0x80)
  }
}

/** The instructions that tests use, by their names in the text format. */
export interface Opcodes {
  readonly unreachable: readonly number[]
  readonly block: (type?: number) => number[]
  readonly loop: (type?: number) => number[]
  readonly if: (type?: number) => number[]
  readonly else: readonly number[]
  readonly end: readonly number[]
  readonly br: (label: number) => number[]
  readonly brIf: (label: number) => number[]
  readonly return: readonly number[]
  readonly call: (index: number) => number[]
  readonly callIndirect: (type: number) => number[]
  readonly drop: readonly number[]
  readonly get: (local: number) => number[]
  readonly set: (local: number) => number[]
  readonly tee: (local: number) => number[]
  readonly globalGet: (index: number) => number[]
  readonly globalSet: (index: number) => number[]
  readonly load: (offset?: number) => number[]
  readonly store: (offset?: number) => number[]
  readonly store8: (offset?: number) => number[]
  readonly memorySize: readonly number[]
  readonly memoryGrow: readonly number[]
  readonly i32: (value: number) => number[]
  readonly i64: (value: number | bigint) => number[]
  readonly eqz: readonly number[]
  readonly eq: readonly number[]
  readonly add: readonly number[]
  readonly sub: readonly number[]
  readonly mul: readonly number[]
  readonly memoryInit: (segment: number) => number[]
  readonly memoryCopy: readonly number[]
  readonly memoryFill: readonly number[]
  readonly tableInit: (segment: number) => number[]
  readonly tableCopy: readonly number[]
  readonly tableFill: readonly number[]
  readonly refNull: readonly number[]
  readonly refFunc: (index: number) => number[]
}

export const op: Opcodes = {
  unreachable: [0x00],
  block: (type = 0x40): number[] => [0x02, type],
  loop: (type = 0x40): number[] => [0x03, type],
  if: (type = 0x40): number[] => [0x04, type],
  else: [0x05],
  end: [0x0b],
  br: (label: number): number[] => [0x0c, ...unsigned(label)],
  brIf: (label: number): number[] => [0x0d, ...unsigned(label)],
  return: [0x0f],
  call: (index: number): number[] => [0x10, ...unsigned(index)],
  callIndirect: (type: number): number[] => [0x11, ...unsigned(type), 0],
  drop: [0x1a],
  get: (local: number): number[] => [0x20, ...unsigned(local)],
  set: (local: number): number[] => [0x21, ...unsigned(local)],
  tee: (local: number): number[] => [0x22, ...unsigned(local)],
  globalGet: (index: number): number[] => [0x23, ...unsigned(index)],
  globalSet: (index: number): number[] => [0x24, ...unsigned(index)],
  load: (offset = 0): number[] => [0x28, 2, ...unsigned(offset)],
  store: (offset = 0): number[] => [0x36, 2, ...unsigned(offset)],
  store8: (offset = 0): number[] => [0x3a, 0, ...unsigned(offset)],
  memorySize: [0x3f, 0],
  memoryGrow: [0x40, 0],
  i32: (value: number): number[] => [0x41, ...signed(value)],
  i64: (value: number | bigint): number[] => [0x42, ...signed(value)],
  eqz: [0x45],
  eq: [0x46],
  add: [0x6a],
  sub: [0x6b],
  mul: [0x6c],
  memoryInit: (segment: number): number[] => [0xfc, 8, ...unsigned(segment), 0],
  memoryCopy: [0xfc, 10, 0, 0],
  memoryFill: [0xfc, 11, 0],
  tableInit: (segment: number): number[] => [0xfc, 12, ...unsigned(segment), 0],
  tableCopy: [0xfc, 14, 0, 0],
  tableFill: [0xfc, 17, 0],
  refNull: [0xd0, FUNCREF],
  refFunc: (index: number): number[] => [0xd2, ...unsigned(index)],
}

export type Code = readonly (number | readonly number[])[]

export interface FunctionSource {
  readonly type: number
  /** Groups of locals: how many, of which type. */
  readonly locals?: readonly (readonly [count: number, type: number])[]
  readonly code: Code
}

/** A module as a test writes it; what is not given is not in it. */
export interface ModuleSource {
  readonly types?: readonly (readonly [params: readonly number[], results: readonly number[]])[]
  readonly imports?: readonly (readonly [module: string, name: string, type: number])[]
  readonly functions?: readonly FunctionSource[]
  readonly table?: readonly number[]
  /** The limits as they stand in the bytes: flags, minimum, maximum. */
  readonly memory?: readonly number[]
  readonly globals?: readonly (readonly [type: number, mutable: number, init: readonly number[]])[]
  readonly exports?: readonly (readonly [name: string, kind: number, index: number])[]
  readonly start?: number
  /** Element segments, each in bytes. */
  readonly elements?: readonly (readonly number[])[]
  readonly dataCount?: number
  /** Data segments, each in bytes. */
  readonly data?: readonly (readonly number[])[]
  /** Sections by number that replace or follow the others. */
  readonly extra?: readonly (readonly [id: number, content: readonly number[]])[]
}

export const HEADER: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]

/** Writes a module byte by byte: neither the code under test nor a compiler has a hand in it. */
export function assemble(source: ModuleSource): Uint8Array<ArrayBuffer> {
  const { types, imports, functions, table, memory, globals, exports, start } = source
  const { elements, dataCount, data, extra } = source
  return Uint8Array.from([
    ...HEADER,
    ...listed(1, types, ([params, results]) => [0x60, ...list(params), ...list(results)]),
    ...listed(2, imports, ([module, name, type]) => [
      ...text(module),
      ...text(name),
      0,
      ...unsigned(type),
    ]),
    ...listed(3, functions, ({ type }) => unsigned(type)),
    ...listed(4, table && [table], (limits) => [FUNCREF, ...limits]),
    ...listed(5, memory && [memory], (limits) => limits),
    ...listed(6, globals, ([type, mutable, init]) => [type, mutable, ...init, 0x0b]),
    ...listed(7, exports, ([name, kind, index]) => [...text(name), kind, ...unsigned(index)]),
    ...(start === undefined ? [] : section(8, unsigned(start))),
    ...listed(9, elements, (segment) => segment),
    ...(dataCount === undefined ? [] : section(12, unsigned(dataCount))),
    ...listed(10, functions, ({ locals = [], code }) =>
      sized([
        ...list(locals.map(([count, type]) => [...unsigned(count), type])),
        ...code.flat(),
        0x0b,
      ]),
    ),
    ...listed(11, data, (segment) => segment),
    ...(extra ?? []).flatMap(([id, content]) => section(id, content)),
  ])
}

export function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)]
}

export function list(items: readonly (number | readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()]
}

export function text(value: string): number[] {
  return sized([...new TextEncoder().encode(value)])
}

export function sized(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content]
}

function listed<T>(
  id: number,
  items: readonly T[] | undefined,
  write: (item: T) => readonly number[],
): number[] {
  return items === undefined ? [] : section(id, list(items.map(write)))
}
