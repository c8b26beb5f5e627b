/** Takes memory by the MiB and writes into each page until it gets no more. */
export function execute(_task: usize, _length: usize): usize {
  while (true) {
    const page = memory.grow(16)
    if (page < 0) unreachable()
    memory.fill((page as usize) << 16, 0xa5, 16 << 16)
  }
  return 0
}

export { cabi_post_execute, cabi_realloc } from './provider-exports'
