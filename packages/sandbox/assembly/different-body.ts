import { ask, err, ok, readTask, url, urlLength } from './planned-request'
import { headerCount, headers } from '../../providers/assembly/task'

/** Sends a body where none is planned. */
export function execute(task: usize, length: usize): usize {
  if (!readTask(task, length)) return err('the task could not be read')
  ask('GET', url, urlLength, headers, headerCount, true)
  return ok('{"ok":true}')
}

export { cabi_post_execute, cabi_realloc } from './provider-exports'
