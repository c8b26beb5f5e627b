/** Computes for ever, in memory, so that no compiler can leave it out. */
export function execute(task: usize, length: usize): usize {
  while (true) store<u32>(task, load<u32>(task) * 1664525 + 1013904223 + (length as u32))
  return 0
}

export { cabi_post_execute, cabi_realloc } from './provider-exports'
