/**
 * The part of a module's memory in which asyncify keeps the frames of a suspended call. A module
 * that can suspend is built with its own data above it.
 */
export const SUSPENSION_END = 16_384

/** Where asyncify's two words are: the next free byte of the frames, and their end. */
export const SUSPENSION_DATA = 16

const FRAMES_START = 32
const FRAMES_END = SUSPENSION_END - 16
const CANARY = [0x5a17c0de, 0x1a7c46a7, 0xdeadf00d, 0x0ddba115] as const

/** Prepares the area for one suspension. */
export function prepareSuspension(memory: WebAssembly.Memory): void {
  const words = new Uint32Array(memory.buffer, 0, SUSPENSION_END / 4)
  words[SUSPENSION_DATA / 4] = FRAMES_START
  words[SUSPENSION_DATA / 4 + 1] = FRAMES_END
  words.set(CANARY, FRAMES_END / 4)
}

/**
 * What is wrong with the area after an unwind. Asyncify writes frames without looking at their end
 * and goes on into the module's own data, so both the pointer and the bytes behind the end count.
 */
export function suspensionFault(memory: WebAssembly.Memory): 'overflow' | 'damaged' | null {
  const words = new Uint32Array(memory.buffer, 0, SUSPENSION_END / 4)
  const next = words[SUSPENSION_DATA / 4] ?? 0
  const end = words[SUSPENSION_DATA / 4 + 1]
  if (end !== FRAMES_END || next < FRAMES_START) return 'damaged'
  if (next > FRAMES_END) return 'overflow'
  const intact = CANARY.every((word, index) => words[FRAMES_END / 4 + index] === word)
  return intact ? null : 'damaged'
}
