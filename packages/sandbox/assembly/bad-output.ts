import { ok } from './planned-request'

/** Returns a text that is not JSON in the ok variant. */
export function execute(_task: usize, _length: usize): usize {
  return ok('{"ok":true,')
}

export { cabi_post_execute, cabi_realloc } from './provider-exports'
