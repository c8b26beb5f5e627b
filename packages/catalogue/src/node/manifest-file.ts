import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { sep } from 'node:path'
import { err, ok, type Result } from '@latchgate/protocol'

/** Manifests and schemas are written by hand; anything larger is something else. */
const MAX_BYTES = 1_048_576

/** Why a file cannot be had, and what to do about it. */
export interface FileFault {
  readonly problem: string
  readonly fix: string
}

/**
 * Reads a small regular file that lies inside a directory, links followed. `root` is the directory's
 * real path. Whatever the file system refuses is a fault that names its code.
 */
export function readInside(root: string, file: string): Result<Uint8Array, FileFault> {
  try {
    return readRegular(root, file)
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    const fix = "make it a readable file of the gate's own user, or remove it"
    return err({ problem: `cannot be read: ${String(error.code)}`, fix })
  }
}

function readRegular(root: string, file: string): Result<Uint8Array, FileFault> {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return err(absent(file))
  // A link out of the directory would let whoever owns its target change what the gate may do.
  const real = realpathSync(file)
  if (!real.startsWith(root + sep)) {
    const problem = `path traversal rejected: the file leads out of the directory, to ${real}`
    return err({ problem, fix: 'copy the file instead' })
  }
  // Before it is opened: to open a pipe would wait for somebody to write into it.
  if (!stat.isFile()) return err({ problem: 'not a regular file', fix: 'remove it, or rename it' })
  if (stat.size > MAX_BYTES) {
    const problem = `larger than 1 MiB (${stat.size} bytes)`
    return err({ problem, fix: 'a manifest or schema is one short document' })
  }
  return ok(readFileSync(real))
}

function absent(file: string): FileFault {
  return lstatSync(file, { throwIfNoEntry: false }) === undefined
    ? { problem: 'there is no such file', fix: 'correct the name' }
    : { problem: 'a link that leads nowhere', fix: 'remove it' }
}
