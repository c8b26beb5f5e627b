import { HEADER_SIZE } from '../../providers/assembly/io-http'
import { allocate } from '../../providers/assembly/memory'
import { headerCount, headers } from '../../providers/assembly/task'
import { ascii, ask, err, ok, readTask, url, urlLength } from './planned-request'

/** Adds a header of its own to the planned request. */
export function execute(task: usize, length: usize): usize {
  if (!readTask(task, length)) return err('the task could not be read')
  const list = allocate((headerCount + 1) * HEADER_SIZE, 4)
  memory.copy(list, headers, headerCount * HEADER_SIZE)
  const added = list + headerCount * HEADER_SIZE
  store<usize>(added, ascii('x-extra'))
  store<usize>(added + 4, 7)
  store<usize>(added + 8, ascii('1'))
  store<usize>(added + 12, 1)
  ask('', url, urlLength, list, headerCount + 1)
  return ok('{"ok":true}')
}

export { cabi_post_execute, cabi_realloc } from './provider-exports'
