import { FUEL_EXPORT } from '../metering/runtime.js'

/** The exports of a registered module; registration has checked that they are there and their types. */
export interface ProviderExports {
  readonly memory: WebAssembly.Memory
  readonly execute: (pointer: number, length: number) => number
  readonly cabi_realloc: (old: number, oldSize: number, align: number, size: number) => number
  readonly cabi_post_execute: (result: number) => void
  readonly [FUEL_EXPORT]: { value: bigint }
}

/** The exports of a module that can suspend: those that asyncify adds. */
export interface SuspendingExports extends ProviderExports {
  readonly asyncify_start_unwind: (data: number) => void
  readonly asyncify_stop_unwind: () => void
  readonly asyncify_start_rewind: (data: number) => void
  readonly asyncify_stop_rewind: () => void
  readonly asyncify_get_state: () => number
}

/** Asyncify's states. */
export const NORMAL = 0
/** It saves its frames and returns to the host. */
export const UNWINDING = 1
/** It restores its frames, up to the call that suspended. */
export const REWINDING = 2
