import { dirname } from 'node:path'
import { writeNewFile } from '@latchgate/gate'
import { shellWord } from '@latchgate/protocol'
import { CommandFailure } from './command-failure.js'
import { isSystemError } from './failures.js'

const WHY_NOT: Readonly<Record<string, string>> = {
  ENOENT: 'there is no directory',
  EACCES: 'this user may not write in',
  EROFS: 'nothing can be written in',
  ENOSPC: 'there is no room in',
  ENOTDIR: 'a file is where a directory is needed:',
}

/** Writes a new private key, mode 0600; throws `CommandFailure` `file_exists` or `io_error`. */
export function writeKeyFile(path: string, pem: string): void {
  try {
    writeNewFile(path, Buffer.from(pem))
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'EEXIST') {
      throw new CommandFailure('file_exists', `${path} exists: a key is never overwritten`, {
        hints: ['choose another path with -o PATH'],
      })
    }
    // The system's own words name a temporary file that nobody asked for.
    const why = WHY_NOT[error.code ?? ''] ?? `the system says ${error.code ?? 'no'} of`
    const make = error.code === 'ENOENT' ? [`make it: mkdir -p ${shellWord(dirname(path))}`] : []
    throw new CommandFailure('io_error', `cannot write ${path}: ${why} ${dirname(path)}`, {
      hints: [...make, 'choose another path with -o PATH'],
    })
  }
}
