import { type Dirent, lstatSync, readdirSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { shellWord } from '@latchgate/protocol'
import { StartupError } from './posture.js'

/**
 * Refuses files that somebody else could have written: who can write the configuration, a manifest,
 * the policy or a key, or can put another in its place, decides what the gate does (design 8).
 */
export function assertProtected(paths: readonly string[], uid: number): void {
  for (const path of paths) {
    const stats = statIfPresent(path)
    if (stats === undefined) continue
    assertOwned(path, stats, uid)
    assertNotReplaceable(path, uid)
    if (!stats.isDirectory()) continue
    for (const entry of entriesOf(path)) {
      const child = join(path, entry.name)
      const childStats = statIfPresent(child)
      if (childStats !== undefined) assertOwned(child, childStats, uid)
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
  throw refused(
    `${path} holds keys and has mode ${octal(stats)}: run \`chmod 600 ${shellWord(path)}\``,
  )
}

// Who can write a directory can put another file in the place of one that he cannot write. In a
// sticky directory only the file's owner can.
function assertNotReplaceable(path: string, uid: number): void {
  const directory = dirname(path)
  const stats = statIfPresent(directory)
  if (stats === undefined || (stats.mode & 0o1000) !== 0) return
  assertOwned(directory, stats, uid)
}

function assertOwned(path: string, stats: Stats, uid: number): void {
  if (stats.uid !== uid && stats.uid !== 0) {
    throw refused(
      `${path} belongs to uid ${stats.uid}: it must belong to the gate's uid ${uid} or to root`,
    )
  }
  if ((stats.mode & 0o022) === 0) return
  throw refused(
    `${path} has mode ${octal(stats)} and can be written by others: run \`chmod go-w ${shellWord(path)}\``,
  )
}

function octal(stats: Stats): string {
  return `0${(stats.mode & 0o777).toString(8)}`
}

// A link that leads nowhere is what an editor leaves beside an open file; who reads it finds nothing.
function statIfPresent(path: string): Stats | undefined {
  return looking(path, () =>
    lstatSync(path, { throwIfNoEntry: false }) === undefined
      ? undefined
      : statSync(path, { throwIfNoEntry: false }),
  )
}

function entriesOf(path: string): readonly Dirent[] {
  return looking(path, () => readdirSync(path, { withFileTypes: true }))
}

function looking<T>(path: string, look: () => T): T {
  try {
    return look()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw refused(`cannot look at ${path}: ${why}`, cause)
  }
}

function refused(message: string, cause?: unknown): StartupError {
  return new StartupError('production_security_validation_failed', message, { cause })
}
