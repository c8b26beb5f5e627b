import { ByteWriter } from '../wasm/byte-writer.js'
import { type FunctionType, I32, I64 } from '../wasm/module.js'

/** Module name of the functions that a metered module asks of the sandbox. */
export const METER_MODULE = 'latchgate:meter'

/** Name under which a metered module exports what is left of its fuel (i64). */
export const FUEL_EXPORT = 'latchgate:fuel'

/** `memory.grow` costs this for each page of 64 KiB, beyond what its fuel says for the call. */
export const PAGE_CHARGE = 1024

/**
 * The instructions that metering itself puts at a function entry and at a loop head. They are work of
 * the module like any other: an empty loop would else be ten times slower than its fuel says.
 */
export const CHARGE_COST = 8

/** The instructions that enter and leave a frame. */
export const FRAME_COST = 13

/** An element moved by a table instruction costs this. */
export const ELEMENT_CHARGE = 16

/**
 * What a metered module imports. A spent tank is not the end: the module asks for more, and the
 * sandbox grants a slice out of the call's budget or throws. So a start function is metered before
 * anybody could have set a global, and a long computation comes by the sandbox's clock.
 */
export const METER_IMPORTS: readonly { readonly name: keyof Meter; readonly type: FunctionType }[] =
  [
    { name: 'refuel', type: { params: [I64], results: [I64] } },
    { name: 'overflow', type: { params: [], results: [] } },
    { name: 'grow', type: { params: [I32, I32], results: [I32] } },
    { name: 'exhausted', type: { params: [], results: [] } },
  ]

/** What a metered module asks of the host; `METER_IMPORTS` are these as imports. */
export interface Meter {
  /** At least `missing` instructions, or it throws. */
  refuel(missing: bigint): bigint
  /** The call depth is above its limit: throws. */
  overflow(): void
  /** Whether memory of `pages` (unsigned) may grow by `delta` (unsigned): 1 or 0. */
  grow(pages: number, delta: number): number
  /** The engine could not provide memory within the limit: throws. */
  exhausted(): void
}

/** Where the parts of the meter are in a metered module. */
export interface MeterLayout {
  /** Index of the first meter import among the functions; the others follow it. */
  readonly imports: number
  /** Index of the first function added; in the order of `runtimeFunctions`. */
  readonly functions: number
  readonly fuel: number
  readonly depth: number
}

/** Functions that metering adds to a module, in the order in which it adds them. */
export const RUNTIME_FUNCTIONS = ['refill', 'memoryLength', 'tableLength', 'growMemory'] as const
/** One of `RUNTIME_FUNCTIONS`. */
export type RuntimeFunction = (typeof RUNTIME_FUNCTIONS)[number]

/** Their types. */
export const RUNTIME_TYPES: Readonly<Record<RuntimeFunction, FunctionType>> = {
  refill: { params: [I64], results: [] },
  memoryLength: { params: [I32], results: [I32] },
  tableLength: { params: [I32], results: [I32] },
  growMemory: { params: [I32], results: [I32] },
}

const OP = {
  if: [0x04, 0x40],
  end: [0x0b],
  return: [0x0f],
  unreachable: [0x00],
  call: 0x10,
  localGet: 0x20,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  memorySize: [0x3f, 0x00],
  memoryGrow: [0x40, 0x00],
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32GtS: 0x4a,
  i64LtU: 0x54,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64ExtendI32U: 0xad,
} as const

const importIndex = (name: keyof Meter): number =>
  METER_IMPORTS.findIndex((item) => item.name === name)

/** Index of one of the added functions. */
export function runtimeIndex(layout: MeterLayout, name: RuntimeFunction): number {
  return layout.functions + RUNTIME_FUNCTIONS.indexOf(name)
}

/** Code that takes `count` instructions off the tank. The operand stack is left as it is. */
export function writeCharge(to: ByteWriter, layout: MeterLayout, count: number): void {
  chargeOperand(to, layout, () => to.u8(OP.i64Const).signed(count))
}

// `operand` writes the number of instructions as i64 each time it is called.
function chargeOperand(to: ByteWriter, layout: MeterLayout, operand: () => void): void {
  const { fuel } = layout
  to.u8(OP.globalGet).u32(fuel)
  operand()
  to.u8(OP.i64LtU).raw(OP.if)
  operand()
  to.u8(OP.call).u32(runtimeIndex(layout, 'refill')).raw(OP.end)
  to.u8(OP.globalGet).u32(fuel)
  operand()
  to.u8(OP.i64Sub).u8(OP.globalSet).u32(fuel)
}

