import { randomBytes } from 'node:crypto'
import { type Commitment, commit, SALT_BYTES } from '@latchgate/evidence'
import { evidenceCrypto } from '../evidence-crypto.js'
import type { PayloadDraft } from '../ledger/port.js'

/** How long full arguments and outputs are kept before they are erased (design 4). */
export const PAYLOAD_RETENTION_MS: number = 24 * 3600 * 1000

/** Commits to bytes from an agent or an upstream with a fresh salt (notes/evidence 1). */
export function commitPayload(
  kind: PayloadDraft['kind'],
  bytes: Uint8Array,
  nowMs: number,
): { readonly commitment: Commitment; readonly draft: PayloadDraft } {
  const salt = freshSalt()
  const commitment = commit(evidenceCrypto, salt, bytes)
  const eraseAfter = nowMs + PAYLOAD_RETENTION_MS
  return { commitment, draft: { kind, hash: commitment.hash, salt, bytes, eraseAfter } }
}

// Asking the system for each salt costs more than hashing most payloads; no byte is given out twice.
const SALTS_AT_ONCE = 128
let salts: Uint8Array = new Uint8Array()

function freshSalt(): Uint8Array {
  if (salts.length === 0) salts = randomBytes(SALT_BYTES * SALTS_AT_ONCE)
  const salt = Uint8Array.from(salts.subarray(0, SALT_BYTES))
  salts.fill(0, 0, SALT_BYTES)
  salts = salts.subarray(SALT_BYTES)
  return salt
}
