import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { generateLeaseKeyPem, type LeaseKey, loadLeaseKey } from '@latchgate/protocol/node'
import { StartupError } from '../config/posture.js'
import { assertPrivate } from '../config/protected-files.js'
import { writeNewFile } from '../durable-file.js'

/**
 * An Ed25519 seed: exactly 32 raw bytes, mode 0600, created when missing (spec/auth-and-evidence
 * 17.2). Without a path the key lives and dies with the process.
 */
export function loadSeed(path: string | undefined, uid: number): Uint8Array {
  if (path === undefined) return randomBytes(32)
  return readSeed(path, uid) ?? create(path, randomBytes(32))
}

/** The seed of a file as `loadSeed` takes it; null when there is none yet. Writes nothing. */
export function readSeed(path: string, uid: number): Uint8Array | null {
  const bytes = read(path, uid)
  if (bytes === null || bytes.length === 32) return bytes
  throw new StartupError(
    'signing_key_failed',
    `${path} has ${bytes.length} bytes: a signing key file is a seed of exactly 32 bytes`,
  )
}

/** The key that signs leases. Persisted, so that a restart logs nobody out (design 5). */
export function loadLeaseSigningKey(path: string | undefined, uid: number): LeaseKey {
  if (path === undefined) return loadLeaseKey(generateLeaseKeyPem())
  const known = readLeaseSigningKey(path, uid)
  if (known !== null) return known
  const pem = generateLeaseKeyPem()
  create(path, Buffer.from(pem, 'utf8'))
  return loadLeaseKey(pem)
}

/** The key of a file as `loadLeaseSigningKey` takes it; null when there is none yet. Writes nothing. */
export function readLeaseSigningKey(path: string, uid: number): LeaseKey | null {
  const pem = read(path, uid)
  try {
    return pem === null ? null : loadLeaseKey(Buffer.from(pem).toString('utf8'))
  } catch (cause) {
    throw new StartupError('signing_key_failed', `${path} is not a P-256 private key in PEM`, {
      cause,
    })
  }
}

function read(path: string, uid: number): Uint8Array | null {
  assertPrivate(path, uid)
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new StartupError('signing_key_failed', `cannot read ${path}: ${String(error)}`)
  }
}

function create(path: string, bytes: Uint8Array): Uint8Array {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeNewFile(path, bytes)
  return bytes
}
