/** Ends in an instruction that traps. */
export function execute(task: usize, length: usize): usize {
  const zero = load<u8>(task + length - 1) == 0x7d ? 0 : 1
  return ((length as i32) / zero) as usize
}

export { cabi_post_execute, cabi_realloc } from './provider-exports'
