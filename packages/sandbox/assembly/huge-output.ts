import { allocate } from '../../providers/assembly/memory'
import { okResult } from '../../providers/assembly/task-result'

const BYTES: usize = 1 << 20

/** Returns a JSON string of a MiB. */
export function execute(_task: usize, _length: usize): usize {
  const text = allocate(BYTES, 1)
  memory.fill(text, 0x61, BYTES)
  store<u8>(text, 0x22)
  store<u8>(text + BYTES - 1, 0x22)
  return okResult(text, BYTES)
}

export { cabi_post_execute, cabi_realloc } from './provider-exports'
