// A provider lives for one call, so memory is only ever handed out: nothing is freed, nothing moves.

let top: usize = 0

/** `size` bytes at a multiple of `align` (a power of two). Traps when memory may not grow that far. */
export function allocate(size: usize, align: usize): usize {
  if (top == 0) top = __heap_base
  const start = ((top as u64) + (align as u64) - 1) & ~((align as u64) - 1)
  const end = start + (size as u64)
  const have = (memory.size() as u64) << 16
  if (end > have) {
    const pages = (end - have + 0xffff) >> 16
    if (pages > 0xffff || memory.grow(pages as i32) < 0) unreachable()
  }
  top = end as usize
  return start as usize
}

/** `cabi_realloc` of the canonical ABI. */
export function reallocate(old: usize, oldSize: usize, align: usize, newSize: usize): usize {
  if (newSize == 0) return align
  const moved = allocate(newSize, align)
  if (oldSize > 0) memory.copy(moved, old, min(oldSize, newSize))
  return moved
}
