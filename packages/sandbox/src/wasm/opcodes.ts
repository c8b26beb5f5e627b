/** What follows an opcode in the bytes. */
export type Immediates =
  | 'none'
  | 'index'
  | 'two-indices'
  | 'signed'
  | 'memory-access'
  | 'zero'
  | 'heap-type'

/** An instruction whose effect on the operand stack does not depend on the module. */
export interface PlainInstruction {
  readonly immediates: Immediates
  readonly pops: number
  readonly pushes: number
}

/** Instructions that the scan handles one by one. */
export const CONTROL = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  selectTyped: 0x1c,
  refFunc: 0xd2,
} as const

/** `memory.grow`. */
export const MEMORY_GROW = 0x40
/** Prefix of the bulk instructions. */
export const BULK_PREFIX = 0xfc

/** Of the prefixed instructions, those whose last operand says how long they take. */
export const MEMORY_LENGTH: ReadonlySet<number> = new Set([8, 10, 11])
/** The same for tables. */
export const TABLE_LENGTH: ReadonlySet<number> = new Set([12, 14, 17])

const plain = new Map<number, PlainInstruction>()
const prefixed = new Map<number, PlainInstruction>()

function define(
  first: number,
  last: number,
  immediates: Immediates,
  pops: number,
  pushes: number,
): void {
  for (let code = first; code <= last; code += 1) plain.set(code, { immediates, pops, pushes })
}

// This list is the whitelist: what is not in it, in CONTROL or in `prefixed` is refused. Floating
// point is not in it because the bits of a NaN differ between machines, and with them the fuel.
define(0x01, 0x01, 'none', 0, 0) // nop
define(0x1a, 0x1a, 'none', 1, 0) // drop
define(0x1b, 0x1b, 'none', 3, 1) // select
define(0x20, 0x20, 'index', 0, 1) // local.get
define(0x21, 0x21, 'index', 1, 0) // local.set
define(0x22, 0x22, 'index', 1, 1) // local.tee
define(0x23, 0x23, 'index', 0, 1) // global.get
define(0x24, 0x24, 'index', 1, 0) // global.set
define(0x25, 0x25, 'index', 1, 1) // table.get
define(0x26, 0x26, 'index', 2, 0) // table.set
define(0x28, 0x29, 'memory-access', 1, 1) // i32.load, i64.load
define(0x2c, 0x35, 'memory-access', 1, 1) // narrow loads
define(0x36, 0x37, 'memory-access', 2, 0) // i32.store, i64.store
define(0x3a, 0x3e, 'memory-access', 2, 0) // narrow stores
define(0x3f, 0x3f, 'zero', 0, 1) // memory.size
define(MEMORY_GROW, MEMORY_GROW, 'zero', 1, 1)
define(0x41, 0x42, 'signed', 0, 1) // i32.const, i64.const
define(0x45, 0x45, 'none', 1, 1) // i32.eqz
define(0x46, 0x4f, 'none', 2, 1) // i32 comparisons
define(0x50, 0x50, 'none', 1, 1) // i64.eqz
define(0x51, 0x5a, 'none', 2, 1) // i64 comparisons
define(0x67, 0x69, 'none', 1, 1) // i32.clz, ctz, popcnt
define(0x6a, 0x78, 'none', 2, 1) // i32 arithmetic
define(0x79, 0x7b, 'none', 1, 1) // i64.clz, ctz, popcnt
define(0x7c, 0x8a, 'none', 2, 1) // i64 arithmetic
define(0xa7, 0xa7, 'none', 1, 1) // i32.wrap_i64
define(0xac, 0xad, 'none', 1, 1) // i64.extend_i32
define(0xc0, 0xc4, 'none', 1, 1) // sign extension
define(0xd0, 0xd0, 'heap-type', 0, 1) // ref.null
define(0xd1, 0xd1, 'none', 1, 1) // ref.is_null

prefixed.set(8, { immediates: 'two-indices', pops: 3, pushes: 0 }) // memory.init
prefixed.set(9, { immediates: 'index', pops: 0, pushes: 0 }) // data.drop
prefixed.set(10, { immediates: 'two-indices', pops: 3, pushes: 0 }) // memory.copy
prefixed.set(11, { immediates: 'zero', pops: 3, pushes: 0 }) // memory.fill
prefixed.set(12, { immediates: 'two-indices', pops: 3, pushes: 0 }) // table.init
prefixed.set(13, { immediates: 'index', pops: 0, pushes: 0 }) // elem.drop
prefixed.set(14, { immediates: 'two-indices', pops: 3, pushes: 0 }) // table.copy
prefixed.set(16, { immediates: 'index', pops: 0, pushes: 1 }) // table.size
prefixed.set(17, { immediates: 'index', pops: 3, pushes: 0 }) // table.fill

/** The one-byte instruction `code`, or undefined when it is not allowed. */
export function plainInstruction(code: number): PlainInstruction | undefined {
  return plain.get(code)
}

/** The instruction `0xfc code`, or undefined when it is not allowed. */
export function prefixedInstruction(code: number): PlainInstruction | undefined {
  return prefixed.get(code)
}
