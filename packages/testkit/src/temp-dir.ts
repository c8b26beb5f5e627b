import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory of one test, mode 0700. */
export interface TempDir {
  /** Canonical path, at most 32 bytes, so that a Unix socket in it fits the 107 bytes of Linux. */
  readonly path: string
  /** Path of an entry of this directory. */
  file(...names: readonly string[]): string
  /** Removes the directory and everything in it. */
  remove(): void
}

/** Makes an empty directory. `TMPDIR` is used only where it is short enough for socket paths. */
export function tempDir(): TempDir {
  const base = realpathSync(tmpdir())
  const path = mkdtempSync(join(base.length <= 20 ? base : '/tmp', 'lg-'))
  chmodSync(path, 0o700)
  return {
    path,
    file: (...names) => join(path, ...names),
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }),
  }
}
