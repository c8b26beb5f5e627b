import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'

/** Why a file of a secret was not used; the message says what to do and never holds the secret. */
export class PrivateFileError extends Error {
  override readonly name = 'PrivateFileError'
}

/** Larger than any token, and than any key in PEM. */
const MAX_BYTES = 16 * 1024

/**
 * The text of a file that is this user's secret. Refused, like ssh does with keys, unless it belongs
 * to this user or root and nobody else can read it. Throws a `PrivateFileError` that names `what`
 * and the path.
 */
export function readPrivateFile(what: string, path: string): string {
  const descriptor = openFile(what, path)
  try {
    // The file that was looked at is the one that is read: both by one descriptor.
    const fault = faultOf(fstatSync(descriptor), path)
    if (fault !== null) throw new PrivateFileError(`refusing ${what} ${path}: ${fault}`)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function openFile(what: string, path: string): number {
  try {
    // A named pipe would otherwise hold the program here until somebody writes to it.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const hint = code === 'ENOENT' ? 'there is no such file' : 'this user must be able to read it'
    throw new PrivateFileError(`cannot open ${what} ${path} (${code}): ${hint}`, { cause })
  }
}

function faultOf(stats: Stats, path: string): string | null {
  const { mode, size, uid } = stats
  if (!stats.isFile()) return 'it is not a regular file'
  if (size > MAX_BYTES) return `it has ${size} bytes, more than ${MAX_BYTES}`
  const own = process.getuid?.()
  // Where there are no owners and modes there is nothing to look at.
  if (own === undefined) return null
  if (uid !== own && uid !== 0) return `it belongs to uid ${uid}, and this is uid ${own}`
  if ((mode & 0o077) === 0) return null
  return `others can read it (mode 0${(mode & 0o777).toString(8)}): chmod 600 ${path}`
}
