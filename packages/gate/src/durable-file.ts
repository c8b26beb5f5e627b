import { randomUUID } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file that did not exist, mode 0600 from the start. It appears under its name whole and on
 * the disk, or not at all: half of a key would stop every later start. Throws `EEXIST` when the name
 * is taken, also by whoever was faster.
 */
export function writeNewFile(path: string, bytes: Uint8Array): void {
  const temporary = writeBeside(path, bytes)
  try {
    // Unlike a rename, it does not replace what somebody else has written meanwhile.
    linkSync(temporary, path)
  } finally {
    unlinkSync(temporary)
  }
  syncDirectory(dirname(path))
}

/** Writes a file, mode 0600, in place of one of that name, which stays whole until this one is. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  renameSync(writeBeside(path, bytes), path)
  syncDirectory(dirname(path))
}

/** Pushes the names in a directory to the disk. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function writeBeside(path: string, bytes: Uint8Array): string {
  const temporary = `${path}.${randomUUID()}.tmp`
  const fd = openSync(temporary, 'wx', 0o600)
  try {
    // Not `writeSync`, which may stop half-way on a full disk without an error.
    writeFileSync(fd, bytes)
    fsyncSync(fd)
  } catch (error) {
    unlinkSync(temporary)
    throw error
  } finally {
    closeSync(fd)
  }
  return temporary
}
