import { reallocate } from '../../providers/assembly/memory'

export function cabi_realloc(old: usize, oldSize: usize, align: usize, newSize: usize): usize {
  return reallocate(old, oldSize, align, newSize)
}

export function cabi_post_execute(_result: usize): void {}
