import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { StartupError } from './posture.js'

/**
 * Refuses files that somebody else could have written: who can write the configuration, a manifest,
 * the policy or a key decides what the gate does (design 8).
 */
export function assertProtected(paths: readonly string[], uid: number): void {
  for (const path of paths) {
    const stats = statIfPresent(path)
    if (stats === undefined) continue
    assertOwned(path, stats, uid)
    if (!stats.isDirectory()) continue
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name)
      // Links to nowhere are what editors leave beside an open file; whoever reads one finds nothing.
      const target = statSync(child, { throwIfNoEntry: false })
      if (target !== undefined) assertOwned(child, target, uid)
      // A manifest may name a schema in a directory below its own.
      if (entry.isDirectory()) assertProtected([child], uid)
    }
  }
}

/** Refuses a file with keys in it that group or others may read. */
export function assertPrivate(path: string, uid: number): void {
  const stats = statIfPresent(path)
  if (stats === undefined) return
  assertOwned(path, stats, uid)
  if ((stats.mode & 0o077) === 0) return
  throw new StartupError(
    'production_security_validation_failed',
    `${path} holds keys and has mode ${octal(stats)}: run \`chmod 600 ${path}\``,
  )
}

function assertOwned(path: string, stats: Stats, uid: number): void {
  if (stats.uid !== uid && stats.uid !== 0) {
    throw new StartupError(
      'production_security_validation_failed',
      `${path} belongs to uid ${stats.uid}: it must belong to the gate's uid ${uid} or to root`,
    )
  }
  if ((stats.mode & 0o022) === 0) return
  throw new StartupError(
    'production_security_validation_failed',
    `${path} has mode ${octal(stats)} and can be written by others: run \`chmod go-w ${path}\``,
  )
}

function octal(stats: Stats): string {
  return `0${(stats.mode & 0o777).toString(8)}`
}

function statIfPresent(path: string): Stats | undefined {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined
  return statSync(path)
}
