import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { DPoPKeyPair } from '@latchgate/protocol/node'

/** Larger than any P-256 key in PEM. */
const MAX_BYTES = 16 * 1024

/**
 * Reads the private key of a registered agent: P-256, PEM, PKCS#8 or SEC1 (design 10). Throws a
 * `TypeError` that says what is wrong and what to do; it never shows what the file holds.
 */
export function readKeyFile(path: string): DPoPKeyPair {
  // What is judged is what is read: a path could be another file a moment later.
  const file = openKey(path)
  try {
    const fault = fileFault(fstatSync(file), process.getuid?.())
    if (fault !== null) throw new TypeError(`refusing the key file ${path}: it ${fault}`)
    return parseKey(path, readFileSync(file, 'utf8'))
  } finally {
    closeSync(file)
  }
}

function openKey(path: string): number {
  try {
    // A named pipe would otherwise hold the program here until somebody writes to it.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const hint =
      code === 'ENOENT'
        ? 'name the private key that belongs to the thumbprint which the gate has registered'
        : 'this user must be able to read it'
    throw new TypeError(`cannot open the key file ${path} (${code}): ${hint}`, { cause })
  }
}

function fileFault(stats: Stats, uid: number | undefined): string | null {
  if (!stats.isFile()) return 'is not a regular file'
  if (stats.size > MAX_BYTES) return `has ${stats.size} bytes: a key has some hundred`
  // Where there are no owners and modes there is nothing to look at.
  if (uid === undefined) return null
  if (stats.uid !== uid && stats.uid !== 0) return `belongs to uid ${stats.uid}, not to this user`
  if ((stats.mode & 0o077) === 0) return null
  // As ssh does: whoever can read the key can be this agent.
  return `has mode 0${(stats.mode & 0o777).toString(8)}, so that others could use it: chmod 600`
}

function parseKey(path: string, pem: string): DPoPKeyPair {
  try {
    return DPoPKeyPair.fromPem(pem)
  } catch (cause) {
    // The cause names no part of the key; OpenSSL's messages do not quote their input.
    const form = 'a P-256 private key in PEM without a pass phrase'
    throw new TypeError(`the key file ${path} does not hold ${form}`, { cause })
  }
}
