import { ask, err, ok, readTask } from './planned-request'

/** Makes a DELETE of the planned request. */
export function execute(task: usize, length: usize): usize {
  if (!readTask(task, length)) return err('the task could not be read')
  ask('DELETE')
  return ok('{"ok":true}')
}

export { cabi_post_execute, cabi_realloc } from './provider-exports'
