import { randomBytes, randomUUID } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { generateLeaseKeyPem, type LeaseKey, loadLeaseKey } from '@latchgate/protocol/node'
import { StartupError } from '../config/posture.js'
import { assertPrivate } from '../config/protected-files.js'

/**
 * An Ed25519 seed: exactly 32 raw bytes, mode 0600, created when missing (spec/auth-and-evidence
 * 17.2). Without a path the key lives and dies with the process.
 */
export function loadSeed(path: string | undefined, uid: number): Uint8Array {
  if (path === undefined) return randomBytes(32)
  const bytes = readOrCreate(path, uid, () => randomBytes(32))
  if (bytes.length === 32) return bytes
  throw new StartupError(
    'signing_key_failed',
    `${path} has ${bytes.length} bytes: a signing key file is a seed of exactly 32 bytes`,
  )
}

/** The key that signs leases. Persisted, so that a restart logs nobody out (design 5). */
export function loadLeaseSigningKey(path: string | undefined, uid: number): LeaseKey {
  if (path === undefined) return loadLeaseKey(generateLeaseKeyPem())
  const pem = readOrCreate(path, uid, () => Buffer.from(generateLeaseKeyPem(), 'utf8'))
  try {
    return loadLeaseKey(Buffer.from(pem).toString('utf8'))
  } catch (cause) {
    throw new StartupError('signing_key_failed', `${path} is not a P-256 private key in PEM`, {
      cause,
    })
  }
}

function readOrCreate(path: string, uid: number, create: () => Uint8Array): Uint8Array {
  assertPrivate(path, uid)
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new StartupError('signing_key_failed', `cannot read ${path}: ${String(error)}`)
    }
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const bytes = create()
  writeNewFile(path, bytes)
  return bytes
}

/**
 * Writes a file that did not exist, mode 0600 from the start, and makes it durable. It appears under
 * its name whole or not at all: half of a key would stop every later start.
 */
export function writeNewFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${randomUUID()}.tmp`
  const fd = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(fd, bytes)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  try {
    // Unlike a rename, it does not replace what somebody else has written meanwhile.
    linkSync(temporary, path)
  } finally {
    unlinkSync(temporary)
  }
}
