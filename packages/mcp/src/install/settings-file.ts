import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { InstallError } from './install-error.js'

/** A settings file as it was read. */
export interface SettingsFile {
  /** Where it really is: a symbolic link is followed and stays a link. */
  readonly path: string
  /** Its bytes; null when there is no file. */
  readonly bytes: Buffer | null
  /** Its permission bits; 0600 for a new one. */
  readonly mode: number
}

const LARGEST = 8 * 1024 * 1024

/** Reads a settings file of this user; an `InstallError` when it is not an ordinary one of his. */
export function readSettingsFile(named: string): SettingsFile {
  const link = lstatSync(named, { throwIfNoEntry: false })
  if (link === undefined) return { path: named, bytes: null, mode: 0o600 }
  const stats = statSync(named, { throwIfNoEntry: false })
  if (stats === undefined) {
    throw new InstallError(`${named} is a symbolic link to a file that does not exist`)
  }
  const path = realpathSync(named)
  assertOrdinary(path, stats)
  return { path, bytes: readFileSync(path), mode: stats.mode & 0o777 }
}

/** The text of a settings file; an `InstallError` when it is not UTF-8. */
export function textOf({ path, bytes }: SettingsFile): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      bytes ?? new Uint8Array(),
    )
  } catch (cause) {
    throw new InstallError(`${path} is not UTF-8 text: nothing was changed`, { cause })
  }
}

/**
 * Puts new bytes in place of what was read: a temporary file beside it, synced, renamed, with the
 * same mode. A process that dies on the way leaves the old file whole.
 */
export function replaceSettingsFile(read: SettingsFile, bytes: Uint8Array): void {
  mkdirSync(dirname(read.path), { recursive: true, mode: 0o700 })
  const temporary = `${read.path}.latchgate-${randomBytes(6).toString('hex')}.tmp`
  try {
    writeExclusive(temporary, bytes, read.mode)
    // The client may have written its settings meanwhile: its change would be lost.
    assertUnchanged(read)
    renameSync(temporary, read.path)
  } finally {
    rmSync(temporary, { force: true })
  }
  syncDirectory(dirname(read.path))
}

/** Removes a file that an installation made. */
export function removeSettingsFile(read: SettingsFile): void {
  assertUnchanged(read)
  unlinkSync(read.path)
}

/** Keeps the bytes that were read beside the file, never over another backup; returns the path. */
export function backUp(read: SettingsFile): string | null {
  const { bytes } = read
  if (bytes === null) return null
  const same = backupsOf(read).find((one) => one.bytes?.equals(bytes) === true)
  if (same !== undefined) return same.path
  for (const path of backupPaths(read.path)) {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue
    writeExclusive(path, bytes, read.mode)
    return path
  }
  throw new InstallError(`there are too many backups beside ${read.path}: remove the old ones`)
}

/** The backups there are, the latest first. */
export function backupsOf(read: SettingsFile): readonly SettingsFile[] {
  const own = backupPaths(read.path).filter(
    (path) => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true,
  )
  return own.map((path) => readSettingsFile(path)).reverse()
}

function backupPaths(path: string): string[] {
  const first = `${path}.latchgate-backup`
  return [first, ...Array.from({ length: 98 }, (_, i) => `${first}.${i + 2}`)]
}

function writeExclusive(path: string, bytes: Uint8Array, mode: number): void {
  const fd = openSync(path, 'wx', 0o600)
  try {
    writeFileSync(fd, bytes)
    fchmodSync(fd, mode)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function assertUnchanged(read: SettingsFile): void {
  const now = lstatSync(read.path, { throwIfNoEntry: false })
  const isSame =
    now === undefined
      ? read.bytes === null
      : read.bytes !== null && now.isFile() && readFileSync(read.path).equals(read.bytes)
  if (isSame) return
  throw new InstallError(`${read.path} was changed by somebody else just now: try again`)
}

// A link that leads to somebody else's file would have this user's program written there.
function assertOrdinary(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new InstallError(`${path} is not a file`)
  const uid = process.getuid?.()
  if (uid !== undefined && stats.uid !== uid) {
    throw new InstallError(
      `${path} belongs to uid ${stats.uid}, and this is uid ${uid}: run the command as its owner`,
    )
  }
  if (stats.size > LARGEST) throw new InstallError(`${path} is larger than ${LARGEST} bytes`)
}