/** Code that enters a frame of `values` values and ends the call when they do not fit. */
export function writeEnter(to: ByteWriter, layout: MeterLayout, values: number): void {
  const { depth } = layout
  to.u8(OP.globalGet).u32(depth)
  to.u8(OP.i32Const).signed(values).u8(OP.i32Add).u8(OP.globalSet).u32(depth)
  to.u8(OP.globalGet).u32(depth)
  to.u8(OP.i32Const).signed(MAX_DEPTH_VALUES).u8(OP.i32GtS).raw(OP.if)
  to.u8(OP.call)
    .u32(layout.imports + importIndex('overflow'))
    .raw(OP.unreachable)
    .raw(OP.end)
}

/** Code that leaves a frame of `values` values. */
export function writeLeave(to: ByteWriter, layout: MeterLayout, values: number): void {
  const { depth } = layout
  to.u8(OP.globalGet).u32(depth)
  to.u8(OP.i32Const).signed(values).u8(OP.i32Sub).u8(OP.globalSet).u32(depth)
}

/**
 * Values that the frames of a call may hold together: 512 KiB at eight bytes each. A worker's stack
 * has 4 MiB, so the engine's own limit, which depends on the machine, is never reached first.
 */
export const MAX_DEPTH_VALUES = 65_536

/** What a frame costs beside its values: return address, spilled registers, outgoing arguments. */
export const FRAME_VALUES = 16

/** The bodies of the added functions, in the order of `RUNTIME_FUNCTIONS`. */
export function runtimeBodies(layout: MeterLayout): readonly Uint8Array[] {
  const bodies: Readonly<Record<RuntimeFunction, Uint8Array>> = {
    refill: refillBody(layout),
    memoryLength: lengthBody(layout, 1),
    tableLength: lengthBody(layout, ELEMENT_CHARGE),
    growMemory: growBody(layout),
  }
  return RUNTIME_FUNCTIONS.map((name) => bodies[name])
}

// fuel += refuel(need - fuel)
function refillBody(layout: MeterLayout): Uint8Array {
  const to = new ByteWriter().u8(0)
  to.u8(OP.globalGet).u32(layout.fuel)
  to.u8(OP.localGet).u32(0).u8(OP.globalGet).u32(layout.fuel).u8(OP.i64Sub)
  to.u8(OP.call).u32(layout.imports + importIndex('refuel'))
  to.u8(OP.i64Add).u8(OP.globalSet).u32(layout.fuel)
  return to.raw(OP.end).toBytes()
}

// Charges for a length and hands it on.
function lengthBody(layout: MeterLayout, factor: number): Uint8Array {
  const to = new ByteWriter().u8(0)
  chargeOperand(to, layout, () => {
    to.u8(OP.localGet).u32(0).u8(OP.i64ExtendI32U)
    to.u8(OP.i64Const).signed(factor).u8(OP.i64Mul)
  })
  return to.u8(OP.localGet).u32(0).raw(OP.end).toBytes()
}

// What is allowed is charged for, what is refused is not; what the engine then cannot give ends the
// call, because a module that went on would do what another machine does not.
function growBody(layout: MeterLayout): Uint8Array {
  const to = new ByteWriter().u8(1).u32(1).u8(I32)
  to.u8(OP.localGet).u32(0).u8(OP.i32Eqz).raw(OP.if).raw(OP.memorySize).raw(OP.return).raw(OP.end)
  to.raw(OP.memorySize).u8(OP.localGet).u32(0)
  to.u8(OP.call).u32(layout.imports + importIndex('grow'))
  to.u8(OP.i32Eqz).raw(OP.if).u8(OP.i32Const).signed(-1).raw(OP.return).raw(OP.end)
  chargeOperand(to, layout, () => {
    to.u8(OP.localGet).u32(0).u8(OP.i64ExtendI32U)
    to.u8(OP.i64Const).signed(PAGE_CHARGE).u8(OP.i64Mul)
  })
  to.u8(OP.localGet).u32(0).raw(OP.memoryGrow).u8(OP.localTee).u32(1)
  to.u8(OP.i32Const).signed(-1).u8(OP.i32Eq).raw(OP.if)
  to.u8(OP.call)
    .u32(layout.imports + importIndex('exhausted'))
    .raw(OP.unreachable)
    .raw(OP.end)
  return to.u8(OP.localGet).u32(1).raw(OP.end).toBytes()
}
