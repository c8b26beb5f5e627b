import { existsSync, readFileSync } from 'node:fs'
import { formatVkey } from '@latchgate/evidence'
import type { GateConfig } from '@latchgate/gate'
import { Ed25519Signer, sha256, verifyEd25519 } from '@latchgate/protocol/node'
import { isSystemError } from './failures.js'

const SEED_BYTES = 32

/**
 * The public half of the log's key, as a C2SP vkey for `verify --key`; null where this user has no
 * such key (a gate that has not run yet, a member of the admin group).
 */
export function logVerifierKey(config: GateConfig): string | null {
  const path = config.log_signing_key_path
  if (path === undefined || !existsSync(path)) return null
  try {
    const seed = readFileSync(path)
    if (seed.length !== SEED_BYTES) return null
    const { publicKey } = Ed25519Signer.fromSeed(seed)
    return formatVkey({ sha256, verifyEd25519 }, config.gate_name, publicKey)
  } catch (error) {
    if (isSystemError(error)) return null
    throw error
  }
}
